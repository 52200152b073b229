"""Whoever adds a rule to a table adds a row to its test: a rule that no row fires is named here."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.decisions import (
    test_address_check,
    test_chargeback_response,
    test_escalation_chain,
    test_gate,
    test_hazard_threshold,
    test_no_answer,
    test_priority,
    test_refund_policy,
    test_remedy,
    test_supplier,
)
from tests.decisions.conftest import MODELS, Evaluate

DMN = "{https://www.omg.org/spec/DMN/20191111/MODEL/}"
MODULES = (
    test_address_check,
    test_chargeback_response,
    test_escalation_chain,
    test_hazard_threshold,
    test_gate,
    test_no_answer,
    test_priority,
    test_refund_policy,
    test_remedy,
    test_supplier,
)
CASES = [case for module in MODULES for case in module.CASES]


@pytest.mark.engine
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_every_rule_is_fired_by_some_row(evaluate: Evaluate, model: Path) -> None:
    tree = ET.parse(model)
    decisions = {decision.attrib["id"] for decision in tree.iter(f"{DMN}decision")}
    fired = {
        rule
        for case in CASES
        if case.decision in decisions
        for rule in evaluate(case.decision, case.variables).fired
    }
    untested = {rule.attrib["id"] for rule in tree.iter(f"{DMN}rule")} - fired
    assert untested == set(), f"rules of {model.name} that no row in tests/decisions fires"
