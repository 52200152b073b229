"""The shop where the customer ordered and paid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.ports.values import Address, Money, OrderLine, PaidPart

PAID = frozenset({"paid", "authorized", "partially_refunded"})
"""The shop's words for money that is there, or reserved on the customer's card. Any other word, also one we do not
know, buys nothing: pending, partially_paid, refunded, voided, expired, …"""
MOST_ORDERS = 50
"""So many orders of a customer are told, the newest."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop has it now."""

    id: str
    number: str
    email: str
    created_at: datetime
    financial_status: str
    """The shop's own word: paid, partially_refunded, refunded, voided, …"""
    cancelled_at: datetime | None
    total: Money
    lines: tuple[OrderLine, ...]
    shipping_address: Address
    language: str = ""
    """What the customer reads, as two letters of ISO 639; empty when the shop does not know."""
    vip: bool | None = None
    """Whether the shop marks the customer as one; None when it says nothing of the customer."""
    orders_before: int | None = None
    """How many orders the same customer had before this one; None when the shop does not say."""
    parts: tuple[PaidPart, ...] = ()
    """What `total` is made of, to the unit; empty when the shop does not say it so that it can be told."""

    @property
    def open(self) -> bool:
        """Whether the customer still wants it, and the money is there or reserved."""
        return self.cancelled_at is None and self.financial_status in PAID


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """A parcel as the shop shows it to the customer."""

    id: str
    order_id: str
    carrier: str
    tracking_number: str


class Shop(Protocol):
    """What we ask of the shop.

    Every method raises Unavailable or RateLimited when the shop surely did nothing, OutcomeUnknown when it may
    have acted, NeedsHuman when the order does not exist.
    """

    async def get_order(self, order_id: str) -> Order:
        """The order as it is now."""
        ...

    async def find_orders(self, email: str) -> tuple[Order, ...]:
        """The customer's orders, the newest first, at most MOST_ORDERS; upper and lower case are the same.
        None for an address that nobody ordered with."""
        ...

    async def update_shipping_address(self, order_id: str, address: Address) -> None:
        """Replace the shipping address; natural idempotency: the same address twice is the same."""
        ...

    async def tag_order(self, order_id: str, tag: str) -> None:
        """Put a tag on the order; natural idempotency: a tag is there or not."""
        ...

    async def create_fulfillment(self, order_id: str, carrier: str, tracking_number: str) -> Fulfillment:
        """Tell the shop that a parcel is on its way; the same tracking number gives the same again."""
        ...

    async def find_fulfillment(self, order_id: str, tracking_number: str) -> Fulfillment | None:
        """The fulfillment with this tracking number, or None when the shop has none."""
        ...
