"""What `orderops mock` tells the api is what the api takes."""

import time
import uuid
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from api.paypal import PayPal
from tests.api.conftest import EASYPOST_SECRET, SECRET, WEBHOOK_ID
from workers.adapters.mock_certificates import MockCertificates
from workers.ports.carriers import ParcelState, Scan
from workers.ports.payments import Dispute, DisputeState, Refund, RefundState
from workers.ports.values import Money
from workers.runtime.mocked import webhooks
from workers.runtime.mocked.customers import Letter, webhook
from workers.runtime.mocked.webhooks import Webhook, sealed, signature

NOW, MONEY = datetime(2026, 3, 2, 8, 30, tzinfo=UTC), Money(1_000, "EUR")
UNIQUE = uuid.uuid4().hex
SCANS = [Scan("", NOW, ParcelState.IN_TRANSIT, "Leipzig", "Sorted")]
DISPUTE = Dispute(
    f"dp_{UNIQUE}", "stripe", "ch_1", "1", MONEY, "product_not_received", DisputeState.NEEDS_RESPONSE, NOW
)
REFUND = Refund(f"re_{UNIQUE}", "ch_1", f"orderops-{UNIQUE}-lost:2", MONEY, RefundState.FAILED, "declined")


@pytest.mark.parametrize(
    "told",
    [
        webhooks.shipped("cj", f"CJ-{UNIQUE}", "JD01"),
        webhooks.moved("ups", f"UPS{UNIQUE}", SCANS),
        webhooks.moved("dhl", f"DHL{UNIQUE}", SCANS),
        webhooks.disputed(DISPUTE, "created"),
        webhooks.disputed(DISPUTE, "closed"),
        webhooks.refund_changed(REFUND, "stripe"),
    ],
    ids=["shipped", "easypost", "aftership", "disputed", "closed", "refund"],
)
async def test_it_is_taken_and_stored(client: httpx.AsyncClient, told: Webhook) -> None:
    secret = EASYPOST_SECRET if told.sender == "easypost" else SECRET
    headers = signature(told.sender, secret, told.body, int(time.time()))
    answer = await client.post(
        told.path, content=told.body, headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["inbox_id"] is not None


async def test_what_paypal_tells_of_a_refund_is_taken_and_stored(client: httpx.AsyncClient, app: FastAPI) -> None:
    certificates = MockCertificates()
    app.state.paypal = PayPal(certificates)
    told = webhooks.refund_changed(REFUND, "paypal")
    headers = {"Content-Type": "application/json", **certificates.headers(told.body, WEBHOOK_ID)}
    answer = await client.post(told.path, content=told.body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["inbox_id"] is not None


@pytest.mark.parametrize("channel", ["mail", "chat", "zendesk"])
async def test_what_a_customer_writes_is_taken_and_so_is_more_of_it(
    client: httpx.AsyncClient, channel: str
) -> None:
    ticket_id = None
    for text in ("Where is my lamp?", "Hello?"):
        told, expected = webhook(Letter(channel, "ada@example.com", "Ada", "My lamp", text), ticket_id)
        told = sealed(told, SECRET, int(time.time()))
        headers = signature(told.sender, SECRET, told.body, int(time.time()))
        answer = await client.post(
            told.path, content=told.body, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["ticket_id"] == expected == (ticket_id or expected)
        ticket_id = expected
