"""The table refund_policy: how many people have to approve a refund, and whose task it is."""

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

NOBODY = {"approvals": 0, "group": "support"}
ONE_AGENT = {"approvals": 1, "group": "support"}
ONE_LEAD = {"approvals": 1, "group": "lead"}
FOUR_EYES = {"approvals": 2, "group": "lead"}

CASES = [
    Case(
        says,
        "refund_policy",
        {"amount": amount, "reason": reason, "unasked_before": before},
        output,
        rule and f"Rule_Refund_{rule}",
    )
    for says, amount, reason, before, output, rule in (
        ("damaged goods up to 20.00 need nobody", 2_000, "damaged", 0, NOBODY, "SmallDamaged"),
        ("the smallest amount of damaged goods needs nobody", 1, "damaged", 0, NOBODY, "SmallDamaged"),
        ("several that come to 20.00 need nobody", 500, "damaged", 1_500, NOBODY, "SmallDamaged"),
        ("several that come to more need an agent", 500, "damaged", 1_501, ONE_AGENT, "SmallDamagedAgain"),
        ("not knowing what went before is no reason to ask nobody", 1, "damaged", None, FOUR_EYES, None),
        ("any other reason needs an agent", 2_000, "changed_mind", 0, ONE_AGENT, "SmallOther"),
        ("from 20.01 on damaged goods need an agent", 2_001, "damaged", 0, ONE_AGENT, "Middle"),
        ("up to 50.00 an agent is enough", 5_000, "changed_mind", 0, ONE_AGENT, "Middle"),
        ("above 50.00 it is a lead", 5_001, "damaged", 0, ONE_LEAD, "Large"),
        ("up to 500.00 one lead is enough", 50_000, "lost", 90_000, ONE_LEAD, "Large"),
        ("above 500.00 it takes four eyes", 50_001, "damaged", 0, FOUR_EYES, "VeryLarge"),
        ("without an amount no rule fires, and the strictest answer counts", None, "damaged", 0, FOUR_EYES, None),
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
    assert (
        evaluate("refund_policy", {"amount": 1_000, "reason": None, "unasked_before": 0}).output["approvals"] > 0
    )
