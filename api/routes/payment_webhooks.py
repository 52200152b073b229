"""Webhooks of payment providers: verified, stored, committed, and only then answered 200.

They are nudges: which dispute or refund moved is all that is taken from them. How it stands, a job asks the
provider.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from stripe import SignatureVerificationError, WebhookSignature

from api import body, strict_json
from api.deps import PayPalOf, RegistryOf, SettingsOf, StoreOf, TraceId
from api.errors import Problem, unavailable
from api.paypal import Delivery, NotFromPayPalError
from api.schemas.common import BODY_PROBLEMS, problems
from api.schemas.payments import (
    PAYPAL_EXAMPLE,
    STRIPE_EXAMPLE,
    PayPalDispute,
    PayPalEvent,
    PayPalRefund,
    StripeDispute,
    StripeEvent,
    StripeRefund,
)
from api.schemas.shopify import WebhookAnswer
from workers.casefile import inbox
from workers.casefile.inbox import Arrival, Receipt
from workers.runtime.arrivals import arrival_of
from workers.runtime.errors import Unavailable

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Webhooks"])

TOLERANCE = 300
"""Seconds that a delivery of Stripe's may be old; each repetition is signed anew."""
JSON = frozenset({"application/json"})
OPENED, CLOSED = "dispute_opened", "dispute_closed"
STRIPE_DISPUTES = {
    "charge.dispute.created": (OPENED,),
    "charge.dispute.updated": (OPENED,),
    "charge.dispute.closed": (OPENED, CLOSED),
}
REFUND_CHANGED, REFUND_CAME_BACK = "refund_changed", "refund_came_back"
STRIPE_FAILED = frozenset({"failed", "canceled"})
"""States of a refund in which the customer does not have the money, whatever was said before."""
STRIPE_REFUNDS = frozenset({"charge.refund.updated", "refund.updated", "refund.failed"})
PAYPAL_REFUNDS = frozenset({"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED"})
PAYPAL_FAILED = frozenset({"FAILED", "CANCELLED"})
"""As STRIPE_FAILED."""
PAYPAL_DISPUTES = {
    "CUSTOMER.DISPUTE.CREATED": (OPENED,),
    "CUSTOMER.DISPUTE.UPDATED": (OPENED,),
    "CUSTOMER.DISPUTE.RESOLVED": (OPENED, CLOSED),
}
"""Which messages each event becomes. All of them tell that there is a dispute: the first that arrives starts its
case, in whatever order they come and whichever gets lost."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What it takes to store a delivery."""

    settings: SettingsOf
    registry: RegistryOf
    store: StoreOf
    trace_id: TraceId


class PayPalHeaders(BaseModel):
    """What PayPal says of a delivery."""

    model_config = ConfigDict(frozen=True)

    paypal_transmission_id: str = Field("", description="PayPal's id of the delivery")
    paypal_transmission_time: str = Field("", description="When PayPal sent it")
    paypal_transmission_sig: str = Field("", description="RSA-SHA256 signature, base64")
    paypal_cert_url: str = Field("", description="Where the certificate lies, at a host of PayPal's")
    paypal_auth_algo: str = Field("", description="SHA256withRSA")

    @property
    def delivery(self) -> Delivery:
        """The same for who checks it."""
        return Delivery(
            self.paypal_transmission_id,
            self.paypal_transmission_time,
            self.paypal_transmission_sig,
            self.paypal_cert_url,
            self.paypal_auth_algo,
        )


Told = tuple[str, Mapping[str, Any]]
"""Name and values of a message."""


def _described(model: str, example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    }


@router.post(
    "/webhooks/stripe",
    summary="A payment is disputed, or a refund moved",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_described("StripeEvent", STRIPE_EXAMPLE),
)
async def stripe(
    request: Request,
    intake: Annotated[Intake, Depends()],
    stripe_signature: Annotated[str, Header(description="Time and HMACs, as Stripe makes them")] = "",
) -> WebhookAnswer:
    """Idempotent by the dispute's or refund's id, for ever, whatever the event's id says. Other types are answered
    200 and not stored."""
    raw = await body.read(request, types=JSON)
    _verify_stripe(raw, stripe_signature, intake.settings.stripe_secrets)
    event = body.fit(StripeEvent, strict_json.parse(raw))
    return await _store(list(_told_by_stripe(event)), "stripe", raw, intake)


@router.post(
    "/webhooks/paypal",
    summary="A payment is disputed, or a refund moved",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_described("PayPalEvent", PAYPAL_EXAMPLE),
)
async def paypal(
    request: Request,
    intake: Annotated[Intake, Depends()],
    checker: PayPalOf,
    headers: Annotated[PayPalHeaders, Header()],
) -> WebhookAnswer:
    """Idempotent by the dispute's or refund's id, for ever, whatever the delivery's id says. Other types are
    answered 200 and not stored."""
    raw = await body.read(request, types=JSON)
    if not intake.settings.paypal_webhook_ids:
        raise unavailable("No webhook id is set, so nothing can be verified.")
    try:
        await checker.check(headers.delivery, raw, intake.settings.paypal_webhook_ids)
    except NotFromPayPalError as error:
        raise Problem("bad-signature", str(error)) from None
    except Unavailable:
        raise unavailable("PayPal's certificate cannot be fetched at the moment; try again.") from None
    event = body.fit(PayPalEvent, strict_json.parse(raw))
    return await _store(list(_told_by_paypal(event)), "paypal", raw, intake)


def _verify_stripe(raw: bytes, signature: str, secrets: Sequence[SecretStr]) -> None:
    """By Stripe's own library, against every secret: during a rotation two are valid. Without one nothing is."""
    if not secrets:
        raise unavailable("No webhook secret is set, so nothing can be verified.")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Problem("bad-json", "The body is not valid UTF-8.") from None
    if not (signature.isascii() and any(_fits(text, signature, secret) for secret in secrets)):
        raise Problem("bad-signature", "Stripe-Signature does not fit the body, or is too old.")


def _fits(text: str, signature: str, secret: SecretStr) -> bool:
    try:
        WebhookSignature.verify_header(text, signature, secret.get_secret_value(), TOLERANCE)
    except SignatureVerificationError:
        return False
    return True


def _told_by_stripe(event: StripeEvent) -> Iterator[Told]:
    if names := STRIPE_DISPUTES.get(event.type):
        yield from _about_dispute(names, "stripe", body.fit(StripeDispute, event.data.object).id)
    elif event.type in STRIPE_REFUNDS:
        refund = body.fit(StripeRefund, event.data.object)
        if refund_id := refund.metadata.refund:
            yield from _about_refund(refund_id, refund.id, refund.status, failed=refund.status in STRIPE_FAILED)


def _told_by_paypal(event: PayPalEvent) -> Iterator[Told]:
    if names := PAYPAL_DISPUTES.get(event.event_type):
        yield from _about_dispute(names, "paypal", body.fit(PayPalDispute, event.resource).dispute_id)
    elif event.event_type in PAYPAL_REFUNDS:
        refund = body.fit(PayPalRefund, event.resource)
        if refund_id := refund.refund_id:
            failed = refund.status in PAYPAL_FAILED
            yield from _about_refund(refund_id, refund.id, refund.status.lower(), failed=failed)


def _about_dispute(names: Sequence[str], provider: str, dispute_id: str) -> Iterator[Told]:
    for name in names:
        yield name, {"dispute_id": dispute_id, **({"provider": provider} if name == OPENED else {})}


def _about_refund(refund_id: str, provider_refund_id: str, state: str, *, failed: bool) -> Iterator[Told]:
    if failed:
        yield REFUND_CAME_BACK, {"refund_id": refund_id, "provider_refund_id": provider_refund_id}
    yield REFUND_CHANGED, {"refund_id": refund_id, "state": state}


async def _store(told: Sequence[Told], source: str, raw: bytes, intake: Intake) -> WebhookAnswer:
    """All of it or nothing; the answer is about the last, which is what the event is for."""
    if not told:
        return WebhookAnswer(inbox_id=None, duplicate=False)
    arrivals = []
    for name, values in told:
        process, message = intake.registry.find(name)
        payload = body.fit(message.payload, values)
        arrivals.append(
            arrival_of(
                process.id, message, payload, source=source, body=raw, trace_id=intake.trace_id,
                settings=intake.settings,
            )
        )  # fmt: skip
    receipts = await intake.store.run(lambda session: _accept(session, arrivals))
    for arrival, receipt in zip(arrivals, receipts, strict=True):
        log.info(
            "webhook.accepted", message=arrival.message_name, key=arrival.correlation_key,
            inbox_id=receipt.inbox_id, duplicate=receipt.duplicate, same_body=receipt.same_body,
        )  # fmt: skip
    return WebhookAnswer(inbox_id=receipts[-1].inbox_id, duplicate=receipts[-1].duplicate)


async def _accept(session: AsyncSession, arrivals: Sequence[Arrival]) -> list[Receipt]:
    return [await inbox.accept(session, arrival) for arrival in arrivals]
