"""The tables of the mocked outside world: schema `mock`, the books of everyone out there."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, Interval, MetaData, Text, literal_column, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime

from workers.runtime.errors import EffectConflict

NOW = text("mock.now()")
"""The outside world's own time, see MockWorld.pass_time."""


class Base(DeclarativeBase):
    """Base of the mock's tables."""

    metadata = MetaData(schema="mock")
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own declaration
        str: Text,
        int: BigInteger,
        datetime: DateTime(timezone=True),
        timedelta: Interval,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


class ClockRow(Base):
    """How far the outside world's clock is ahead of the machine's: one row, or none."""

    __tablename__ = "clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    ahead: Mapped[timedelta]


class BehaviourRow(Base):
    """How calls of one operation misbehave; see mock_behaviour."""

    __tablename__ = "behaviours"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    operation: Mapped[str]
    kind: Mapped[str]
    targets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """All of these must be among what the call is about; empty means every call."""
    rate: Mapped[float]
    remaining: Mapped[int | None]
    value: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    __table_args__ = (Index("behaviours_by_operation", "operation", "id"),)


class AttemptRow(Base):
    """How often a behaviour with a rate was asked about one business key, so that its verdicts are repeatable."""

    __tablename__ = "attempts"
    behaviour_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


EMAIL = literal_column(
    "lower(coalesce(nullif(btrim(body ->> 'email'), ''), nullif(btrim(body ->> 'contact_email'), ''), "
    "btrim(body -> 'customer' ->> 'email')))",
    Text,
)
"""The customer's address in a shop order's JSON, in lower case, from where to_order takes it."""


class ShopOrderRow(Base):
    """An order in the shop, as Shopify's JSON."""

    __tablename__ = "shop_orders"
    id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    address_changes: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    seeded_at: Mapped[datetime] = mapped_column(server_default=NOW)
    __table_args__ = (Index("shop_orders_by_email", EMAIL),)


class SupplierOrderRow(Base):
    """An order in a supplier's books."""

    __tablename__ = "supplier_orders"
    supplier: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(start=100001))
    cost_minor: Mapped[int]
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]]
    address: Mapped[dict[str, Any]]
    placed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    requests: Mapped[int] = mapped_column(server_default="1")
    """How often it was asked for; more than 1 means that the idempotency key saved us from buying twice."""


class KeyedRow(Base):
    """What is there once per key, however often it is asked for.

    A provider that has forgotten the key has it again, under another one that begins with it; see `again`.
    """

    __abstract__ = True
    key: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(server_default="1")

    def must_be(self, wanted: Mapping[str, Any], what: str) -> None:
        """Raises EffectConflict when the key stands for something else than wanted."""
        if {field: getattr(self, field) for field in wanted} != dict(wanted):
            raise EffectConflict(f"There already is another {what} under key {self.key}.")


class PostingRow(KeyedRow):
    """A posting in the ledger."""

    __tablename__ = "ledger_postings"
    number: Mapped[int] = mapped_column(Identity(start=500001))
    account: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    order_id: Mapped[str] = mapped_column(index=True)
    memo: Mapped[str]
    booked_at: Mapped[datetime] = mapped_column(server_default=NOW)


class MailRow(KeyedRow):
    """A mail as it was sent."""

    __tablename__ = "mails"
    number: Mapped[int] = mapped_column(Identity(start=700001))
    to: Mapped[str]
    template: Mapped[str]
    order_id: Mapped[str] = mapped_column(index=True)
    values: Mapped[dict[str, Any]]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    links: Mapped[list[str]]
    """Every address in the text, in its order."""
    sent_at: Mapped[datetime] = mapped_column(server_default=NOW)


class EventRow(KeyedRow):
    """An event on the bus."""

    __tablename__ = "events"
    number: Mapped[int] = mapped_column(Identity(start=900001))
    name: Mapped[str] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]
    published_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ShipmentRow(Base):
    """How far a supplier is with one of its orders; without a row it has not begun."""

    __tablename__ = "supplier_shipments"
    supplier: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    parcels: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    complete: Mapped[bool] = mapped_column(server_default=text("false"))
    cancelled: Mapped[bool] = mapped_column(server_default=text("false"))


class FulfillmentRow(KeyedRow):
    """A parcel as the shop shows it to the customer; its key is order id and tracking number."""

    __tablename__ = "shop_fulfillments"
    number: Mapped[int] = mapped_column(Identity(start=300001))
    order_id: Mapped[str] = mapped_column(index=True)
    carrier: Mapped[str]
    tracking_number: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ParcelRow(Base):
    """What was asked of a carrier about a parcel."""

    __tablename__ = "parcels"
    carrier: Mapped[str] = mapped_column(primary_key=True)
    tracking_number: Mapped[str] = mapped_column(primary_key=True)
    recalled: Mapped[bool] = mapped_column(server_default=text("false"))
    requests: Mapped[int] = mapped_column(server_default="1")
    """How often it was asked back."""


class ScanRow(Base):
    """A carrier saw a parcel."""

    __tablename__ = "scans"
    carrier: Mapped[str] = mapped_column(primary_key=True)
    tracking_number: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity())
    at: Mapped[datetime] = mapped_column(server_default=NOW)
    state: Mapped[str]
    place: Mapped[str]
    text: Mapped[str]


class ChargeRow(Base):
    """What a customer paid. Every change of `refunded_minor` is a change of this row: it keeps refunds apart."""

    __tablename__ = "charges"
    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    order_id: Mapped[str] = mapped_column(unique=True)
    captured_minor: Mapped[int]
    refunded_minor: Mapped[int] = mapped_column(server_default="0")
    currency: Mapped[str]
    disputed: Mapped[bool] = mapped_column(server_default=text("false"))
    withheld: Mapped[bool] = mapped_column(server_default=text("false"))
    """Disputed, and the dispute is open or lost: nothing can be refunded."""
    captured_at: Mapped[datetime] = mapped_column(server_default=NOW)


class PaymentKeyRow(Base):
    """An idempotency key that the payment provider remembers for a while, and the refund it stands for."""

    __tablename__ = "payment_keys"
    charge_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    refund_id: Mapped[str]
    until: Mapped[datetime]


class RefundRow(Base):
    """Money given back."""

    __tablename__ = "refunds"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity())
    charge_id: Mapped[str]
    order_id: Mapped[str] = mapped_column(index=True)
    reference: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    requests: Mapped[int] = mapped_column(server_default="1")
    """How often it was asked for; more than 1 means that the idempotency key saved us from paying twice."""
    __table_args__ = (Index("refunds_by_reference", "charge_id", "reference"),)


class DisputeRow(Base):
    """A customer's bank claims a payment back."""

    __tablename__ = "disputes"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity())
    provider: Mapped[str]
    charge_id: Mapped[str] = mapped_column(index=True)
    order_id: Mapped[str] = mapped_column(index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    evidence_due_by: Mapped[datetime]
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """The first answer; later ones count in `answers` only."""
    answers: Mapped[int] = mapped_column(server_default="0")
    answered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime] = mapped_column(server_default=NOW)
    closed_at: Mapped[datetime | None]


class SignerRow(Base):
    """What PayPal signs its webhooks with, as PEM texts; one row."""

    __tablename__ = "signer"
    id: Mapped[int] = mapped_column(primary_key=True)
    authority: Mapped[str]
    certificate: Mapped[str]
    key: Mapped[str]
    until: Mapped[datetime]
