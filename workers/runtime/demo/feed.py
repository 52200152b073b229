"""Delivers the orders' webhooks as the shop does: signed, at a steady rate, some of them twice."""

import asyncio
import base64
import hashlib
import hmac
import time
import uuid
from dataclasses import dataclass, field

import httpx
import orjson

from workers.runtime.demo.plan import Plan, Planned


@dataclass
class Feed:
    """What was delivered, and how long it took to be acknowledged."""

    http: httpx.AsyncClient
    secret: str
    rate: float
    patience_s: float = 60
    """How long the shop goes on delivering one webhook while it gets no 2xx."""
    deliveries: int = 0
    duplicates: int = 0
    orders: int = 0
    refused: list[str] = field(default_factory=list)
    """Deliveries given up: refused, or without an answer for too long."""
    errors: list[str] = field(default_factory=list)
    """Answers that should never be given, even if a later one was good: any 5xx but 503."""
    acknowledged_s: list[float] = field(default_factory=list)

    async def run(self, plan: Plan) -> None:
        """Deliver every order, and the repeated ones again, `rate` a second; returns when all are answered."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, planned in enumerate(plan.orders):
                await asyncio.sleep(began + number / self.rate - time.monotonic())
                group.create_task(self._deliver_all(planned))

    async def _deliver_all(self, planned: Planned) -> None:
        delivery_id = str(uuid.uuid4())
        await self._deliver(planned, "orders-paid", delivery_id)
        self.orders += 1
        if planned.repeated:
            again = str(uuid.uuid4()) if planned.fresh_delivery_id else delivery_id
            await self._deliver(planned, "orders-paid", again)

    async def cancel(self, planned: Planned) -> bool:
        """Tell that the customer cancelled, as the shop's webhook does; whether that was taken."""
        body = {**planned.order, "cancelled_at": "2026-01-01T00:00:00Z", "cancel_reason": "customer"}
        answer = await self._send("orders-cancelled", orjson.dumps(body), str(uuid.uuid4()))
        return answer is not None and answer.is_success

    async def _deliver(self, planned: Planned, topic: str, delivery_id: str) -> None:
        answer = await self._send(topic, orjson.dumps(planned.order), delivery_id)
        self.deliveries += 1
        if answer is None or not answer.is_success:
            status = answer.status_code if answer is not None else "no answer"
            self.refused.append(f"order {planned.case_id}: {status}")
        elif answer.json()["duplicate"]:
            self.duplicates += 1

    async def _send(self, topic: str, body: bytes, delivery_id: str) -> httpx.Response | None:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
            "X-Shopify-Topic": topic.replace("-", "/"),
            "X-Shopify-Webhook-Id": delivery_id,
        }
        began = time.monotonic()
        while time.monotonic() - began < self.patience_s:
            try:
                answer = await self.http.post(f"/webhooks/shopify/{topic}", content=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.is_server_error and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                self.errors.append(f"a delivery to {topic} was answered {answer.status_code}")
            if not answer.is_server_error:
                self.acknowledged_s.append(time.monotonic() - began)
                return answer
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        return None
