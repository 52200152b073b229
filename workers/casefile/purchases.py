"""Buying an order's goods from a supplier: through the journal, under a reference that the supplier keeps."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workers.casefile.cases import Entry
from workers.casefile.journal import Intent, Journal
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.shop import Order
from workers.ports.supplier import OutOfStockError, SupplierOrder, Suppliers
from workers.ports.values import Money
from workers.runtime.errors import BusinessOutcome


@dataclass(frozen=True, slots=True)
class Purchase:
    """The one purchase of an order, or that to send it again for the nth time."""

    order_id: str
    again: int = 0

    @property
    def reference(self) -> str:
        """Ours, in the supplier's books."""
        return f"orderops-{self.order_id}{self._suffix}"

    @property
    def key(self) -> str:
        """In the journal."""
        return f"supplier_order:{self.order_id}{self._suffix}"

    def posting(self, bought_as: str, cost: Money) -> Posting:
        """What it cost, for the ledger; `bought_as` is the supplier's own id of it."""
        key = f"cogs:{self._name}"
        return Posting(key=key, account="COGS", amount=cost, order_id=self.order_id, memo=bought_as)

    def announcement(self, bought_as: str, cost: Money) -> Event:
        """For others: `supplier_order_placed`, its cost in minor units."""
        payload = {
            "shopify_order_id": self.order_id,
            "supplier_order_id": bought_as,
            "cost": cost.minor,
            "currency": cost.currency,
        }
        return Event(f"supplier_order_placed:{self._name}", "supplier_order_placed", payload)

    @property
    def _suffix(self) -> str:
        return f"-reship-{self.again}" if self.again else ""

    @property
    def _name(self) -> str:
        """In the ledger and among the events."""
        return f"{self.order_id}:reship-{self.again}" if self.again else self.order_id


@dataclass(frozen=True, slots=True)
class Deal:
    """What is bought of whom, at which price."""

    order: Order
    supplier: str
    cost: Money
    cost_before: int = 0
    """What the goods of the order have cost already; minor units."""


class Purchases:
    """Makes purchases, finds them, or sees to it that they are never made."""

    def __init__(self, suppliers: Suppliers, journal: Journal) -> None:
        self._suppliers = suppliers
        self._journal = journal

    async def buy(self, purchase: Purchase, deal: Deal, sold_out: StrEnum) -> SupplierOrder:
        """Once per purchase: by the journal, and by our reference in the supplier's own books.

        Raises BusinessOutcome `sold_out` when the supplier has none left, OutcomeUnknown when it may have it.
        """

        async def call() -> SupplierOrder:
            try:
                return await self._suppliers.place_order(
                    deal.supplier, purchase.reference, deal.order.lines, deal.order.shipping_address, deal.cost
                )
            except OutOfStockError as error:
                raise BusinessOutcome(sold_out, f"{deal.supplier} has sold out") from error

        request = {"supplier": deal.supplier, "cost": deal.cost.minor, "currency": deal.cost.currency}
        return await self._journal.once(self._intent(purchase, request, call, deal.cost_before))

    async def find(self, purchase: Purchase) -> SupplierOrder | None:
        """What the supplier has of it, or None. Asking changes nothing outside."""
        return await self._journal.settle(self._intent(purchase))

    async def made_again(self, order_id: str) -> int:
        """How often the goods of an order were bought again. Asking changes nothing outside."""
        times = 0
        while await self.find(Purchase(order_id, times + 1)) is not None:
            times += 1
        return times

    async def stop(self, purchase: Purchase) -> SupplierOrder | None:
        """Never make it; or say as what it was made."""
        return await self._journal.stop(self._intent(purchase))

    def _intent(
        self,
        purchase: Purchase,
        request: Mapping[str, Any] | None = None,
        call: Callable[[], Awaitable[SupplierOrder]] | None = None,
        cost_before: int = 0,
    ) -> Intent[SupplierOrder]:
        """Without `call` it can be asked about and stopped only."""
        return Intent(
            key=purchase.key,
            kind="supplier_order",
            case_id=purchase.order_id,
            request=request or {},
            result_type=SupplierOrder,
            call=call or _nothing_to_buy,
            find=lambda asked: self._suppliers.find_order(asked["supplier"], purchase.reference),
            entry=lambda bought: _bought(purchase, bought, cost_before),
        )


def _bought(purchase: Purchase, bought: SupplierOrder, cost_before: int) -> Entry:
    facts = {"supplier": bought.supplier, "supplier_order_id": bought.id, "cost": bought.cost.minor}
    key, kind, words = ("bought", "supplier_order_placed", "Ordered")
    if purchase.again:
        key, kind, words = (f"bought:reship-{purchase.again}", "reshipped", "Ordered again")
    sentence = f"{words} from {bought.supplier} as {bought.id}"
    return Entry(purchase.order_id, key, kind, sentence, facts, cost_before + bought.cost.minor)


async def _nothing_to_buy() -> SupplierOrder:
    raise AssertionError("this purchase can be asked about or stopped, not made")
