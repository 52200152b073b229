"""What keeps an answer from being sent without a person."""

from dataclasses import replace

import pytest

from workers.casefile.guardrails import LONGEST, complaints
from workers.ports.replies import ReplyFacts
from workers.ports.values import Money

FACTS = ReplyFacts("tracking", "en", order_number="#1001", carrier="dhl", tracking_number="JD0146")
PAID = replace(FACTS, intent="refund", tracking_number=None, refunded=Money(1_500, "EUR"))
GOOD = "Your order #1001 is on its way with DHL: JD0146. It was sent on 2026-03-05."


def found(draft: str, facts: ReplyFacts = FACTS, language: str | None = "en", unsafe: bool = False) -> list[str]:
    return list(complaints(draft, facts, language=language, unsafe=unsafe))


def test_what_is_true_may_be_sent() -> None:
    assert found(GOOD) == []
    assert found("We have paid 15.00 EUR back for order #1001 on 5 March 2026.", PAID) == []


@pytest.mark.parametrize(
    "words",
    [
        "We refund you.",
        "You get your money back.",
        "Here is a voucher.",
        "We send you a new one.",
        "It will be replaced.",
        "That is free of charge.",
        "I promise it.",
        "Wir erstatten es.",
        "Sie erhalten einen Gutschein.",
        "Nous allons vous rembourser.",
    ],
)
def test_nothing_is_promised_that_nobody_decided(words: str) -> None:
    assert "it promises something that nobody decided" in found(f"{GOOD} {words}")


@pytest.mark.parametrize("amount", ["500 EUR", "€500", "500€", "15.01 EUR", "1500 EUR", "15 dollars"])
def test_no_other_amount_is_named(amount: str) -> None:
    assert found(f"We have paid {amount} back for order #1001.", PAID) != []


@pytest.mark.parametrize(
    "number", ["#1002", "order 100200", "JD0147", "IBAN DE89370400440532013000", "0170 1234567"]
)
def test_no_other_number_is_named(number: str) -> None:
    assert found(f"{GOOD} {number}") == ["it names a number that is not of this order"]


@pytest.mark.parametrize("where", ["https://evil.example", "www.evil.example", "write to bob@example.com"])
def test_it_leads_nowhere_else(where: str) -> None:
    assert "it leads to another address" in found(f"{GOOD} {where}")


@pytest.mark.parametrize("missing", ["Your parcel JD0146 is on its way.", "Order #1001 is on its way."])
def test_the_right_order_and_parcel_are_named(missing: str) -> None:
    assert len(found(missing)) == 1


@pytest.mark.parametrize("language", ["de", None])
def test_it_is_in_the_customers_language(language: str | None) -> None:
    assert found(GOOD, language=language) == ["it is not in the language of the customer (en)"]


def test_for_a_language_that_is_not_known_a_person_answers() -> None:
    assert found(GOOD, replace(FACTS, language=None), language=None) != []


@pytest.mark.parametrize("draft", ["", "  \n", f"{GOOD} {'very ' * LONGEST}"])
def test_it_says_something_and_not_too_much(draft: str) -> None:
    assert "it is empty or too long" in found(draft)


def test_where_somebody_may_get_hurt_a_person_answers() -> None:
    assert found(GOOD, unsafe=True) == ["somebody may get hurt: a person answers"]
