"""The table hazard_threshold: how many reports of a hazard, within how many days, stop advertising a product."""

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate
from workers.ports.analysis import Hazard

TWICE, WOUNDS = {"reports": 2, "within_days": 30}, {"reports": 3, "within_days": 14}
ILL, ELSE = {"reports": 4, "within_days": 30}, {"reports": 3, "within_days": 30}
EXPECTED = {
    "burn": (TWICE, "Heat"),
    "fire": (TWICE, "Heat"),
    "shock": (TWICE, "Heat"),
    "choking": (TWICE, "Heat"),
    "poison": (TWICE, "Heat"),
    "cut": (WOUNDS, "Wound"),
    "fall": (WOUNDS, "Wound"),
    "impact": (WOUNDS, "Wound"),
    "trapped": (WOUNDS, "Wound"),
    "allergy": (ILL, "Body"),
    "illness": (ILL, "Body"),
    "injury": (ELSE, "Otherwise"),
}
CASES = [
    Case(f"of {kind}", "hazard_threshold", {"hazard": kind}, output, f"Rule_Threshold_{rule}")
    for kind, (output, rule) in EXPECTED.items()
]


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert (result.output, result.fired) == (case.output, frozenset({case.rule}))


def test_every_kind_that_the_analysis_finds_is_decided_about() -> None:
    assert EXPECTED.keys() == {kind.value for kind in Hazard}


@pytest.mark.engine
def test_what_nobody_knows_counts_like_an_injury(evaluate: Evaluate) -> None:
    assert evaluate("hazard_threshold", {"hazard": None}).output == ELSE
