"""What tracking and its diagram say to each other: errors, messages with their variables, results, outcomes.

Amounts are integer minor units of the order's currency; times are RFC 3339.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from workers.contracts.fulfillment import Messages as FulfillmentMessages
from workers.contracts.fulfillment import OrderId
from workers.ports.supplier import SentParcel
from workers.runtime.jobs import Message, MessagePayload

SUPPLIER_NEWS_LAST = timedelta(days=10)  # a supplier's webhook may be here long before the order it is about
CARRIER_NEWS_LAST = timedelta(days=2)  # later the daily question to the carrier has found it anyway
CANCELLATION_LASTS = timedelta(days=10)  # for supplier orders that are placed while one hangs

PROCESS = "tracking"


class Errors(StrEnum):
    """BPMN error codes the diagram catches."""

    OUT_OF_STOCK = "OUT_OF_STOCK"


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    SUPPLIER_ORDER_PLACED = "supplier_order_placed"
    SUPPLIER_SHIPPED = "supplier_shipped"
    PARCEL_MOVED = "parcel_moved"
    PARCEL_NOT_RECEIVED = "parcel_not_received"
    DELIVERY_CANCELLED = "delivery_cancelled"


class Trouble(StrEnum):
    """What can be wrong with a parcel that its carrier does not say."""

    NEVER_SHIPPED = "never_shipped"
    """A part of the order that its supplier has not sent; it stands in the list like a parcel."""
    WITHHELD = "withheld"
    """The same of one that its supplier neither sends nor cancels."""
    NOT_RECEIVED = "not_received"
    """Delivered, says the carrier; not received, says the customer."""


NUMBER = r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$"
"""Numbers of suppliers and carriers: they end up in mails, keys and on pages."""
SupplierOrderId = Field(pattern=NUMBER, max_length=64, examples=["CJ-100001"])
TrackingNumber = Field(pattern=NUMBER, max_length=64, examples=["00340434161094042557"])


class SupplierOrderPlaced(MessagePayload):
    """A supplier has the order, under our reference."""

    shopify_order_id: str = OrderId
    supplier_order_id: str = SupplierOrderId
    supplier: str = Field(pattern=NUMBER, max_length=64, examples=["cj"])
    reference: str = Field(pattern=NUMBER, max_length=64, examples=["orderops-450789469"])


class SupplierShipped(MessagePayload):
    """A supplier says that it has sent a parcel; it is then asked what it has sent."""

    supplier_order_id: str = SupplierOrderId
    tracking_number: str = TrackingNumber


class ParcelMoved(MessagePayload):
    """A carrier says that it has seen a parcel; it is then asked where the parcel is."""

    tracking_number: str = TrackingNumber
    scan_id: str = Field(min_length=1, max_length=200, description="Tells the scans of a parcel apart.")


class ParcelNotReceived(MessagePayload):
    """The customer says that a parcel has not come."""

    tracking_number: str = TrackingNumber
    shopify_order_id: str = OrderId
    complaint: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        examples=["ticket-17"],
        description="Its own id: of the same parcel it may be said again, under another one.",
    )


class DeliveryCancelled(MessagePayload):
    """The shop cancelled the order: nothing of it is to arrive."""

    shopify_order_id: str = OrderId
    heard_before: int = Field(
        0, ge=0, description="How many instances have heard of it, each from the one before."
    )


DELIVERY_CANCELLED = Message(
    Messages.DELIVERY_CANCELLED,
    DeliveryCancelled,
    "shopify_order_id",
    CANCELLATION_LASTS,
    follows=FulfillmentMessages.ORDER_CANCELLED,
    identity="heard_before",
)
SUPPLIER_ORDER_PLACED = Message(
    Messages.SUPPLIER_ORDER_PLACED, SupplierOrderPlaced, "supplier_order_id", timedelta(hours=1), starts=True
)
MESSAGES = (
    SUPPLIER_ORDER_PLACED,
    Message(
        Messages.SUPPLIER_SHIPPED,
        SupplierShipped,
        "supplier_order_id",
        SUPPLIER_NEWS_LAST,
        may_be_unknown=True,
        identity="tracking_number",
    ),
    Message(
        Messages.PARCEL_MOVED,
        ParcelMoved,
        "tracking_number",
        CARRIER_NEWS_LAST,
        may_be_unknown=True,
        identity="scan_id",
    ),
    Message(
        Messages.PARCEL_NOT_RECEIVED,
        ParcelNotReceived,
        "tracking_number",
        timedelta(hours=1),
        starts=True,
        identity="complaint",
    ),
    DELIVERY_CANCELLED,
)

OUTCOMES = {
    "Event_ParcelsDelivered": "delivered",
    "Event_GoodsSentAgain": "reshipped",
    "Event_MoneyPaidBack": "refunded",
    "Event_NotPaidBack": "not_refunded",
    "Event_SentAgainAndPaidBack": "reshipped_and_refunded",
    "Event_SentAgainNotPaidBack": "reshipped_not_refunded",
    "Event_NothingToMakeGood": "closed",
    "Event_ShipmentRecalled": "recalled",
    "Event_TooLateToRecall": "recalled_too_late",
    "Event_ParcelStillOnItsWay": "on_its_way",
}
"""How a case ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class TrackedParcel:
    """A parcel to watch. `carrier` is None for what was never sent; `trouble` is what is known to be wrong."""

    carrier: str | None
    tracking_number: str
    trouble: Trouble | None = None

    @classmethod
    def of(cls, sent: SentParcel) -> "TrackedParcel":
        """A parcel as its supplier handed it over."""
        return cls(sent.carrier, sent.tracking_number)


@dataclass(frozen=True, slots=True)
class Shipment:
    """How far a supplier is."""

    parcels: tuple[TrackedParcel, ...]
    news: bool
    """Whether there are parcels that were not known before."""
    complete: bool
    """Whether all of the order is on its way."""
    cancelled: bool
    """Whether a part will never be sent."""

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Carrier and tracking number of each parcel that a carrier has."""
        return [(each.carrier, each.tracking_number) for each in self.parcels if each.carrier is not None]


@dataclass(frozen=True, slots=True)
class ShipmentFound:
    """What the diagram knows as `shipment`; None when there is nothing to follow."""

    shipment: Shipment | None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a parcel is: a state of the carrier's, or a Trouble; when it moved last, None when it never did."""

    state: str
    moved_at: str | None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the table and the form ask about an order."""

    order_open: bool
    order_total: int
    currency: str
    minor_units: int
    """Minor units in one unit of the currency: 100 for most."""
    worth: str
    """The total in words, as the form shows it."""
    country: str
    vip: bool | None
    orders_before: int | None
    """Of the same customer; None when the shop does not say."""
    resent: int
    """How often the goods were sent again."""


@dataclass(frozen=True, slots=True)
class Reshipped:
    """The new order in the supplier's books."""

    reship_supplier: str
    reship_order_id: str
    reship_cost: int


class RecallResult(StrEnum):
    """What became of the parcels of a cancelled order."""

    RECALLED = "recalled"
    """Nothing arrives: all of it was asked back, or never sent."""
    DELIVERED = "delivered"
    TOO_LATE = "too_late"
    """Something is on its way and cannot be asked back: the customer has to refuse it."""

    @classmethod
    def worst(cls, results: Collection["RecallResult"]) -> "RecallResult":
        """Of several parcels: what is still on its way counts first, then what has arrived."""
        return next((each for each in (cls.TOO_LATE, cls.DELIVERED) if each in results), cls.RECALLED)


@dataclass(frozen=True, slots=True)
class Recall:
    """The same, as the diagram knows it."""

    recall: RecallResult
