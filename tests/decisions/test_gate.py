"""The table resolution_gate: who resolves a ticket."""

from typing import Any

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate


def ticket(**facts: Any) -> dict[str, Any]:
    """A calm customer, surely understood, who asks where a known order of 49.95 is."""
    usual = {
        "safety": False,
        "intent": "tracking",
        "intents": ["tracking"],
        "claim_amount": 4_995,
        "damaged": False,
        "refunded_before": False,
        "confidence": 0.95,
        "anger": 10,
        "vip": None,
        "order_known": True,
    }
    return {**usual, **facts}


def refund(amount: int | None, **facts: Any) -> dict[str, Any]:
    return ticket(**{"intent": "refund", "intents": ["refund"], "claim_amount": amount, **facts})


def gate(says: str, variables: dict[str, Any], route: str, rule: str) -> Case:
    return Case(says, "resolution_gate", variables, route, f"Rule_Gate_{rule}")


CASES = [
    gate("danger is escalated", ticket(safety=True), "escalate", "Hurt"),
    gate("also with a small refund", refund(500, safety=True, damaged=True), "escalate", "Hurt"),
    gate("danger that is not known is danger", ticket(safety=None), "escalate", "SafetyUnknown"),
    gate("above 50.00", refund(5_001), "escalate", "Large"),
    gate("above 50.00 and damaged", refund(5_001, damaged=True), "escalate", "Large"),
    gate("50.00 is a person's", refund(5_000), "ask_human", "Between"),
    gate("20.00 is a person's, also damaged", refund(2_000, damaged=True), "ask_human", "Between"),
    gate("just below, and damaged", refund(1_999, damaged=True), "auto_refund", "DamagedSmall"),
    gate("just below, not damaged", refund(1_999), "ask_human", "NotDamaged"),
    gate("the smallest", refund(1, damaged=True), "auto_refund", "DamagedSmall"),
    gate("nothing was paid", refund(0, damaged=True), "ask_human", "Refund"),
    gate("a complaint that also wants money", refund(900, intent="complaint", damaged=True,
         intents=["complaint", "refund"]), "auto_refund", "DamagedSmall"),
    gate("a complaint that wants none", ticket(intent="complaint", intents=["complaint"], damaged=True),
         "ask_human", "Otherwise"),
    gate("a second refund of the order", refund(900, damaged=True, refunded_before=True), "ask_human",
         "RefundedBefore"),
    gate("nobody knows of earlier refunds", refund(900, damaged=True, refunded_before=None), "ask_human",
         "RefundedBefore"),
    gate("damaged, but of no known order", refund(None, damaged=True, order_known=False), "ask_human", "Refund"),
    gate("damaged, and furious", refund(900, damaged=True, anger=80), "ask_human", "Refund"),
    gate("damaged, and a VIP", refund(900, damaged=True, vip=True), "ask_human", "Refund"),
    gate("a VIP is not sure to be one", refund(900, damaged=True, vip=False), "auto_refund", "DamagedSmall"),
    gate("hardly understood", refund(900, damaged=True, confidence=0.69), "ask_human", "Unsure"),
    gate("not understood at all", ticket(confidence=None), "ask_human", "Unsure"),
    gate("understood well enough to read a draft", ticket(confidence=0.84), "ask_human", "Otherwise"),
    gate("and from here on to be answered", ticket(confidence=0.85), "auto_reply", "Tracking"),
    gate("for a refund, from here on", refund(900, damaged=True, confidence=0.7), "auto_refund", "DamagedSmall"),
    gate("furious about a parcel", ticket(anger=80), "ask_human", "Angry"),
    gate("angry about a parcel", ticket(anger=79), "auto_reply", "Tracking"),
    gate("a VIP's parcel", ticket(vip=True), "ask_human", "Vip"),
    gate("a parcel of no known order", ticket(order_known=False), "ask_human", "Otherwise"),
    gate("a question about an article", ticket(intent="product_info", intents=["product_info"]), "ask_human",
         "Otherwise"),
]  # fmt: skip


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_resolution_gate(evaluate: Evaluate, case: Case) -> None:
    decided = evaluate(case.decision, case.variables)
    assert decided.output["route"] == case.output
    assert decided.fired == {case.rule}
    assert decided.output["why"]


@pytest.mark.engine
def test_nothing_at_all_is_escalated(evaluate: Evaluate) -> None:
    """Without any facts nobody knows that it is safe."""
    assert evaluate("resolution_gate", {}).output["route"] == "escalate"
