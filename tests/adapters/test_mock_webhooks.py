"""What `orderops mock` tells the api, signed as real senders do."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.paypal import Delivery, NotFromPayPalError, PayPal
from tests.adapters.command import mock_command
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.carrier_events import READERS
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_certificates import KeptCertificates
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.values import Money
from workers.runtime.mocked.webhooks import signature
from workers.runtime.settings import load_settings

SENDERS = ("SUPPLIER", "EASYPOST", "AFTERSHIP", "STRIPE")


@dataclass
class Api:
    """An api that takes everything and keeps it."""

    told: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def only(self) -> tuple[str, dict[str, str], Any]:
        """Path, headers and content of the one webhook."""
        [(path, headers, body)] = self.told
        return path, headers, json.loads(body)


@pytest.fixture
def api(stack_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Where the commands find the api; every sender's secret is `s3cret`, the newest of two."""
    kept = Api()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.told.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("ORDEROPS_API_PORT", str(server.server_port))
    for sender in SENDERS:
        monkeypatch.setenv(f"ORDEROPS_{sender}_SECRETS", "s3cret, older")
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def order(world: MockWorld, unique: str) -> str:
    """An order that was paid and bought."""
    await MockShop(world).seed_order(shopify_order(unique))
    await MockSuppliers(world).place_order("cj", f"orderops-{unique}", LINES, ADDRESS, Money(2_500, "EUR"))
    return unique


async def mock(*arguments: str) -> str:
    return await asyncio.to_thread(mock_command, *arguments)


def _fits_with_time(sent: str, at: str, body: bytes) -> bool:
    fits = hmac.new(b"s3cret", at.encode() + b"." + body, hashlib.sha256).hexdigest() == sent
    return fits and abs(time.time() - int(at)) < 60


async def test_a_supplier_tells_its_own_number_and_the_parcels(world: MockWorld, api: Api, order: str) -> None:
    bought = await MockSuppliers(world).find_order("cj", f"orderops-{order}")
    assert bought is not None
    assert "/webhooks/suppliers/cj, and answered 200" in await mock("ship", order, "--number", "JD01")
    path, headers, content = api.only()
    assert path == "/webhooks/suppliers/cj"
    assert content == {"event": "shipped", "supplier_order_id": bought.id, "tracking_number": "JD01"}
    at = headers["x-orderops-timestamp"]
    assert _fits_with_time(headers["x-orderops-signature"], at, api.told[0][2])


@pytest.mark.parametrize(("carrier", "service"), [("ups", "easypost"), ("dhl", "aftership")])
async def test_a_carrier_tells_what_we_then_find_when_we_ask(
    world: MockWorld, api: Api, unique: str, carrier: str, service: str
) -> None:
    await mock("scan", unique, "in_transit", "--carrier", carrier, "--untold")
    await mock("scan", unique, "delivered", "--carrier", carrier, "--place", "Berlin")
    path, headers, content = api.only()
    assert path == f"/webhooks/carriers/{service}"
    assert READERS[service](content) == await MockCarriers(world).track(carrier, unique)
    assert {"x-hmac-signature", "aftership-hmac-sha256"} & headers.keys()


async def test_stripe_tells_of_disputes(api: Api, order: str) -> None:
    dispute = (await mock("dispute", order)).split()[0]
    await mock("close-dispute", dispute, "--lost")
    (path, headers, body), (_, _, closed) = api.told
    event = json.loads(body)
    assert (path, event["type"]) == ("/webhooks/stripe", "charge.dispute.created")
    told = event["data"]["object"]
    assert (told["id"], told["charge"], told["amount"]) == (dispute, f"ch_{order}", 4_995)
    assert json.loads(closed)["type"] == "charge.dispute.closed"
    assert json.loads(closed)["data"]["object"]["status"] == "lost"
    at, _, sent = headers["stripe-signature"].partition(",")
    assert _fits_with_time(sent.removeprefix("v1="), at.removeprefix("t="), body)


@pytest.mark.parametrize(
    ("reference", "ours"), [("orderops-{}-lost", "{}-lost"), ("orderops-{}-lost:2", "{}-lost")]
)
async def test_stripe_tells_of_refunds_with_our_id_of_them(
    world: MockWorld, api: Api, order: str, reference: str, ours: str
) -> None:
    await misbehave(world, "payments.refund", Kind.PENDING, order)
    named = reference.format(order)
    await MockPayments(world).refund(f"ch_{order}", named, Money(1_000, "EUR"), "lost")
    await mock("fail-refund", named)
    _, _, event = api.only()
    assert event["type"] == "charge.refund.updated"
    assert event["data"]["object"]["metadata"] == {"orderops-refund": ours.format(order)}
    assert event["data"]["object"]["status"] == "failed"


async def test_paypal_signs_with_its_certificate(
    world: MockWorld, api: Api, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await MockShop(world).seed_order(shopify_order(unique, payment_gateway_names=["paypal"]))
    assert "ORDEROPS_PAYPAL_WEBHOOK_IDS is not set" in await mock("dispute", unique)
    monkeypatch.setenv("ORDEROPS_PAYPAL_WEBHOOK_IDS", "WH-1,WH-2")
    dispute = (await mock("dispute", unique)).split()[0]
    path, headers, event = api.only()
    assert (path, event["event_type"]) == ("/webhooks/paypal", "CUSTOMER.DISPUTE.CREATED")
    assert event["resource"]["dispute_id"] == dispute
    names = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
    delivery = Delivery(*(headers[f"paypal-{name}"] for name in names))
    await PayPal(KeptCertificates(world)).check(delivery, api.told[0][2], ["WH-1"])
    with pytest.raises(NotFromPayPalError):
        await PayPal(KeptCertificates(world)).check(delivery, api.told[0][2] + b" ", ["WH-1"])
    await mock("close-dispute", dispute, "--won")
    assert json.loads(api.told[1][2])["event_type"] == "CUSTOMER.DISPUTE.RESOLVED"


async def test_paypal_tells_of_its_refunds(
    world: MockWorld, api: Api, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDEROPS_PAYPAL_WEBHOOK_IDS", "WH-1")
    await MockShop(world).seed_order(shopify_order(unique, payment_gateway_names=["paypal"]))
    await misbehave(world, "payments.refund", Kind.PENDING, unique, times=1)
    for reference in (f"orderops-{unique}-lost", f"orderops-{unique}-lost:2"):
        await MockPayments(world).refund(f"ch_{unique}", reference, Money(1_000, "EUR"), "lost")
    await mock("settle-refund", f"orderops-{unique}-lost")
    await mock("fail-refund", f"orderops-{unique}-lost:2")
    events = [json.loads(body) for _, _, body in api.told]
    assert [(event["event_type"], event["resource"]["status"]) for event in events] == [
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED"),
        ("PAYMENT.REFUND.FAILED", "FAILED"),
    ]
    assert {event["resource"]["custom_id"] for event in events} == {f"orderops-{unique}-lost"}


async def test_without_an_api_or_a_secret_it_happens_untold(
    api: Api, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDEROPS_AFTERSHIP_SECRETS")
    said = await mock("deliver", unique, "--carrier", "dhl")
    assert "delivered" in said
    assert "ORDEROPS_AFTERSHIP_SECRETS is not set" in said
    monkeypatch.setenv("ORDEROPS_API_PORT", "9")
    load_settings.cache_clear()
    said = await mock("deliver", unique, "--carrier", "ups")
    assert "the api does not answer at http://127.0.0.1:9" in said
    assert api.told == []


@pytest.mark.parametrize(
    "file", ["easypost/event.tracker.updated.json", "stripe_events/charge.dispute.created.json"]
)
def test_signatures_are_those_that_were_published(data: Path, file: str) -> None:
    vectors = json.loads((data / "payloads" / "signature_vectors.json").read_text())
    [vector] = [each for each in vectors if each.get("body_file", "").startswith(file)]
    body, service = (data / "payloads" / file).read_bytes(), file.partition("/")[0].partition("_")[0]
    if "re-serialised" in vector["body_file"]:
        body = json.dumps(json.loads(body), separators=(",", ":")).encode()
    headers = signature(service, vector["secret"], body, vector.get("timestamp", 0))
    assert list(headers.values()) == [vector["header"]]
