"""Webhooks of Stripe and PayPal: who is believed, what is kept, and what becomes of everything else."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
import pytest
from fastapi import FastAPI
from stripe import WebhookSignature

from api.paypal import PayPal
from tests.api.conftest import (
    OLD_SECRET,
    OLD_WEBHOOK_ID,
    SECRET,
    WEBHOOK_ID,
    assert_problem,
    inbox_rows,
    inbox_size,
)
from workers.adapters.mock_certificates import URL, MockCertificates
from workers.casefile.db import Database
from workers.runtime.errors import Unavailable

JSON = {"Content-Type": "application/json"}
_numbers = itertools.count(uuid.uuid4().int % 10**12)

Send = Callable[..., Awaitable[httpx.Response]]


def new_dispute() -> str:
    return f"dp_{next(_numbers)}"


def stripe_event(dispute_id: str, what: str = "created", **changes: Any) -> dict[str, Any]:
    """As Stripe tells of a dispute, cut down."""
    about = {"id": dispute_id, "object": "dispute", "amount": 4_995, "currency": "eur", "charge": "ch_1"}
    event = {"id": f"evt_{next(_numbers)}", "object": "event", "type": f"charge.dispute.{what}"}
    return {**event, "data": {"object": about | changes}, "livemode": False}


def paypal_event(dispute_id: str, what: str = "CREATED") -> dict[str, Any]:
    """As PayPal tells of a dispute, cut down."""
    resource = {"dispute_id": dispute_id, "reason": "UNAUTHORISED", "status": "OPEN"}
    event = {"id": f"WH-{next(_numbers)}", "resource_type": "dispute"}
    return {**event, "event_type": f"CUSTOMER.DISPUTE.{what}", "resource": resource}


def raw_of(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def signed(raw: bytes, secret: str = SECRET, ago: float = 0) -> str:
    """What Stripe's own library makes of it."""
    header = WebhookSignature.generate_signature_header(raw.decode(), secret, int(time.time() - ago))
    return cast(str, header)


@pytest.fixture
def stripe(client: httpx.AsyncClient) -> Send:
    """Posts a body, signed unless told otherwise."""

    async def send(body: Any, signature: str | None = None) -> httpx.Response:
        raw = raw_of(body)
        header = signed(raw) if signature is None else signature
        headers = {**JSON, "Stripe-Signature": header.encode("latin-1")}
        return await client.post("/webhooks/stripe", content=raw, headers=headers)  # type: ignore[arg-type]

    return send


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


async def told(database: Database, dispute_id: str) -> list[str]:
    return [row.message_name for row in await inbox_rows(database, dispute_id)]


class TestStripe:
    async def test_a_dispute_is_stored_before_it_is_answered(self, stripe: Send, database: Database) -> None:
        dispute_id = new_dispute()
        answer = await stripe(stripe_event(dispute_id))
        assert answer.status_code == 200
        [row] = await inbox_rows(database, dispute_id)
        assert answer.json() == {"inbox_id": row.id, "duplicate": False}
        assert (row.process, row.message_name, row.source) == ("chargeback", "dispute_opened", "stripe")
        assert (row.variables["dispute_id"], row.variables["provider"]) == (dispute_id, "stripe")

    @pytest.mark.parametrize(
        ("what", "messages"),
        [
            ("created", ["dispute_opened"]),
            ("updated", ["dispute_opened"]),
            ("closed", ["dispute_opened", "dispute_closed"]),
        ],
    )
    async def test_whatever_arrives_first_starts_the_case(
        self, what: str, messages: list[str], stripe: Send, database: Database
    ) -> None:
        dispute_id = new_dispute()
        assert (await stripe(stripe_event(dispute_id, what))).status_code == 200
        assert sorted(await told(database, dispute_id)) == sorted(messages)

    async def test_events_in_any_order_and_number_make_one_row_each(
        self, stripe: Send, database: Database
    ) -> None:
        """Event ids are fresh each time; the dispute is the same."""
        dispute_id = new_dispute()
        for what in ("closed", "created", "updated", "closed", "created"):
            assert (await stripe(stripe_event(dispute_id, what))).status_code == 200
        assert sorted(await told(database, dispute_id)) == ["dispute_closed", "dispute_opened"]

    async def test_a_replay_under_a_fresh_delivery_id_is_no_second_case(
        self, stripe: Send, database: Database
    ) -> None:
        dispute_id = new_dispute()
        await stripe(stripe_event(dispute_id))
        answer = await stripe(stripe_event(dispute_id))
        assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
        assert await told(database, dispute_id) == ["dispute_opened"]

    async def test_twenty_deliveries_at_once_make_one_row(self, stripe: Send, database: Database) -> None:
        """Stripe repeats what is answered 503, as it may be on a machine so busy that a second goes by."""
        dispute_id = new_dispute()

        async def deliver() -> httpx.Response:
            while (answer := await stripe(stripe_event(dispute_id))).status_code == 503:
                pass
            return answer

        answers = await asyncio.gather(*(deliver() for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert await told(database, dispute_id) == ["dispute_opened"]

    @pytest.mark.parametrize("name", ["created", "updated", "closed"])
    async def test_real_payloads_are_accepted_whole(
        self, name: str, data: Path, stripe: Send, database: Database
    ) -> None:
        event = orjson.loads((data / f"payloads/stripe_events/charge.dispute.{name}.json").read_bytes())
        dispute_id = event["data"]["object"]["id"] = new_dispute()
        assert (await stripe(event)).status_code == 200
        assert await told(database, dispute_id) != []

    @pytest.mark.parametrize(
        "file", ["charge.succeeded", "charge.refund.updated", "payout.paid", "charge.dispute.funds_withdrawn"]
    )
    async def test_what_is_not_about_us_is_answered_and_not_stored(
        self, file: str, data: Path, stripe: Send, database: Database
    ) -> None:
        """The refund among them has no reference of ours, so somebody else made it."""
        before = await inbox_size(database)
        answer = await stripe((data / f"payloads/stripe_events/{file}.json").read_bytes())
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
        assert await inbox_size(database) == before

    @pytest.mark.parametrize("kind", ["charge.refund.updated", "refund.updated", "refund.failed"])
    async def test_a_refund_of_ours_that_moved_is_told_to_it_once_per_state(
        self, kind: str, stripe: Send, database: Database
    ) -> None:
        """Our id of it lies in its metadata."""
        refund_id = f"{next(_numbers)}-damaged"
        for state in ("pending", "succeeded", "succeeded", "failed"):
            about = {"id": "re_1", "status": state, "metadata": {"orderops-refund": refund_id}}
            assert (await stripe({"type": kind, "data": {"object": about}})).status_code == 200
        rows = await inbox_rows(database, refund_id)
        assert [(row.process, row.message_name) for row in rows] == [("refund", "refund_changed")] * 3
        assert sorted(row.variables["state"] for row in rows) == ["failed", "pending", "succeeded"]

    async def test_unknown_types_are_answered_and_not_stored(self, stripe: Send, database: Database) -> None:
        before = await inbox_size(database)
        answer = await stripe({"type": "something.new", "data": {"object": {"id": "x_1"}}})
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
        assert await inbox_size(database) == before

    async def test_both_secrets_are_valid_during_a_rotation(self, stripe: Send) -> None:
        raw = raw_of(stripe_event(new_dispute()))
        assert (await stripe(raw, signed(raw, OLD_SECRET))).status_code == 200

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda raw: "",
            lambda raw: "t=1,v1=0",
            lambda raw: "v1=" + "0" * 64,
            lambda raw: "not a header \u00e9",
            lambda raw: signed(raw).replace("v1=", "v1=\u00e9"),
            lambda raw: signed(raw + b" "),
            lambda raw: signed(raw, "another-tenants-secret"),
            lambda raw: signed(raw).replace("v1=", "v0="),
            lambda raw: signed(raw, ago=302),
            lambda raw: signed(raw, OLD_SECRET, ago=86_400),
        ],
        ids=["none", "nonsense", "no time", "no ascii", "no ascii in it", "another body",
             "another tenant's", "another scheme", "too old", "a day old"],
    )  # fmt: skip
    async def test_a_wrong_signature_writes_nothing(
        self, wrong: Callable[[bytes], str], stripe: Send, database: Database
    ) -> None:
        before = await inbox_size(database)
        raw = raw_of(stripe_event(new_dispute()))
        assert_problem(await stripe(raw, wrong(raw)), 401, "bad-signature")
        assert await inbox_size(database) == before

    async def test_within_300_seconds_it_is_believed(self, stripe: Send) -> None:
        raw = raw_of(stripe_event(new_dispute()))
        assert (await stripe(raw, signed(raw, ago=290))).status_code == 200

    async def test_known_signature_vector_fits(self, data: Path) -> None:
        """Computed once by other means, over a file's raw bytes."""
        vectors = orjson.loads((data / "payloads/signature_vectors.json").read_bytes())
        [vector] = [each for each in vectors if each["scheme"].startswith("stripe")]
        raw = (data / "payloads/stripe_events/charge.dispute.created.json").read_text()
        WebhookSignature.verify_header(raw, vector["header"], vector["secret"])

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"type": "charge.dispute.created"}, "#/data"),
            ({"type": "", "data": {"object": {}}}, "#/type"),
            ({"type": "charge.dispute.created", "data": {"object": {}}}, "#/id"),
            (stripe_event(""), "#/id"),
            (stripe_event("dp_1 or 1=1"), "#/id"),
            (stripe_event("d" * 65), "#/id"),
            (stripe_event("dp_1", id=5), "#/id"),
        ],
        ids=["no data", "no type", "no id", "empty id", "id with spaces", "long id", "id of a number"],
    )
    async def test_values_that_cannot_be_are_refused(self, body: Any, pointer: str, stripe: Send) -> None:
        problem = assert_problem(await stripe(body), 422, "invalid")
        assert pointer in {error["pointer"] for error in problem["errors"]}

    @pytest.mark.parametrize(
        "changes",
        [{"amount": -4_995}, {"amount": 49.955}, {"currency": "eurodollar"}, {"amount": 10**12}],
        ids=str,
    )
    async def test_amounts_are_not_believed_so_wrong_ones_do_no_harm(
        self, changes: dict[str, Any], stripe: Send, database: Database
    ) -> None:
        """The job asks the provider for them."""
        dispute_id = new_dispute()
        assert (await stripe(stripe_event(dispute_id, **changes))).status_code == 200
        [row] = await inbox_rows(database, dispute_id)
        assert "amount" not in row.variables

    @pytest.mark.parametrize("raw", [b"{", b"NaN", b'{"type": 1, "type": 2}', b"[" * 70 + b"]" * 70], ids=repr)
    async def test_what_is_not_proper_json_is_a_bad_request(self, raw: bytes, stripe: Send) -> None:
        assert_problem(await stripe(raw), 400, "bad-json")

    async def test_what_is_not_utf_8_is_a_bad_request(self, stripe: Send) -> None:
        assert_problem(await stripe(b'{"a": "\xff"}', "t=1,v1=0"), 400, "bad-json")

    async def test_a_megabyte_is_enough(self, stripe: Send) -> None:
        assert_problem(await stripe(b" " * (1024 * 1024 + 1), "t=1,v1=0"), 413, "too-large")

    async def test_without_secrets_nothing_is_accepted(
        self, stripe: Send, app: FastAPI, settings: Any, assembled: Any, database: Database
    ) -> None:
        app.state.assembled = replace(assembled, settings=settings.model_copy(update={"stripe_secrets": ()}))
        before = await inbox_size(database)
        assert_problem(await stripe(stripe_event(new_dispute())), 503, "unavailable")
        assert await inbox_size(database) == before


class TestPayPal:
    async def test_a_dispute_is_stored_before_it_is_answered(self, paypal: Send, database: Database) -> None:
        dispute_id = f"PP-D-{next(_numbers)}"
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
        self, what: str, messages: list[str], paypal: Send, database: Database
    ) -> None:
        dispute_id = f"PP-D-{next(_numbers)}"
        assert (await paypal(paypal_event(dispute_id, what))).status_code == 200
        assert sorted(await told(database, dispute_id)) == messages

    async def test_a_replay_under_a_fresh_delivery_id_is_no_second_case(
        self, paypal: Send, database: Database
    ) -> None:
        dispute_id = f"PP-D-{next(_numbers)}"
        for transmission in ("t-1", "t-2"):
            answer = await paypal(paypal_event(dispute_id), transmission=transmission)
        assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
        assert await told(database, dispute_id) == ["dispute_opened"]

    async def test_real_payloads_are_accepted_whole(self, data: Path, paypal: Send, database: Database) -> None:
        event = orjson.loads((data / "payloads/paypal/CUSTOMER.DISPUTE.CREATED.json").read_bytes())
        dispute_id = event["resource"]["dispute_id"] = f"PP-000-{next(_numbers)}"
        assert (await paypal(event)).status_code == 200
        assert await told(database, dispute_id) == ["dispute_opened"]

    async def test_other_types_are_answered_and_not_stored(
        self, data: Path, paypal: Send, database: Database
    ) -> None:
        before = await inbox_size(database)
        answer = await paypal((data / "payloads/paypal/PAYMENT.SALE.COMPLETED.json").read_bytes())
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
        assert await inbox_size(database) == before

    async def test_both_webhooks_are_valid_during_a_move(self, paypal: Send) -> None:
        event = paypal_event(f"PP-D-{next(_numbers)}")
        assert (await paypal(event, webhook_id=OLD_WEBHOOK_ID)).status_code == 200

    async def test_a_delivery_three_days_old_is_believed(
        self, client: httpx.AsyncClient, certificates: MockCertificates
    ) -> None:
        """PayPal repeats so long; that a dispute is told again does no harm."""
        raw = raw_of(paypal_event(f"PP-D-{next(_numbers)}"))
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
    async def test_a_wrong_signature_writes_nothing(
        self, changes: dict[str, str], paypal: Send, database: Database
    ) -> None:
        before = await inbox_size(database)
        answer = await paypal(paypal_event("PP-D-1"), changes=changes)
        assert_problem(answer, 401, "bad-signature")
        assert await inbox_size(database) == before

    async def test_another_body_under_the_same_signature_writes_nothing(
        self, client: httpx.AsyncClient, certificates: MockCertificates, database: Database
    ) -> None:
        before = await inbox_size(database)
        headers = certificates.headers(raw_of(paypal_event("PP-D-1")), WEBHOOK_ID)
        answer = await client.post(
            "/webhooks/paypal", content=raw_of(paypal_event("PP-D-2")), headers={**JSON, **headers}
        )
        assert_problem(answer, 401, "bad-signature")
        assert await inbox_size(database) == before

    async def test_what_is_meant_for_another_tenants_or_a_retired_webhook_is_refused(self, paypal: Send) -> None:
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
        self, url: str, paypal: Send, certificates: MockCertificates, database: Database
    ) -> None:
        before = await inbox_size(database)
        answer = await paypal(paypal_event("PP-D-1"), changes={"PayPal-Cert-Url": url})
        assert_problem(answer, 401, "bad-signature")
        assert certificates.fetched == []
        assert await inbox_size(database) == before

    async def test_a_certificate_that_nobody_trusted_vouches_for_is_refused(
        self, client: httpx.AsyncClient, app: FastAPI, certificates: MockCertificates
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
        self, certificates: MockCertificates, client: httpx.AsyncClient, app: FastAPI
    ) -> None:
        app.state.paypal = PayPal(certificates)
        raw = raw_of(paypal_event("PP-D-1"))
        headers = {**JSON, **certificates.headers(raw, WEBHOOK_ID)}
        answer = await client.post("/webhooks/paypal", content=raw, headers=headers)
        assert_problem(answer, 401, "bad-signature")

    async def test_a_certificate_is_fetched_once(self, paypal: Send, certificates: MockCertificates) -> None:
        for _ in range(5):
            assert (await paypal(paypal_event(f"PP-D-{next(_numbers)}"))).status_code == 200
        assert certificates.fetched == [URL]

    async def test_an_address_without_certificate_is_not_asked_again_and_again(
        self, paypal: Send, certificates: MockCertificates
    ) -> None:
        nothing = "https://api.paypal.com/v1/notifications/certs/CERT-0"
        for _ in range(5):
            answer = await paypal(paypal_event("PP-D-1"), changes={"PayPal-Cert-Url": nothing})
            assert_problem(answer, 401, "bad-signature")
        assert certificates.fetched == [nothing]

    async def test_while_paypal_does_not_answer_it_is_told_to_try_again(
        self, client: httpx.AsyncClient, app: FastAPI
    ) -> None:
        class Away(MockCertificates):
            async def fetch(self, url: str) -> bytes | None:
                raise Unavailable("away")

        away = Away()
        app.state.paypal = PayPal(away)
        raw = raw_of(paypal_event("PP-D-1"))
        answer = await client.post(
            "/webhooks/paypal", content=raw, headers={**JSON, **away.headers(raw, WEBHOOK_ID)}
        )
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
    async def test_values_that_cannot_be_are_refused(self, body: Any, paypal: Send) -> None:
        assert_problem(await paypal(body), 422, "invalid")

    async def test_what_is_not_proper_json_is_a_bad_request(self, paypal: Send) -> None:
        assert_problem(await paypal(b'{"event_type": "\xff"}'), 400, "bad-json")

    async def test_without_a_webhook_id_nothing_is_accepted(
        self, paypal: Send, app: FastAPI, settings: Any, assembled: Any
    ) -> None:
        app.state.assembled = replace(assembled, settings=settings.model_copy(update={"paypal_webhook_ids": ()}))
        assert_problem(await paypal(paypal_event("PP-D-1")), 503, "unavailable")


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/paypal"])
async def test_only_posts_of_json_are_read(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"
    plain = await client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    assert_problem(plain, 415, "wrong-type")
    packed = await client.post(path, content=b"{}", headers={**JSON, "Content-Encoding": "gzip"})
    assert_problem(packed, 415, "wrong-type")
