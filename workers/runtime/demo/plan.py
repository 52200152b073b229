"""What is to happen to each order of a demo, decided by its id alone, so that a run can be repeated."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
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


SUPPLIER_ERRORS = (Trouble.ANSWER_LOST, Trouble.ERROR_AFTER, Trouble.BUSY)


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of orders, each decided for itself: one order may have several troubles."""

    duplicates: float = 0.10
    out_of_stock: float = 0.05
    bad_addresses: float = 0.05
    supplier_errors: float = 0.05


@dataclass(frozen=True, slots=True)
class Planned:
    """One order with what is to happen to it."""

    order: Json
    """As its webhook tells it; with a wrong address if that is planned."""
    right_address: Json
    """What customer or agent will give when asked, in the shop's form."""
    troubles: frozenset[Trouble] = frozenset()
    repeated: bool = False
    """Delivered a second time."""
    fresh_delivery_id: bool = False
    """The second delivery has an id of its own, as a replay has."""

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
            return frozenset({"cancelled", "marked_for_return"})
        if Trouble.NONE_LEFT_REFUND in self.troubles:
            return frozenset({"refund_requested"})
        return frozenset({"supplied"})


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
    return planned(order, troubles, repeated=repeated, fresh=share(case_id, "fresh") < 0.5)


def one_of_each(orders: Sequence[Json]) -> Plan:
    """Every trouble strikes one order, in turn, as far as the orders go; every fifth is delivered twice."""
    waiting = list(Trouble)
    plan = Plan()
    for number, order in enumerate(orders):
        strike = [waiting.pop(0)] if waiting and number % 2 else []
        plan.orders.append(planned(order, strike, repeated=number % 5 == 0, fresh=number % 10 == 0))
    return plan


def planned(order: Json, troubles: Iterable[Trouble], *, repeated: bool, fresh: bool) -> Planned:
    """An order with its troubles built in."""
    struck = frozenset(troubles)
    right = order.get("shipping_address") or {}
    wrong = struck & {Trouble.BAD_ADDRESS, Trouble.BAD_ADDRESS_AGENT, Trouble.CANCELLED}
    if wrong:
        order = {**order, "shipping_address": {**right, "zip": "", "city": ""}}
    return Planned(order, right, struck, repeated, fresh)
