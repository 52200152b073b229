"""Everything of the api that needs the database: what programs ask, people's pages, and all webhooks."""

from collections.abc import Awaitable, Iterator
from typing import Any

import httpx
import orjson

from api import csrf
from api.routes.login import FORM_COOKIE
from tests.api.conftest import BEARER, WEBHOOK_ID, new_order_id
from tests.api.payment_events import JSON, new_dispute
from tests.api.people import COOKIE
from tests.api.test_parcel_webhooks import SERVICES, from_carrier, from_supplier, shipped
from tests.api.test_paypal_webhooks import paypal_event
from tests.api.test_stripe_webhooks import signed, stripe_event
from tests.api.ticket_senders import a_mail, from_chat, from_mail, from_zendesk, opened, said
from workers.adapters.mock_certificates import MockCertificates

READS = ("/tasks", "/tasks/5", "/cases", "/cases/5", "/incidents", "/inbox", "/inbox/5", "/tickets", "/tickets/5",
         "/refunds/5", "/cases/5/refundable")  # fmt: skip
PAGES = ("/ui", "/ui/inbox", "/ui/tasks", "/ui/tasks/5", "/ui/cases", "/ui/cases/5", "/ui/processes",
         "/ui/processes/fulfillment", "/logout")  # fmt: skip
CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/tasks/5/claim", {"assignee": "ada"}),
    ("/tasks/5/unclaim", {}),
    ("/tasks/5/complete", {"variables": {}}),
    ("/incidents/5/retry", {}),
)
BROWSER = "a-browser"

Asked = Awaitable[httpx.Response]


def programs(http: httpx.AsyncClient) -> Iterator[Asked]:
    """What programs with a token ask."""
    for path in READS:
        yield http.get(path, headers=BEARER)
    for path, body in CHANGES:
        yield http.post(path, json=body, headers=BEARER)
    key = {**BEARER, "Idempotency-Key": str(new_order_id())}
    refund = {"shopify_order_id": str(new_order_id()), "currency": "EUR", "reason": "damaged", "amount": "12.50"}
    yield http.post("/refunds", json=refund, headers=key)


def people(http: httpx.AsyncClient) -> Iterator[Asked]:
    """Pages in a browser whose session nobody knows, and somebody who logs in."""
    own = {"Cookie": f"{COOKIE}={BROWSER}", csrf.HEADER: csrf.token_for(BROWSER)}
    for path in PAGES:
        yield http.get(path, headers=own)
    for path in ("/ui/tasks/5/claim", "/ui/tasks/5/unclaim", "/ui/tasks/5/complete", "/ui/incidents/5/retry"):
        yield http.post(path, data={csrf.FIELD: csrf.token_for(BROWSER)}, headers=own)
    form = {csrf.FIELD: csrf.token_for(BROWSER), "name": "nobody", "password": "wrong"}
    yield http.post("/login", data=form, headers={"Cookie": f"{FORM_COOKIE}={BROWSER}"})


def webhooks(http: httpx.AsyncClient, certificates: MockCertificates) -> Iterator[Asked]:
    """Deliveries of everybody but the shop, signed as each signs."""
    raw = orjson.dumps(stripe_event(new_dispute()))
    yield http.post("/webhooks/stripe", content=raw, headers={**JSON, "Stripe-Signature": signed(raw)})
    raw = orjson.dumps(paypal_event(new_dispute()))
    yield http.post("/webhooks/paypal", content=raw, headers={**JSON, **certificates.headers(raw, WEBHOOK_ID)})
    yield from_supplier(http, shipped())
    for service, (_, _, event, _) in SERVICES.items():
        yield from_carrier(http, service, event())
    yield from_zendesk(http, opened())
    yield from_mail(http, a_mail())
    yield from_chat(http, said())
