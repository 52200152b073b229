"""Webhooks of suppliers and carriers: verified, stored, committed, and only then answered 200.

They only wake the process that follows the parcel: it asks supplier or carrier for the truth. So their order and
number do not matter, and nothing of them is believed but the numbers they are about.
"""

import base64
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Path, Request
from pydantic import SecretStr

from api import body, signatures, strict_json
from api.deps import RegistryOf, SettingsOf, StoreOf, TraceId
from api.errors import Problem
from api.schemas.common import BODY_PROBLEMS, problems
from api.schemas.parcels import EASYPOST, SHIPPED, SupplierEvent
from api.schemas.shopify import WebhookAnswer
from workers.adapters.carrier_events import READERS
from workers.casefile import inbox
from workers.casefile.inbox import Receipt
from workers.ports.carriers import Parcel
from workers.runtime.arrivals import arrival_of
from workers.runtime.settings import Settings

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Webhooks"])

NOTHING = WebhookAnswer(inbox_id=None, duplicate=False)
JSON = frozenset({"application/json"})


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a tracking service signs."""

    header: str
    secrets: Callable[[Settings], tuple[SecretStr, ...]]
    written: Callable[[bytes], str]


def _normal(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """EasyPost's own libraries sign with the secret in Unicode's form NFKD."""
    return tuple(SecretStr(unicodedata.normalize("NFKD", secret.get_secret_value())) for secret in secrets)


SCHEMES: Mapping[str, Scheme] = {
    "easypost": Scheme(
        "X-Hmac-Signature",
        lambda settings: _normal(settings.easypost_secrets),
        lambda digest: f"hmac-sha256-hex={digest.hex()}",
    ),
    "aftership": Scheme(
        "aftership-hmac-sha256",
        lambda settings: settings.aftership_secrets,
        lambda digest: base64.b64encode(digest).decode(),
    ),
}
"""By the name of the service. Neither signs a time: what is posted again is known by its scan, for ever."""


def _body(schema: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/webhooks/suppliers/{supplier}",
    summary="A supplier has sent a parcel",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_body({"$ref": "#/components/schemas/SupplierEvent"}, SHIPPED),
)
async def from_supplier(  # noqa: PLR0913, PLR0917  # what FastAPI hands in
    request: Request,
    supplier: Annotated[str, Path(description="Name of the supplier", pattern=r"^[a-z0-9_-]{1,64}$")],
    settings: SettingsOf,
    registry: RegistryOf,
    store: StoreOf,
    trace_id: TraceId,
    x_orderops_timestamp: Annotated[str, Header(description="Seconds since 1970, signed with the body")] = "",
    x_orderops_signature: Annotated[str, Header(description="HMAC of timestamp, a dot and the body, in hex")] = "",
) -> WebhookAnswer:
    """Idempotent by supplier order and tracking number, for ever. An order that is not known yet is fine: the
    message waits for it, and the supplier is asked every six hours anyway."""
    raw = await body.read(request, types=JSON)
    signatures.verify_ours(raw, x_orderops_timestamp, x_orderops_signature, settings.supplier_secrets)
    event = body.fit(SupplierEvent, strict_json.parse(raw))
    if event.event != "shipped":
        return NOTHING
    told = {"supplier_order_id": event.supplier_order_id, "tracking_number": event.tracking_number}
    nudge = _Nudge("supplier_shipped", supplier, told, raw, trace_id)
    return await nudge.take(registry, store, settings)


@router.post(
    "/webhooks/carriers/{service}",
    summary="A carrier has seen a parcel",
    responses=problems("bad-signature", "not-found", *BODY_PROBLEMS),
    openapi_extra=_body({"type": "object"}, EASYPOST),
)
async def from_carrier(
    request: Request,
    service: Annotated[str, Path(description="; ".join(SCHEMES))],
    settings: SettingsOf,
    registry: RegistryOf,
    store: StoreOf,
    trace_id: TraceId,
) -> WebhookAnswer:
    """EasyPost's `tracker.created` and `tracker.updated`, AfterShip's `tracking_update`; other events do nothing.
    Idempotent by tracking number and last scan, for ever. A parcel that is not known yet is fine."""
    if service not in SCHEMES:
        raise Problem("not-found", f"No webhook of this service is taken here, only {', '.join(SCHEMES)}.")
    scheme = SCHEMES[service]
    raw = await body.read(request, types=JSON)
    sent = request.headers.get(scheme.header, "")
    signatures.verify(raw, sent, scheme.secrets(settings), written=scheme.written, header=scheme.header)
    parcel = _parcel(service, strict_json.parse(raw))
    if parcel is None or parcel.last is None:
        return NOTHING
    told = {"tracking_number": parcel.tracking_number, "scan_id": parcel.last.id}
    return await _Nudge("parcel_moved", service, told, raw, trace_id).take(registry, store, settings)


def _parcel(service: str, value: Any) -> Parcel | None:
    """None for what is about something else than a parcel; 422 for what should be about one and is not."""
    if not isinstance(value, dict):
        raise Problem("invalid", "The body has to be an object.")
    event = value.get("description") if service == "easypost" else value.get("event", "tracking_update")
    if event not in {"tracker.created", "tracker.updated", "tracking_update"}:
        return None
    try:
        return READERS[service](value)
    except ValueError:
        raise Problem("invalid", "The body tells of no parcel: its carrier or its number is missing.") from None


@dataclass(frozen=True, slots=True)
class _Nudge:
    """What wakes a process."""

    message: str
    source: str
    payload: Mapping[str, str]
    raw: bytes
    trace_id: str

    async def take(self, registry: RegistryOf, store: StoreOf, settings: Settings) -> WebhookAnswer:
        """Stored once for ever; a repetition is counted."""
        process, message = registry.find(self.message)
        payload = body.fit(message.payload, self.payload)
        arrival = arrival_of(
            process.id,
            message,
            payload,
            source=self.source,
            body=self.raw,
            trace_id=self.trace_id,
            settings=settings,
        )
        receipt: Receipt | None = await store.add(arrival)
        if receipt is None:
            receipt = await store.run(lambda session: inbox.accept(session, arrival))
        log.info(
            "webhook.accepted", topic=self.message, source=self.source, inbox_id=receipt.inbox_id,
            duplicate=receipt.duplicate, same_body=receipt.same_body,
        )  # fmt: skip
        return WebhookAnswer(inbox_id=receipt.inbox_id, duplicate=receipt.duplicate)
