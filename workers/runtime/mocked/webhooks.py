"""What others tell us of themselves: webhooks, signed as theirs are."""

import asyncio
import base64
import hashlib
import hmac
import os
import time
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from workers.adapters.mock_carrier_answers import provider_of, webhook
from workers.adapters.mock_certificates import KeptCertificates
from workers.ports.carriers import Scan
from workers.ports.payments import Dispute, Refund, RefundState
from workers.runtime.mocked.screen import connect, console
from workers.runtime.settings import load_settings

_PAYPAL_REFUNDS = {
    RefundState.PENDING: ("PAYMENT.REFUND.PENDING", "PENDING"),
    RefundState.SUCCEEDED: ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED"),
    RefundState.FAILED: ("PAYMENT.REFUND.FAILED", "FAILED"),
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is to be told, and by whom."""

    path: str
    content: Mapping[str, Any]
    sender: str

    @property
    def body(self) -> bytes:
        """As it is posted."""
        return orjson.dumps(self.content)


def shipped(supplier: str, supplier_order_id: str, tracking_number: str) -> Webhook:
    """A supplier has given a parcel to a carrier."""
    content = {"event": "shipped", "supplier_order_id": supplier_order_id, "tracking_number": tracking_number}
    return Webhook(f"/webhooks/suppliers/{supplier}", content, "supplier")


def moved(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Webhook:
    """A carrier has seen a parcel."""
    service = provider_of(carrier)
    content = webhook(carrier, tracking_number, scans)
    return Webhook(f"/webhooks/carriers/{service}", content, service)


def disputed(dispute: Dispute, happened: str) -> Webhook:
    """A dispute was created or closed."""
    if dispute.provider == "paypal":
        names = {"created": "CREATED", "closed": "RESOLVED"}
        resource = {"dispute_id": dispute.id, "reason": dispute.reason.upper(), "status": dispute.state.upper()}
        return _of_paypal(f"CUSTOMER.DISPUTE.{names[happened]}", resource)
    described = {
        "id": dispute.id,
        "object": "dispute",
        "charge": dispute.charge_id,
        "amount": dispute.amount.minor,
        "currency": dispute.amount.currency.lower(),
        "reason": dispute.reason,
        "status": dispute.state,
        "evidence_details": {"due_by": int(dispute.evidence_due_by.timestamp())},
    }
    return _of_stripe(f"charge.dispute.{happened}", described)


def refund_changed(refund: Refund, provider: str) -> Webhook:
    """A refund has settled or come back. Noted with it is our refund's id, which our reference is made of."""
    noted = refund.reference.partition(":")[0]
    if provider == "paypal":
        kind, status = _PAYPAL_REFUNDS[refund.state]
        return _of_paypal(kind, {"id": refund.id, "custom_id": noted, "status": status})
    ours = noted.removeprefix("orderops-")
    described = {
        "id": refund.id,
        "object": "refund",
        "charge": refund.charge_id,
        "amount": refund.amount.minor,
        "currency": refund.amount.currency.lower(),
        "status": refund.state,
        "failure_reason": refund.failure,
        "metadata": {"orderops-refund": ours},
    }
    return _of_stripe("charge.refund.updated", described)


def _of_paypal(kind: str, described: Mapping[str, Any]) -> Webhook:
    event = {"id": f"WH-{uuid.uuid4().hex}", "event_type": kind, "resource": described}
    return Webhook("/webhooks/paypal", event, "paypal")


def _of_stripe(kind: str, described: Mapping[str, Any]) -> Webhook:
    event = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": kind, "data": {"object": described}}
    return Webhook("/webhooks/stripe", event, "stripe")


def signature(sender: str, secret: str, body: bytes, at: int) -> dict[str, str]:
    """The headers that they sign with; PayPal signs with a certificate instead, mail services in the body."""
    match sender:
        case "supplier" | "chat":
            signed = _hmac(secret, str(at).encode() + b"." + body)
            return {"X-Orderops-Timestamp": str(at), "X-Orderops-Signature": signed.hex()}
        case "easypost":
            normal = unicodedata.normalize("NFKD", secret)
            return {"X-Hmac-Signature": f"hmac-sha256-hex={_hmac(normal, body).hex()}"}
        case "aftership":
            return {"aftership-hmac-sha256": base64.b64encode(_hmac(secret, body)).decode()}
        case "zendesk":
            timestamp, header = datetime.fromtimestamp(at, UTC).isoformat(), "X-Zendesk-Webhook-Signature"
            digest = _hmac(secret, timestamp.encode() + body)
            return {header: base64.b64encode(digest).decode(), f"{header}-Timestamp": timestamp}
        case "mail":
            return {}
        case _:
            signed = _hmac(secret, str(at).encode() + b"." + body)
            return {"Stripe-Signature": f"t={at},v1={signed.hex()}"}


def sealed(told: Webhook, secret: str, at: int) -> Webhook:
    """With the signature in it, where that is its place."""
    if told.sender != "mail":
        return told
    token = uuid.uuid4().hex
    signed = _hmac(secret, f"{at}{token}".encode()).hex()
    return replace(told, content={**told.content, "timestamp": str(at), "token": token, "signature": signed})


def tell(told: Webhook, *, untold: bool) -> None:
    """Deliver it, unless it is to get lost, and say what came of it."""
    if not untold:
        console.print(asyncio.run(deliver(told)), markup=False)


async def deliver(told: Webhook) -> str:
    """Post it to the api of the running instance, and say what came of it."""
    settings = load_settings()
    setting = f"ORDEROPS_{told.sender.upper()}_{'WEBHOOK_IDS' if told.sender == 'paypal' else 'SECRETS'}"
    secret = os.environ.get(setting, "").split(",")[0].strip()
    if not secret:
        return f"We were not told: {setting} is not set."
    told = sealed(told, secret, int(time.time()))
    address = f"http://{settings.api_host}:{settings.api_port}"
    headers = {"Content-Type": "application/json"}
    headers |= await _signed(told, secret)
    async with httpx.AsyncClient(base_url=address, timeout=10, trust_env=False) as api:
        try:
            answer = await api.post(told.path, content=told.body, headers=headers)
        except httpx.TransportError:
            return f"We were not told: the api does not answer at {address}."
    return f"We were told by {told.path}, and answered {answer.status_code}."


async def _signed(told: Webhook, secret: str) -> dict[str, str]:
    if told.sender != "paypal":
        return signature(told.sender, secret, told.body, int(time.time()))
    async with connect() as world:
        return await KeptCertificates(world).headers(told.body, secret)


def _hmac(secret: str, signed: bytes) -> bytes:
    return hmac.digest(secret.encode(), signed, hashlib.sha256)
