"""Webhooks of payment providers, reduced to what we use: what happened, and to which dispute or refund.

Everything else is asked of the provider, so what a delivery says of amounts or states does not matter.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

OURS = "orderops-"
"""Before our id of a refund, where PayPal keeps one text only."""
Kind = Annotated[str, Field(min_length=1, max_length=100)]
DisputeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StripeData(_Sent):
    """Where Stripe puts what an event is about."""

    object: dict[str, Any]


class StripeEvent(_Sent):
    """An event of Stripe's."""

    type: Kind
    data: StripeData


class StripeDispute(_Sent):
    """A dispute, as an event has it."""

    id: DisputeId


class StripeMetadata(_Sent):
    """What we noted with an object of Stripe's."""

    refund: Annotated[str | None, Field(alias="orderops-refund", max_length=200)] = None
    """Our id of a refund; without it, the refund is none of ours."""


class StripeRefund(_Sent):
    """A refund, as an event has it."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    metadata: StripeMetadata = StripeMetadata()
    status: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class PayPalEvent(_Sent):
    """An event of PayPal's."""

    event_type: Kind
    resource: dict[str, Any]


class PayPalDispute(_Sent):
    """A dispute, as an event has it."""

    dispute_id: DisputeId


class PayPalRefund(_Sent):
    """A refund, as an event has it."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    custom_id: Annotated[str | None, Field(max_length=255)] = None
    """What whoever made it noted with it; other payments of the merchant's have notes of others."""
    status: Annotated[str, Field(pattern=r"^[A-Z_]{1,40}$")]

    @property
    def refund_id(self) -> str:
        """Our id of it; empty when it is none of ours."""
        noted = self.custom_id or ""
        return noted.removeprefix(OURS) if noted.startswith(OURS) else ""


STRIPE_EXAMPLE = {
    "id": "evt_1PgafTB7WZ01zgkW",
    "type": "charge.dispute.created",
    "data": {"object": {"id": "dp_1PgafTB7WZ01zgkW", "object": "dispute", "status": "needs_response"}},
}
PAYPAL_EXAMPLE = {
    "id": "WH-1PG00000AB123456C-1PG00000AB123456D",
    "event_type": "CUSTOMER.DISPUTE.CREATED",
    "resource": {"dispute_id": "PP-D-10001", "status": "OPEN"},
}
"""Payloads cut short, for the documentation."""
