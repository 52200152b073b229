"""The table escalation_chain: who is alerted in which round, how, and how long is waited then."""

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

NOON, MIDNIGHT = 12, 0


def step(who: str, how: str, level: str, minutes: int, *, stops: bool = True) -> dict[str, object]:
    return {"who": who, "how": how, "level": level, "wait_minutes": minutes, "stop_on_claim": stops}


CASES = [
    Case(
        says,
        "escalation_chain",
        {"chain_round": chain_round, "safety": safety, "priority": priority, "hour": hour},
        output,
        rule and f"Rule_Chain_{rule}",
    )
    for says, chain_round, safety, priority, hour, output, rule in (
        (
            "danger wakes whoever is on call at night, and a lead hears of it in any case",
            *(1, True, "low", MIDNIGHT, step("on-call", "both", "critical", 5, stops=False), "SafetyFirst"),
        ),
        ("then a lead", 2, True, "low", NOON, step("lead", "both", "critical", 10), "SafetyLead"),
        ("then the owner", 3, True, "urgent", NOON, step("owner", "both", "critical", 10), "SafetyOwner"),
        ("then everyone", 4, True, "high", NOON, step("everyone", "both", "critical", 30), "SafetyEveryone"),
        ("and once more", 5, True, "high", NOON, step("everyone", "both", "critical", 30), "SafetyEveryone"),
        ("five rounds are all", 6, True, "urgent", NOON, None, None),
        ("urgent is loud", 1, False, "urgent", 23, step("on-call", "both", "warning", 15), "UrgentFirst"),
        ("so is high", 2, False, "high", NOON, step("lead", "both", "critical", 30), "UrgentLead"),
        ("the owner is third", 3, False, "high", NOON, step("owner", "both", "critical", 60), "UrgentOwner"),
        ("what is only costly ends with the owner", 4, False, "urgent", NOON, None, None),
        ("less wakes nobody from 22 on", 1, False, "normal", 22, step("on-call", "chat", "info", 480), "Night"),
        ("nor before 7", 1, False, "low", 6, step("on-call", "chat", "info", 480), "Night"),
        ("at 7 it is day", 1, False, "normal", 7, step("on-call", "chat", "warning", 60), "First"),
        ("at 21 it still is", 1, False, "normal", 21, step("on-call", "chat", "warning", 60), "First"),
        ("then a phone", 2, False, "low", NOON, step("on-call", "push", "warning", 60), "Second"),
        ("then a lead for it", 3, False, "low", NOON, step("lead", "both", "warning", 120), "Third"),
        ("and that is all", 4, False, "low", NOON, None, None),
    )
]


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert result.fired == (frozenset({case.rule}) if case.rule else frozenset())


@pytest.mark.engine
@pytest.mark.parametrize("chain_round", range(1, 4))
@pytest.mark.parametrize("priority", [None, "urgent", "what nobody knows"])
def test_whatever_is_not_known_somebody_hears_of_it(
    evaluate: Evaluate, chain_round: int, priority: object
) -> None:
    asked = {"chain_round": chain_round, "safety": None, "priority": priority, "hour": None}
    assert evaluate("escalation_chain", asked).output is not None
