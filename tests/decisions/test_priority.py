"""The table triage_priority: how urgent a ticket is, and whose."""

from typing import Any

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

URGENT, HIGH, NORMAL, LOW = (15, 60, 240), (60, 120, 480), (240, 480, 1440), (480, 960, 2400)


def ticket(**facts: Any) -> dict[str, Any]:
    """A calm question of a known customer about an order of theirs."""
    usual = {"safety": False, "anger": 0, "vip": None, "first_time": False, "open_orders": 0, "intent": "tracking"}
    return {**usual, **facts}


def priority(
    says: str, variables: dict[str, Any], level: str, times: tuple[int, ...], rule: str, queue: str = "support"
) -> Case:
    return Case(says, "triage_priority", variables, (level, queue, *times), f"Rule_Priority_{rule}")


CASES = [
    priority("danger comes first", ticket(safety=True, anger=100, vip=True), "urgent", URGENT, "Hurt", "lead"),
    priority("from here on somebody is furious", ticket(anger=80), "high", HIGH, "Furious", "lead"),
    priority("a VIP who is furious, too", ticket(anger=90, vip=True), "high", HIGH, "Furious", "lead"),
    priority("angry, not furious", ticket(anger=79), "high", HIGH, "Angry"),
    priority("angry begins here", ticket(anger=50, intent="other"), "high", HIGH, "Angry"),
    priority("annoyed is not angry", ticket(anger=49), "normal", NORMAL, "AboutAnOrder"),
    priority("a VIP with a question", ticket(vip=True, intent="product_info"), "high", HIGH, "Vip"),
    priority("no VIP, and the shop says so", ticket(vip=False), "normal", NORMAL, "AboutAnOrder"),
    priority("cancelling before it ships", ticket(intent="cancel", open_orders=1), "high", HIGH, "BeforeItShips"),
    priority("the address, too", ticket(intent="address_change", open_orders=2), "high", HIGH, "BeforeItShips"),
    priority("too late to cancel", ticket(intent="cancel"), "normal", NORMAL, "AboutAnOrder"),
    priority("a first order gone wrong", ticket(intent="complaint", first_time=True), "high", HIGH, "FirstOrder"),
    priority(
        "a question after a first order", ticket(intent="product_info", first_time=True), "low", LOW, "Question"
    ),
    priority("a refund", ticket(intent="refund"), "normal", NORMAL, "AboutAnOrder"),
    priority("a question", ticket(intent="product_info"), "low", LOW, "Question"),
    priority("thanks", ticket(intent="other"), "low", LOW, "Question"),
    priority("a customer whom nobody knows", ticket(first_time=None), "normal", NORMAL, "AboutAnOrder"),
    priority("nothing is known", {}, "normal", NORMAL, "Otherwise"),
    priority("a new intent", ticket(intent="gift_card"), "normal", NORMAL, "Otherwise"),
]


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_triage_priority(evaluate: Evaluate, case: Case) -> None:
    decided = evaluate(case.decision, case.variables)
    names = ("priority", "queue", "first_response", "update", "resolution")
    assert decided.output == dict(zip(names, case.output, strict=True))
    assert decided.fired == {case.rule}
