"""Webhooks of PayPal: who is believed, what is kept, and what becomes of everything else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from api.paypal import KEPT, MOST_ASKING, PayPal
from tests.api.conftest import (
    OLD_WEBHOOK_ID,
    WEBHOOK_ID,
    assert_problem,
    inbox_rows,
    inbox_size,
)
from tests.api.payment_events import JSON, Send, numbers, raw_of, told
from workers.adapters.mock_certificates import URL, MockCertificates
from workers.casefile.db import Database
from workers.runtime.errors import Unavailable


def paypal_event(dispute_id: str, what: str = "CREATED") -> dict[str, Any]:
    """As PayPal tells of a dispute, cut down."""
    resource = {"dispute_id": dispute_id, "reason": "UNAUTHORISED", "status": "OPEN"}
    event = {"id": f"WH-{next(numbers)}", "resource_type": "dispute"}
    return {**event, "event_type": f"CUSTOMER.DISPUTE.{what}", "resource": resource}


REFUND_EVENTS = ("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED")


def refund_event(noted: str | None, what: str = REFUND_EVENTS[0], **changes: Any) -> dict[str, Any]:
    """As PayPal tells of a refund; what whoever made it noted with it is its custom id."""
    resource = {
        "id": "1JU08902781691411",
        "amount": {"value": "10.99", "currency_code": "EUR"},
        "seller_payable_breakdown": {"net_amount": {"value": "10.99", "currency_code": "EUR"}},
        "invoice_id": "450789469",
        "status": "COMPLETED",
        "links": [{"href": "https://api.paypal.com/v2/payments/refunds/1JU08902781691411", "rel": "self"}],
        **({} if noted is None else {"custom_id": noted}),
        **changes,
    }
    return {"id": f"WH-{next(numbers)}", "resource_type": "refund", "event_type": what, "resource": resource}


@pytest.fixture
def certificates(app: FastAPI) -> MockCertificates:
    """PayPal's signing side, as this app sees it."""
    certificates = MockCertificates()
    app.state.paypal = PayPal(certificates)
    return certificates


@pytest.fixture
def paypal(client: httpx.AsyncClient, certificates: MockCertificates) -> Send:
    """Posts a body as PayPal signs it; headers may be others."""

    async def send(
        body: Any,
        webhook_id: str = WEBHOOK_ID,
        signer: MockCertificates | None = None,
        changes: Mapping[str, str] | None = None,
        transmission: str = "t-1",
    ) -> httpx.Response:
        raw = raw_of(body)
        headers = (signer or certificates).headers(raw, webhook_id, transmission)
        return await client.post("/webhooks/paypal", content=raw, headers={**JSON, **headers, **(changes or {})})

    return send


async def test_a_dispute_is_stored_before_it_is_answered(paypal: Send, database: Database) -> None:
    dispute_id = f"PP-D-{next(numbers)}"
    answer = await paypal(paypal_event(dispute_id))
    assert answer.status_code == 200
    [row] = await inbox_rows(database, dispute_id)
    assert answer.json() == {"inbox_id": row.id, "duplicate": False}
    assert (row.message_name, row.source, row.variables["provider"]) == ("dispute_opened", "paypal", "paypal")


@pytest.mark.parametrize(
    ("what", "messages"),
    [
        ("CREATED", ["dispute_opened"]),
        ("UPDATED", ["dispute_opened"]),
        ("RESOLVED", ["dispute_closed", "dispute_opened"]),
    ],
)
async def test_whatever_arrives_first_starts_the_case(
    what: str, messages: list[str], paypal: Send, database: Database
) -> None:
    dispute_id = f"PP-D-{next(numbers)}"
    assert (await paypal(paypal_event(dispute_id, what))).status_code == 200
    assert sorted(await told(database, dispute_id)) == messages


async def test_a_replay_under_a_fresh_delivery_id_is_no_second_case(paypal: Send, database: Database) -> None:
    dispute_id = f"PP-D-{next(numbers)}"
    for transmission in ("t-1", "t-2"):
        answer = await paypal(paypal_event(dispute_id), transmission=transmission)
    assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
    assert await told(database, dispute_id) == ["dispute_opened"]


async def test_real_payloads_are_accepted_whole(data: Path, paypal: Send, database: Database) -> None:
    event = orjson.loads((data / "payloads/paypal/CUSTOMER.DISPUTE.CREATED.json").read_bytes())
    dispute_id = event["resource"]["dispute_id"] = f"PP-000-{next(numbers)}"
    assert (await paypal(event)).status_code == 200
    assert await told(database, dispute_id) == ["dispute_opened"]


async def test_other_types_are_answered_and_not_stored(data: Path, paypal: Send, database: Database) -> None:
    before = await inbox_size(database)
    answer = await paypal((data / "payloads/paypal/PAYMENT.SALE.COMPLETED.json").read_bytes())
    assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
    assert await inbox_size(database) == before


async def test_a_refund_of_ours_that_moved_is_told_to_it_once_per_state(paypal: Send, database: Database) -> None:
    refund_id = f"{next(numbers)}-damaged"
    for what, status in (
        ("PAYMENT.REFUND.PENDING", "PENDING"),
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED"),
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED"),
    ):
        assert (await paypal(refund_event(f"orderops-{refund_id}", what, status=status))).status_code == 200
    rows = await inbox_rows(database, refund_id)
    assert [(row.process, row.message_name) for row in rows] == [("refund", "refund_changed")] * 2
    assert [row.variables["state"] for row in rows] == ["pending", "completed"]


@pytest.mark.parametrize("what", REFUND_EVENTS)
@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_a_refund_of_ours_that_failed_may_have_come_back(
    what: str, status: str, paypal: Send, database: Database
) -> None:
    """Told to the instance that waits, and to a new one, once per refund of PayPal's, by whatever event."""
    refund_id = f"{next(numbers)}-damaged"
    for made in ("1JU1", "1JU1", "1JU2"):
        event = refund_event(f"orderops-{refund_id}", what, id=made, status=status)
        assert (await paypal(event)).status_code == 200
    rows = await inbox_rows(database, refund_id)
    assert [row.message_name for row in rows] == ["refund_came_back", "refund_changed", "refund_came_back"]
    assert [row.variables.get("provider_refund_id") for row in rows] == ["1JU1", None, "1JU2"]


@pytest.mark.parametrize("noted", ["", "orderops-", "450789469", "shop orderops-1", "Orderops-1", None], ids=str)
async def test_refunds_of_others_are_answered_and_not_stored(
    noted: str | None, paypal: Send, database: Database
) -> None:
    before = await inbox_size(database)
    for event in (refund_event(None), *(refund_event("", what, custom_id=noted) for what in REFUND_EVENTS)):
        answer = await paypal(event)
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
    assert await inbox_size(database) == before


async def test_a_refund_that_paypal_has_not_signed_writes_nothing(paypal: Send, database: Database) -> None:
    refund_id = f"{next(numbers)}-damaged"
    answer = await paypal(
        refund_event(f"orderops-{refund_id}", REFUND_EVENTS[2], status="FAILED"), webhook_id="another"
    )
    assert_problem(answer, 401, "bad-signature")
    assert await inbox_rows(database, refund_id) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": 5},
        {"id": "1JU or 1=1"},
        {"id": "1" * 65},
        {"status": None},
        {"status": "completed\n"},
        {"status": ["FAILED"]},
        {"custom_id": "orderops-../../1"},
        {"custom_id": "orderops-1 lost"},
        {"custom_id": f"orderops-{'1' * 101}"},
        {"custom_id": 1},
        {"custom_id": "x" * 256},
    ],
    ids=str,
)
async def test_values_of_a_refund_that_cannot_be_are_refused(
    changes: dict[str, Any], paypal: Send, database: Database
) -> None:
    before = await inbox_size(database)
    answer = await paypal(refund_event("orderops-1-lost", **changes))
    assert_problem(answer, 422, "invalid")
    assert await inbox_size(database) == before


async def test_amounts_of_a_refund_are_not_believed_so_wrong_ones_do_no_harm(
    paypal: Send, database: Database
) -> None:
    """The job asks the provider for them."""
    refund_id = f"{next(numbers)}-damaged"
    amount = {"value": "-999999.999", "currency_code": "=1+1"}
    assert (await paypal(refund_event(f"orderops-{refund_id}", amount=amount))).status_code == 200
    [row] = await inbox_rows(database, refund_id)
    assert set(row.variables) - {"message_traceparent"} == {"refund_id", "state"}


async def test_both_webhooks_are_valid_during_a_move(paypal: Send) -> None:
    event = paypal_event(f"PP-D-{next(numbers)}")
    assert (await paypal(event, webhook_id=OLD_WEBHOOK_ID)).status_code == 200


async def test_a_delivery_three_days_old_is_believed(
    client: httpx.AsyncClient, certificates: MockCertificates
) -> None:
    """PayPal repeats so long; that a dispute is told again does no harm."""
    raw = raw_of(paypal_event(f"PP-D-{next(numbers)}"))
    headers = certificates.headers(raw, WEBHOOK_ID, ago=timedelta(days=3))
    answer = await client.post("/webhooks/paypal", content=raw, headers={**JSON, **headers})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"PayPal-Transmission-Sig": ""},
        {"PayPal-Transmission-Sig": "bm9wZQ=="},
        {"PayPal-Transmission-Sig": "not base64!"},
        {"PayPal-Transmission-Id": "t-2"},
        {"PayPal-Transmission-Id": ""},
        {"PayPal-Transmission-Time": "2026-01-01T00:00:00Z"},
        {"PayPal-Auth-Algo": "SHA1withRSA"},
        {"PayPal-Auth-Algo": ""},
    ],
    ids=str,
)
async def test_a_wrong_signature_writes_nothing(changes: dict[str, str], paypal: Send, database: Database) -> None:
    before = await inbox_size(database)
    answer = await paypal(paypal_event("PP-D-1"), changes=changes)
    assert_problem(answer, 401, "bad-signature")
    assert await inbox_size(database) == before


async def test_another_body_under_the_same_signature_writes_nothing(
    client: httpx.AsyncClient, certificates: MockCertificates, database: Database
) -> None:
    before = await inbox_size(database)
    headers = certificates.headers(raw_of(paypal_event("PP-D-1")), WEBHOOK_ID)
    answer = await client.post(
        "/webhooks/paypal", content=raw_of(paypal_event("PP-D-2")), headers={**JSON, **headers}
    )
    assert_problem(answer, 401, "bad-signature")
    assert await inbox_size(database) == before


async def test_what_is_meant_for_another_tenants_or_a_retired_webhook_is_refused(paypal: Send) -> None:
    """PayPal has signed it, but not for us."""
    assert_problem(await paypal(paypal_event("PP-D-1"), webhook_id="another"), 401, "bad-signature")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://paypal.example/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example/api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example#@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example\\@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?next=https://evil.example",
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://API.paypal.com/v1/notifications/certs/CERT-1",
        "https://127.0.0.1/v1/notifications/certs/CERT-1",
        "file:///v1/notifications/certs/CERT-1",
        "https://[::1",
    ],
)
async def test_a_certificate_elsewhere_is_not_fetched(
    url: str, paypal: Send, certificates: MockCertificates, database: Database
) -> None:
    before = await inbox_size(database)
    answer = await paypal(paypal_event("PP-D-1"), changes={"PayPal-Cert-Url": url})
    assert_problem(answer, 401, "bad-signature")
    assert certificates.fetched == []
    assert await inbox_size(database) == before


async def test_a_certificate_that_nobody_trusted_vouches_for_is_refused(
    client: httpx.AsyncClient, app: FastAPI, certificates: MockCertificates
) -> None:
    """Somebody else's authority, at PayPal's own address."""

    class Swapped(MockCertificates):
        def roots(self) -> list[bytes]:
            return list(certificates.roots())

    swapped = Swapped()
    app.state.paypal = PayPal(swapped)
    raw = raw_of(paypal_event("PP-D-1"))
    answer = await client.post(
        "/webhooks/paypal", content=raw, headers={**JSON, **swapped.headers(raw, WEBHOOK_ID)}
    )
    assert_problem(answer, 401, "bad-signature")


@pytest.mark.parametrize(
    "certificates",
    [
        MockCertificates(signer="evil.example"),
        MockCertificates(signer="messageverificationcerts.paypal.com"),
        MockCertificates(valid_from=datetime.now(UTC) - timedelta(days=40)),
        MockCertificates(valid_from=datetime.now(UTC) + timedelta(days=1)),
    ],
    ids=["made out to another", "of production, at the sandbox", "expired", "not valid yet"],
)
async def test_a_certificate_that_is_not_paypals_or_not_valid_is_refused(
    certificates: MockCertificates, client: httpx.AsyncClient, app: FastAPI
) -> None:
    app.state.paypal = PayPal(certificates)
    raw = raw_of(paypal_event("PP-D-1"))
    headers = {**JSON, **certificates.headers(raw, WEBHOOK_ID)}
    answer = await client.post("/webhooks/paypal", content=raw, headers=headers)
    assert_problem(answer, 401, "bad-signature")


async def test_a_certificate_is_fetched_once(paypal: Send, certificates: MockCertificates) -> None:
    for _ in range(5):
        assert (await paypal(paypal_event(f"PP-D-{next(numbers)}"))).status_code == 200
    assert certificates.fetched == [URL]


async def test_an_address_without_certificate_is_not_asked_again_and_again(
    paypal: Send, certificates: MockCertificates
) -> None:
    nothing = "https://api.paypal.com/v1/notifications/certs/CERT-0"
    for _ in range(5):
        answer = await paypal(paypal_event("PP-D-1"), changes={"PayPal-Cert-Url": nothing})
        assert_problem(answer, 401, "bad-signature")
    assert certificates.fetched == [nothing]


async def test_addresses_without_certificate_do_not_cost_us_the_genuine_one(
    paypal: Send, certificates: MockCertificates
) -> None:
    """Anybody may name them, without a signature."""
    event = paypal_event(f"PP-D-{next(numbers)}")
    assert (await paypal(event)).status_code == 200
    for number in range(KEPT + 1):
        nothing = f"https://api.paypal.com/v1/notifications/certs/CERT-{number}"
        assert (await paypal(event, changes={"PayPal-Cert-Url": nothing})).status_code == 401
    assert (await paypal(event)).status_code == 200
    assert certificates.fetched.count(URL) == 1


async def test_an_address_that_does_not_answer_is_not_asked_again_at_once(app: FastAPI, paypal: Send) -> None:
    away = Away()
    app.state.paypal = PayPal(away)
    for _ in range(3):
        assert_problem(await paypal(paypal_event("PP-D-1")), 503, "unavailable")
    assert away.fetched == [URL]


async def test_few_wait_for_a_certificate_and_nobody_whose_key_is_known(
    app: FastAPI, certificates: MockCertificates, paypal: Send
) -> None:
    answers = asyncio.Event()

    class Slow(MockCertificates):
        async def fetch(self, url: str) -> bytes | None:
            if url != URL:
                await answers.wait()
            return await certificates.fetch(url)

        def roots(self) -> Sequence[bytes]:
            return certificates.roots()

    app.state.paypal = PayPal(Slow())
    event = paypal_event(f"PP-D-{next(numbers)}")
    assert (await paypal(event)).status_code == 200
    base = "https://api.paypal.com/v1/notifications/certs/CERT-"
    slow = [
        asyncio.ensure_future(paypal(event, changes={"PayPal-Cert-Url": f"{base}{number}"}))
        for number in range(MOST_ASKING + 3)
    ]
    done, waiting = await asyncio.wait(slow, timeout=1)
    assert [task.result().status_code for task in done] == [503] * 3
    assert (await paypal(event)).status_code == 200
    answers.set()
    assert {(await task).status_code for task in waiting} == {401}


class Away(MockCertificates):
    """Does not answer."""

    async def fetch(self, url: str) -> bytes | None:
        self.fetched.append(url)
        raise Unavailable("away")


async def test_while_paypal_does_not_answer_it_is_told_to_try_again(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    away = Away()
    app.state.paypal = PayPal(away)
    raw = raw_of(paypal_event("PP-D-1"))
    answer = await client.post("/webhooks/paypal", content=raw, headers={**JSON, **away.headers(raw, WEBHOOK_ID)})
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    "body",
    [
        {"resource": {}},
        {"event_type": "CUSTOMER.DISPUTE.CREATED", "resource": []},
        {"event_type": "CUSTOMER.DISPUTE.CREATED", "resource": {}},
        paypal_event("PP 1"),
    ],
    ids=["no type", "no object", "no id", "id with spaces"],
)
async def test_values_that_cannot_be_are_refused(body: Any, paypal: Send) -> None:
    assert_problem(await paypal(body), 422, "invalid")


async def test_what_is_not_proper_json_is_a_bad_request(paypal: Send) -> None:
    assert_problem(await paypal(b'{"event_type": "\xff"}'), 400, "bad-json")


async def test_without_a_webhook_id_nothing_is_accepted(
    paypal: Send, app: FastAPI, settings: Any, assembled: Any
) -> None:
    app.state.assembled = replace(assembled, settings=settings.model_copy(update={"paypal_webhook_ids": ()}))
    assert_problem(await paypal(paypal_event("PP-D-1")), 503, "unavailable")
