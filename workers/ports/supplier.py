"""The suppliers the shop buys from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.ports.values import Address, Money, OrderLine


@dataclass(frozen=True, slots=True)
class Offer:
    """What one supplier asks for a whole order, shipping included."""

    supplier: str
    cost: Money
    in_stock: bool
    lead_days: int
    ships_to_country: bool


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """An order in the supplier's books."""

    id: str
    supplier: str
    reference: str
    """Our own reference, the supplier's idempotency key."""
    cost: Money


@dataclass(frozen=True, slots=True)
class SentParcel:
    """A parcel that a supplier handed to a carrier."""

    carrier: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """How far a supplier is with one of our orders."""

    parcels: tuple[SentParcel, ...]
    """Those that are on their way so far, in the order they were sent."""
    complete: bool
    """Whether no further parcel will follow."""
    cancelled: bool = False
    """The supplier will not send (the rest of) it."""


class OutOfStockError(Exception):
    """The supplier has not enough of an article; nothing was ordered."""


class Suppliers(Protocol):
    """All suppliers behind one port.

    Every method raises Unavailable or RateLimited when surely nothing was done, OutcomeUnknown when the supplier
    may have acted but its answer did not arrive.
    """

    async def get_offers(self, order_id: str, lines: Sequence[OrderLine], country: str) -> tuple[Offer, ...]:
        """An offer of every supplier that knows the articles, whether in stock or not."""
        ...

    async def place_order(
        self, supplier: str, reference: str, lines: Sequence[OrderLine], address: Address, cost: Money
    ) -> SupplierOrder:
        """Buy. The same reference at the same supplier gives the same order again. Raises OutOfStockError."""
        ...

    async def find_order(self, supplier: str, reference: str) -> SupplierOrder | None:
        """The order under our reference, or None when the supplier has none."""
        ...

    async def get_shipment(self, supplier: str, reference: str) -> Shipment:
        """How far the order under our reference is; NeedsHuman when the supplier has none."""
        ...

    async def cancel_order(self, supplier: str, reference: str) -> bool:
        """Ask not to send what was not sent yet; natural idempotency. False when all of it is on its way."""
        ...
