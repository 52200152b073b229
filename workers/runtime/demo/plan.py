"""What is to happen to each order of a demo, decided by its id alone, so that a run can be repeated."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import cycle
from typing import Any

from workers.ports.shop import PAID

Json = dict[str, Any]


class Trouble(StrEnum):
    """What can be made to go wrong with an order."""

    SOLD_OUT = "sold out at the best supplier"
    SOLD_OUT_LATE = "sold out while ordering"
    NONE_LEFT_REFUND = "none left, customer wants the money"
    NONE_LEFT_WAIT = "none left, customer waits"
    BAD_ADDRESS = "wrong address, customer corrects"
    BAD_ADDRESS_AGENT = "wrong address, agent corrects"
    CANCELLED = "cancelled by the customer"
    ANSWER_LOST = "supplier's answer lost"
    ERROR_AFTER = "supplier's error after ordering"
    BUSY = "supplier busy"


class Journey(StrEnum):
    """What becomes of the goods, and of the money, once they are bought."""

    DELIVERED = "delivered"
    TWO_PARCELS = "delivered in two parcels"
    QUIET = "stands still for ten days"
    LOST = "lost, and none is left"
    DAMAGED = "damaged on arrival"
    DISPUTE_WON = "disputed though delivered"
    DISPUTE_LOST = "disputed, and the bank believes the customer"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a customer tells the bank, and how that ends."""

    reason: str
    """In Stripe's words."""
    won: bool


DISPUTES = {
    Journey.DISPUTE_WON: Claim("product_not_received", won=True),
    Journey.DISPUTE_LOST: Claim("fraudulent", won=False),
}
ENDS = {
    Journey.QUIET: frozenset({"delivered", "refunded"}),
    Journey.LOST: frozenset({"refunded"}),
    Journey.DAMAGED: frozenset({"refunded"}),
    Journey.DISPUTE_WON: frozenset({"chargeback_won"}),
    Journey.DISPUTE_LOST: frozenset({"chargeback_lost", "chargeback_accepted"}),
}
"""How a case may end whose goods were bought, where that is not simply as delivered.

What stood still is sent again, or paid back where nobody has it any more."""

SUPPLIER_ERRORS = (Trouble.ANSWER_LOST, Trouble.ERROR_AFTER, Trouble.BUSY)


class Letter(StrEnum):
    """What a customer writes to us about an order; the words themselves."""

    WHERE = "Hello, where is my order? When will it arrive?"
    QUESTION = "Is there a manual for the article that I ordered, and in which languages?"
    DANGER = "It got so hot that it burned my hand!"


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of orders, each decided for itself: one order may have several troubles."""

    duplicates: float = 0.10
    out_of_stock: float = 0.05
    bad_addresses: float = 0.05
    supplier_errors: float = 0.05
    delays: float = 0.04
    """Parcels that stand still or get lost."""
    refunds: float = 0.04
    """Goods that arrive damaged."""
    disputes: float = 0.02
    tickets: float = 0.10
    """Customers who write to us."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One order with what is to happen to it."""

    order: Json
    """As its webhook tells it; with a wrong address if that is planned."""
    right_address: Json
    """What customer or agent will give when asked, in the shop's form."""
    troubles: frozenset[Trouble] = frozenset()
    journey: Journey = Journey.DELIVERED
    repeated: bool = False
    """Delivered a second time."""
    fresh_delivery_id: bool = False
    """The second delivery has an id of its own, as a replay has."""
    letter: Letter | None = None
    """What the customer writes, once the order was paid."""

    @property
    def case_id(self) -> str:
        """The shop's order id."""
        return str(self.order["id"])

    @property
    def expected(self) -> frozenset[str]:
        """How the case may end."""
        if self.order.get("cancelled_at") or self.order.get("financial_status") not in PAID:
            return frozenset({"cancelled"})
        if Trouble.CANCELLED in self.troubles:
            return frozenset({"cancelled", "marked_for_return", "recalled", "recalled_too_late", "delivered"})
        if Trouble.NONE_LEFT_REFUND in self.troubles:
            return frozenset({"refunded"})
        return ENDS.get(self.journey, frozenset({"delivered"}))


@dataclass(slots=True)
class Plan:
    """All orders of a demo."""

    orders: list[Planned] = field(default_factory=list)

    @property
    def by_case(self) -> dict[str, Planned]:
        """By the shop's order id."""
        return {planned.case_id: planned for planned in self.orders}


def share(case_id: str, what: str) -> float:
    """A number from 0 up to 1, the same for the same order and question in every run."""
    digest = hashlib.blake2b(f"{what} {case_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def by_rates(orders: Iterable[Json], rates: Rates) -> Plan:
    """Troubles strike the given shares of the orders."""
    return Plan([_by_rates(order, rates) for order in orders])


def _by_rates(order: Json, rates: Rates) -> Planned:
    case_id = str(order["id"])
    troubles: set[Trouble] = set()
    if (drawn := share(case_id, "stock")) < rates.out_of_stock:
        troubles.add(Trouble.SOLD_OUT if drawn < rates.out_of_stock / 2 else Trouble.SOLD_OUT_LATE)
    if share(case_id, "address") < rates.bad_addresses:
        troubles.add(Trouble.BAD_ADDRESS)
    if (drawn := share(case_id, "supplier")) < rates.supplier_errors:
        troubles.add(SUPPLIER_ERRORS[int(drawn / rates.supplier_errors * len(SUPPLIER_ERRORS))])
    repeated = share(case_id, "repeated") < rates.duplicates
    journey = _journey_by_rates(case_id, rates)
    one = planned(order, troubles, journey, repeated=repeated, fresh=share(case_id, "fresh") < 0.5)
    if (drawn := share(case_id, "letter")) >= rates.tickets:
        return one
    return with_letter(one, list(Letter)[int(drawn / rates.tickets * len(Letter))])


def _journey_by_rates(case_id: str, rates: Rates) -> Journey:
    drawn, upto = share(case_id, "journey"), 0.0
    for journeys, rate in (
        ((Journey.QUIET, Journey.LOST), rates.delays),
        ((Journey.DAMAGED,), rates.refunds),
        (tuple(DISPUTES), rates.disputes),
    ):
        if drawn < upto + rate:
            return journeys[int((drawn - upto) / rate * len(journeys))]
        upto += rate
    return Journey.TWO_PARCELS if share(case_id, "parcels") < 0.1 else Journey.DELIVERED


def one_of_each(orders: Sequence[Json]) -> Plan:
    """Every trouble and every journey has one order, in turn, as far as the orders go; every fifth is delivered
    twice, and of every fourth the customer writes to us."""
    troubles, journeys, letters = list(Trouble), list(Journey), cycle(Letter)
    plan = Plan()
    for number, order in enumerate(orders):
        strike = [troubles.pop(0)] if troubles and number % 2 else []
        journey = journeys.pop(0) if journeys and not strike else Journey.DELIVERED
        one = planned(order, strike, journey, repeated=number % 5 == 0, fresh=number % 10 == 0)
        plan.orders.append(with_letter(one, next(letters)) if number % 4 == 0 else one)
    return plan


def with_letter(one: Planned, letter: Letter) -> Planned:
    """The same, and the customer writes to us; who has no mail address cannot."""
    return replace(one, letter=letter) if one.order.get("email") else one


def planned(
    order: Json,
    troubles: Iterable[Trouble],
    journey: Journey = Journey.DELIVERED,
    *,
    repeated: bool,
    fresh: bool,
) -> Planned:
    """An order with its troubles built in."""
    struck = frozenset(troubles)
    right = order.get("shipping_address") or {}
    wrong = struck & {Trouble.BAD_ADDRESS, Trouble.BAD_ADDRESS_AGENT, Trouble.CANCELLED}
    if wrong:
        order = {**order, "shipping_address": {**right, "zip": "", "city": ""}}
    return Planned(order, right, struck, journey, repeated, fresh)
