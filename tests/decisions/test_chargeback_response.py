"""The table chargeback_response: how a dispute is answered, and what is done when nobody decides."""

from typing import Any

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

DELIVERED = {"delivered": True, "tracked": True, "address_matches": True}
ELSEWHERE = {**DELIVERED, "address_matches": False}
ON_ITS_WAY = {"delivered": False, "tracked": True, "address_matches": False}
NOT_SENT = {"delivered": False, "tracked": False, "address_matches": False}


def dispute(reason: str | None, at_stake: int | None, shown: dict[str, bool], **changes: Any) -> dict[str, Any]:
    return {"dispute_reason": reason, "at_stake": at_stake, "order_known": True, **shown, **changes}


def answers(says: str, variables: dict[str, Any], response: str, fallback: str, rule: str) -> Case:
    return Case(says, "chargeback_response", variables, (response, fallback), f"Rule_Response_{rule}")


NOT_RECEIVED, FRAUD, CREDIT, QUALITY = (
    "product_not_received",
    "fraudulent",
    "credit_not_processed",
    "product_unacceptable",
)
CASES = [
    answers(*case)
    for case in (
        ("what was refunded is accepted", dispute(NOT_RECEIVED, 0, DELIVERED), "accept", "accept", "Refunded"),
        (
            "what was refunded is accepted although nobody knows the order",
            dispute(NOT_RECEIVED, 0, NOT_SENT, order_known=False),
            "accept",
            "accept",
            "Refunded",
        ),
        (
            "an order that nobody knows is for a person",
            dispute(NOT_RECEIVED, 1, NOT_SENT, order_known=False),
            "ask_human",
            "submit",
            "UnknownOrder",
        ),
        ("a small credit is let go", dispute(CREDIT, 1999, DELIVERED), "accept", "accept", "SmallCredit"),
        ("from here on it is looked into", dispute(CREDIT, 2000, DELIVERED), "ask_human", "accept", "Credit"),
        ("a double charge too", dispute("duplicate", 9000, NOT_SENT), "ask_human", "accept", "Credit"),
        ("delivered is proof", dispute(NOT_RECEIVED, 49999, DELIVERED), "submit", "submit", "ReceivedSmall"),
        (
            "from here on a person looks at it",
            dispute(NOT_RECEIVED, 50000, DELIVERED),
            "ask_human",
            "submit",
            "ReceivedLarge",
        ),
        (
            "delivered elsewhere is no proof",
            dispute(NOT_RECEIVED, 100, ELSEWHERE),
            "ask_human",
            "submit",
            "ReceivedElsewhere",
        ),
        ("on its way", dispute(NOT_RECEIVED, 60000, ON_ITS_WAY), "ask_human", "submit", "OnItsWay"),
        ("never sent", dispute(NOT_RECEIVED, 9999, NOT_SENT), "accept", "accept", "NotSentSmall"),
        (
            "never sent, and much is at stake",
            dispute(NOT_RECEIVED, 10000, NOT_SENT),
            "ask_human",
            "accept",
            "NotSentLarge",
        ),
        ("who got the goods paid", dispute(FRAUD, 4999, DELIVERED), "submit", "submit", "FraudProved"),
        ("up to here", dispute("unrecognized", 49999, DELIVERED), "submit", "submit", "FraudProved"),
        ("then a person looks at it", dispute(FRAUD, 50000, DELIVERED), "ask_human", "submit", "Fraud"),
        ("a small fraud is let go", dispute(FRAUD, 4999, ELSEWHERE), "accept", "accept", "FraudSmall"),
        ("a larger one is for a person", dispute(FRAUD, 5000, NOT_SENT), "ask_human", "submit", "Fraud"),
        (
            "small disappointments are let go",
            dispute(QUALITY, 1999, DELIVERED),
            "accept",
            "accept",
            "QualitySmall",
        ),
        ("larger ones are read", dispute(QUALITY, 2000, DELIVERED), "ask_human", "submit", "Quality"),
        ("other reasons", dispute("bank_cannot_process", 1, DELIVERED), "ask_human", "submit", "Otherwise"),
        ("a reason we do not know", dispute("SOMETHING_NEW", 1, DELIVERED), "ask_human", "submit", "Otherwise"),
        ("no reason", dispute(None, 1, DELIVERED), "ask_human", "submit", "Otherwise"),
        ("an unknown amount", dispute(NOT_RECEIVED, None, DELIVERED), "ask_human", "submit", "Otherwise"),
    )
]
WORDS = [
    Case(
        f"{word} is {stripes}",
        "chargeback_response_reason",
        {"dispute_reason": word},
        stripes,
        f"Rule_Reason_{rule}",
    )
    for word, stripes, rule in (
        ("MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "product_not_received", "NotReceived"),
        ("MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED", "product_unacceptable", "NotAsDescribed"),
        ("UNAUTHORISED", "fraudulent", "Unauthorised"),
        ("UNAUTHORIZED", "fraudulent", "Unauthorised"),
        ("CREDIT_NOT_PROCESSED", "credit_not_processed", "CreditNotProcessed"),
        ("DUPLICATE_TRANSACTION", "duplicate", "Duplicate"),
        ("PAYMENT_BY_OTHER_MEANS", "duplicate", "Duplicate"),
        ("CANCELED_RECURRING_BILLING", "subscription_canceled", "Recurring"),
        ("INCORRECT_AMOUNT", "general", "Other"),
        ("PROBLEM_WITH_REMITTANCE", "general", "Other"),
        ("OTHER", "general", "Other"),
        ("fraudulent", "fraudulent", "Stripe"),
        ("something_new", "something_new", "Stripe"),
    )
]
CASES += WORDS


@pytest.mark.engine
@pytest.mark.parametrize("case", rows([case for case in CASES if case not in WORDS]))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert (result.output["response"], result.output["fallback"]) == case.output
    assert result.output["reason"]
    assert case.rule in result.fired


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(WORDS))
def test_the_words_of_both_providers_are_brought_to_stripes(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert case.rule in result.fired
