"""The table refund_policy: how many people have to approve a refund, and whose task it is."""

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

NOBODY = {"approvals": 0, "group": "support"}
ONE_AGENT = {"approvals": 1, "group": "support"}
ONE_LEAD = {"approvals": 1, "group": "lead"}
FOUR_EYES = {"approvals": 2, "group": "lead"}

CASES = [
    Case(says, "refund_policy", {"amount": amount, "reason": reason}, output, rule and f"Rule_Refund_{rule}")
    for says, amount, reason, output, rule in (
        ("damaged goods up to 20.00 need nobody", 2_000, "damaged", NOBODY, "SmallDamaged"),
        ("the smallest amount of damaged goods needs nobody", 1, "damaged", NOBODY, "SmallDamaged"),
        ("any other reason needs an agent", 2_000, "changed_mind", ONE_AGENT, "SmallOther"),
        ("from 20.01 on damaged goods need an agent", 2_001, "damaged", ONE_AGENT, "Middle"),
        ("up to 50.00 an agent is enough", 5_000, "changed_mind", ONE_AGENT, "Middle"),
        ("above 50.00 it is a lead", 5_001, "damaged", ONE_LEAD, "Large"),
        ("up to 500.00 one lead is enough", 50_000, "lost", ONE_LEAD, "Large"),
        ("above 500.00 it takes four eyes", 50_001, "damaged", FOUR_EYES, "VeryLarge"),
        ("without an amount no rule fires, and the strictest answer counts", None, "damaged", FOUR_EYES, None),
    )
]


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert result.fired == (frozenset({case.rule}) if case.rule else frozenset())


@pytest.mark.engine
def test_an_unknown_reason_never_needs_nobody(evaluate: Evaluate) -> None:
    assert evaluate("refund_policy", {"amount": 1_000, "reason": None}).output["approvals"] > 0
