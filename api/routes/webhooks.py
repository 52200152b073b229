"""Webhooks of the shop: verified, stored, committed, and only then answered 200."""

import base64
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path, Request

from api import body, signatures, strict_json
from api.deps import RegistryOf, SettingsOf, StoreOf, TraceId
from api.errors import Problem
from api.schemas.common import BODY_PROBLEMS, problems
from api.schemas.shopify import EXAMPLE, ShopifyOrder, WebhookAnswer
from workers.casefile import inbox
from workers.runtime.arrivals import arrival_of

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Webhooks"])

TOPICS = {"orders-paid": "order_paid", "orders-cancelled": "order_cancelled", "orders-updated": "order_cancelled"}
"""Which message each topic becomes.

A cancellation is taken only when the order itself says it is cancelled, refunded in full or voided:
`orders-updated` tells of any change, and as topics are not signed, any signed body may be posted to any of them.
`refunds-create` is not here: its payload says what was given back and not what was paid, so that a partial refund
cannot be told from a full one; Shopify sends `orders-updated` for every refund as well.
"""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ShopifyOrder"}, "example": EXAMPLE}
        },
    }
}


@router.post(
    "/webhooks/shopify/{topic}",
    summary="An order was paid, cancelled or changed",
    responses=problems("bad-signature", "not-found", *BODY_PROBLEMS),
    openapi_extra=_BODY,
)
async def shopify(
    request: Request,
    topic: Annotated[str, Path(description="; ".join(TOPICS))],
    settings: SettingsOf,
    registry: RegistryOf,
    store: StoreOf,
    trace_id: TraceId,
    x_shopify_hmac_sha256: Annotated[str, Header(description="HMAC of the raw body, base64")] = "",
) -> WebhookAnswer:
    """Idempotent by the order's id, for ever, whatever the delivery id says: other headers are not signed."""
    if topic not in TOPICS:
        raise Problem("not-found", f"No webhook of this topic is taken here, only {', '.join(TOPICS)}.")
    raw = await body.read(request, types=frozenset({"application/json"}))
    signatures.verify(
        raw,
        x_shopify_hmac_sha256,
        settings.shopify_secrets,
        written=lambda digest: base64.b64encode(digest).decode(),
        header="X-Shopify-Hmac-Sha256",
    )
    order = body.fit(ShopifyOrder, strict_json.parse(raw))
    if TOPICS[topic] == "order_cancelled" and not order.stopped:
        return WebhookAnswer(inbox_id=None, duplicate=False)
    process, message = registry.find(TOPICS[topic])
    payload = body.fit(message.payload, {"shopify_order_id": order.order_id})
    arrivals = [
        arrival_of(each.id, one, facts, source="shopify", body=raw, trace_id=trace_id, settings=settings)
        for each, one, facts in registry.told(process, message, payload)
    ]
    receipt = await store.add(arrivals[0]) if len(arrivals) == 1 else None
    if receipt is None:
        receipt = await store.run(lambda session: inbox.accept_together(session, arrivals))
    log.info(
        "webhook.accepted", topic=topic, case_id=order.order_id, inbox_id=receipt.inbox_id,
        duplicate=receipt.duplicate, same_body=receipt.same_body,
    )  # fmt: skip
    return WebhookAnswer(inbox_id=receipt.inbox_id, duplicate=receipt.duplicate)
