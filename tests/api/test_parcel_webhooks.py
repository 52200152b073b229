"""Webhooks of suppliers and carriers: whose they are, how old, and what becomes of them."""

import base64
import hashlib
import hmac
import itertools
import time
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import func, update

from tests.api.conftest import (
    BEARER,
    EASYPOST_SECRET,
    OLD_SECRET,
    SECRET,
    assert_problem,
    inbox_rows,
    inbox_size,
)
from workers.casefile.db import Database
from workers.casefile.models import InboxRow
from workers.casefile.unmatched import COMES_EARLY

_numbers = itertools.count(uuid.uuid4().int % 10**12 + 10**12)


def shipped(**changes: Any) -> dict[str, Any]:
    number = next(_numbers)
    return {"event": "shipped", "supplier_order_id": f"CJ-{number}", "tracking_number": f"JD{number}", **changes}


def easypost(**changes: Any) -> dict[str, Any]:
    """A tracker's event, cut down."""
    result = {
        "object": "Tracker",
        "tracking_code": f"94{next(_numbers)}",
        "carrier": "USPS",
        "tracking_details": [
            {"status": "in_transit", "datetime": "2026-03-02T09:00:00Z", "message": "Departed"},
        ],
    }
    return {"object": "Event", "description": "tracker.updated", "result": {**result, **changes}}


def aftership(**changes: Any) -> dict[str, Any]:
    msg = {
        "slug": "dhl",
        "tracking_number": f"JD{next(_numbers)}",
        "checkpoints": [{"tag": "InTransit", "checkpoint_time": "2026-03-02T09:00:00", "message": "Departed"}],
    }
    return {"event": "tracking_update", "msg": {**msg, **changes}}


def digest(message: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), message, hashlib.sha256)


async def from_supplier(
    client: httpx.AsyncClient, body: Any, secret: str = SECRET, *, at: float | str | None = None, **headers: str
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    timestamp = at if isinstance(at, str) else str(int(time.time() if at is None else at))
    told = {
        "Content-Type": "application/json",
        "X-Orderops-Timestamp": timestamp,
        "X-Orderops-Signature": digest(timestamp.encode("latin-1") + b"." + raw, secret).hex(),
        **headers,
    }
    return await client.post("/webhooks/suppliers/cj", content=raw, headers=as_sent(told))


def as_sent(headers: dict[str, str]) -> dict[bytes, bytes]:
    """As they go over the wire, characters beyond ASCII included."""
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


def signed_easypost(raw: bytes, secret: str) -> dict[str, str]:
    return {"X-Hmac-Signature": "hmac-sha256-hex=" + digest(raw, unicodedata.normalize("NFKD", secret)).hex()}


def signed_aftership(raw: bytes, secret: str) -> dict[str, str]:
    return {"aftership-hmac-sha256": base64.b64encode(digest(raw, secret)).decode()}


Sign = Callable[[bytes, str], dict[str, str]]
SERVICES: dict[str, tuple[Sign, str, Callable[..., dict[str, Any]], str]] = {
    "easypost": (signed_easypost, EASYPOST_SECRET, easypost, "tracking_code"),
    "aftership": (signed_aftership, SECRET, aftership, "tracking_number"),
}
every_service = pytest.mark.parametrize("service", SERVICES)


async def from_carrier(
    client: httpx.AsyncClient, service: str, body: Any, secret: str = "", **headers: str
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    sign, usual, _, _ = SERVICES[service]
    told = {"Content-Type": "application/json", **sign(raw, secret or usual), **headers}
    return await client.post(f"/webhooks/carriers/{service}", content=raw, headers=as_sent(told))


async def lain_for_long(database: Database, row: InboxRow) -> None:
    """The engine has it, and nobody took it."""
    async with database.transaction() as session:
        times = {"published_at": func.now(), "received_at": func.now() - 2 * COMES_EARLY}
        await session.execute(update(InboxRow).where(InboxRow.id == row.id).values(times))


class TestSuppliers:
    async def test_a_sent_parcel_of_an_order_nobody_knows_yet_is_kept_for_it(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        """It waits in the engine for ten days; in the inbox it can be seen for ever."""
        event = shipped()
        answer = await from_supplier(client, event)
        [row] = await inbox_rows(database, event["supplier_order_id"])
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": row.id, "duplicate": False})
        assert (row.process, row.message_name, row.source) == ("tracking", "supplier_shipped", "cj")
        assert row.variables == {name: event[name] for name in ("supplier_order_id", "tracking_number")}
        assert row.time_to_live_ms == 10 * 24 * 3_600_000
        seen = await client.get(f"/inbox/{row.id}", headers=BEARER)
        assert seen.json()["correlation_key"] == event["supplier_order_id"]

    async def test_one_that_nobody_takes_is_listed_with_who_sent_it(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        event = shipped()
        await from_supplier(client, event)
        [row] = await inbox_rows(database, event["supplier_order_id"])
        await lain_for_long(database, row)
        page = (await client.get(f"/inbox?state=unmatched&after={row.id - 1}", headers=BEARER)).json()
        [seen] = [each for each in page["messages"] if each["correlation_key"] == event["supplier_order_id"]]
        assert (seen["id"], seen["state"], seen["source"]) == (str(row.id), "published", "cj")

    async def test_a_replay_under_a_fresh_delivery_id_does_nothing_more(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        event = shipped()
        await from_supplier(client, event, X_Delivery="one")
        again = await from_supplier(client, {**event, "delivery": 2}, X_Delivery="two")
        assert (again.status_code, again.json()["duplicate"]) == (200, True)
        assert len(await inbox_rows(database, event["supplier_order_id"])) == 1

    async def test_a_second_parcel_is_told_too(self, client: httpx.AsyncClient, database: Database) -> None:
        event = shipped()
        await from_supplier(client, event)
        answer = await from_supplier(client, {**event, "tracking_number": "second"})
        assert answer.json()["duplicate"] is False
        assert len(await inbox_rows(database, event["supplier_order_id"])) == 2

    async def test_both_secrets_are_valid_during_a_rotation(self, client: httpx.AsyncClient) -> None:
        assert (await from_supplier(client, shipped(), OLD_SECRET)).status_code == 200

    @pytest.mark.parametrize("seconds", [-299, 299])
    async def test_clocks_may_differ_by_five_minutes(self, seconds: int, client: httpx.AsyncClient) -> None:
        assert (await from_supplier(client, shipped(), at=time.time() + seconds)).status_code == 200

    @pytest.mark.parametrize("at", [-302, 302, "", "yesterday", "1e9", "\u00b2", "-1", "9" * 40])
    async def test_an_old_or_strange_timestamp_is_refused(
        self, at: int | str, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await inbox_size(database)
        when = time.time() + at if isinstance(at, int) else at
        answer = await from_supplier(client, shipped(), at=when)
        assert_problem(answer, 401, "bad-signature")
        assert await inbox_size(database) == before

    @pytest.mark.parametrize("signature", ["", "00", "not hex \u00e9"])
    async def test_a_wrong_signature_is_refused(
        self, signature: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await inbox_size(database)
        answer = await from_supplier(client, shipped(), **{"X-Orderops-Signature": signature})
        assert_problem(answer, 401, "bad-signature")
        assert_problem(await from_supplier(client, shipped(), "retired-secret"), 401, "bad-signature")
        assert await inbox_size(database) == before

    async def test_the_timestamp_is_signed_too(self, client: httpx.AsyncClient) -> None:
        """Else whoever has caught an old body could give it a new time."""
        later = str(int(time.time()) + 1)
        answer = await from_supplier(client, shipped(), **{"X-Orderops-Timestamp": later})
        assert_problem(answer, 401, "bad-signature")

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"supplier_order_id": ""}, "#/supplier_order_id"),
            ({"supplier_order_id": 7}, "#/supplier_order_id"),
            ({"supplier_order_id": "x" * 65}, "#/supplier_order_id"),
            ({"tracking_number": None}, "#/tracking_number"),
            ({"tracking_number": "<script>"}, "#/tracking_number"),
            ({"tracking_number": "a\nb"}, "#/tracking_number"),
            ({"tracking_number": "nul\x00"}, "#/tracking_number"),
            ({"event": 1}, "#/event"),
        ],
    )
    async def test_values_that_cannot_be_are_refused(
        self, changes: dict[str, Any], pointer: str, client: httpx.AsyncClient
    ) -> None:
        problem = assert_problem(await from_supplier(client, shipped(**changes)), 422, "invalid")
        assert pointer in {error["pointer"] for error in problem["errors"]}

    async def test_other_events_set_nothing_off(self, client: httpx.AsyncClient) -> None:
        answer = await from_supplier(client, shipped(event="packed"))
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})

    @pytest.mark.parametrize("name", ["CJ", "a b", "x" * 65])
    async def test_a_supplier_without_a_proper_name_is_refused(self, name: str, client: httpx.AsyncClient) -> None:
        answer = await client.post(
            f"/webhooks/suppliers/{name}", content=b"{}", headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 422, "invalid")


class TestCarriers:
    async def test_what_easypost_itself_publishes_fits(self, data: Path, client: httpx.AsyncClient) -> None:
        vectors = orjson.loads((data / "payloads/signature_vectors.json").read_bytes())
        [vector] = [each for each in vectors if each["scheme"].startswith("easypost")]
        raw = orjson.dumps(orjson.loads((data / "payloads/easypost/event.tracker.updated.json").read_bytes()))
        assert vector["secret"] == EASYPOST_SECRET
        answer = await from_carrier(client, "easypost", raw, **{"X-Hmac-Signature": vector["header"]})
        assert answer.status_code == 200
        assert answer.json()["inbox_id"] is not None

    @every_service
    async def test_a_scan_of_a_parcel_nobody_knows_yet_is_kept_for_it(
        self, service: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        _, _, make, name = SERVICES[service]
        body = make()
        number = (body.get("result") or body["msg"])[name]
        answer = await from_carrier(client, service, body)
        [row] = await inbox_rows(database, number)
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": row.id, "duplicate": False})
        assert (row.process, row.message_name, row.source) == ("tracking", "parcel_moved", service)
        assert set(row.variables) == {"tracking_number", "scan_id"}

    @every_service
    async def test_told_again_it_does_nothing_more_and_a_further_scan_does(
        self, service: str, client: httpx.AsyncClient
    ) -> None:
        body = SERVICES[service][2]()
        await from_carrier(client, service, body)
        assert (await from_carrier(client, service, {**body, "id": "evt_2"})).json()["duplicate"] is True
        parcel = body.get("result") or body["msg"]
        scans = parcel.get("tracking_details") or parcel["checkpoints"]
        later = {key: value.replace("2026-03-02", "2026-03-03") for key, value in scans[0].items()}
        scans.append(later)
        assert (await from_carrier(client, service, body)).json()["duplicate"] is False

    @every_service
    async def test_a_wrong_signature_is_refused(
        self, service: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await inbox_size(database)
        _, _, make, _ = SERVICES[service]
        assert_problem(await from_carrier(client, service, make(), "retired-secret"), 401, "bad-signature")
        header = next(iter(SERVICES[service][0](b"", "")))
        for signature in ("", "hmac-sha256-hex=00", "not \u00e9"):
            answer = await from_carrier(client, service, make(), **{header: signature})
            assert_problem(answer, 401, "bad-signature")
        assert await inbox_size(database) == before

    @every_service
    async def test_a_body_about_no_parcel_is_refused(self, service: str, client: httpx.AsyncClient) -> None:
        _, _, make, name = SERVICES[service]
        bodies: list[Any] = [make(**{name: None}), make(**{name: "<script>"}), []]
        for body in bodies:
            assert_problem(await from_carrier(client, service, body), 422, "invalid")

    @pytest.mark.parametrize(
        ("service", "body"),
        [
            ("easypost", {"description": "batch.updated", "result": {}}),
            ("aftership", {"event": "edd_revise", "msg": {}}),
            ("easypost", easypost(tracking_details=[])),
            ("aftership", aftership(checkpoints=[])),
        ],
    )
    async def test_other_events_and_parcels_without_a_scan_set_nothing_off(
        self, service: str, body: dict[str, Any], client: httpx.AsyncClient
    ) -> None:
        answer = await from_carrier(client, service, body)
        assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})

    async def test_other_services_are_not_found(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(
            "/webhooks/carriers/pigeon", content=b"{}", headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 404, "not-found")

    @every_service
    async def test_without_secrets_nothing_is_accepted(
        self, service: str, client: httpx.AsyncClient, app: Any, settings: Any, assembled: Any
    ) -> None:
        bare = settings.model_copy(update={f"{service}_secrets": ()})
        app.state.assembled = replace(assembled, settings=bare)
        assert_problem(await from_carrier(client, service, SERVICES[service][2]()), 503, "unavailable")


class TestWhatIsToldByPrograms:
    async def test_a_parcel_that_the_customer_misses_starts_a_process_of_its_own(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        number = f"JD{next(_numbers)}"
        answer = await client.post(
            "/processes/tracking/messages/parcel_not_received",
            json={"tracking_number": number, "shopify_order_id": "450789469"},
            headers={**BEARER, "Idempotency-Key": number},
        )
        assert answer.status_code == 202
        [row] = await inbox_rows(database, number)
        assert row.message_name == "parcel_not_received"

    async def test_it_may_be_missed_again_under_another_complaint(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        """While it was on its way, and after it was said to be delivered; the same complaint counts once."""
        number = f"JD{next(_numbers)}"
        for complaint in ({}, {"complaint": "ticket-17"}, {"complaint": "ticket-18"}, {"complaint": "ticket-18"}):
            answer = await client.post(
                "/processes/tracking/messages/parcel_not_received",
                json={"tracking_number": number, "shopify_order_id": "450789469", **complaint},
                headers={**BEARER, "Idempotency-Key": str(uuid.uuid4())},
            )
            assert answer.status_code == 202
        assert len(await inbox_rows(database, number)) == 3

    async def test_the_start_itself_is_no_message(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(
            "/processes/tracking/messages/supplier_order_placed",
            json={},
            headers={**BEARER, "Idempotency-Key": str(uuid.uuid4())},
        )
        assert_problem(answer, 404, "not-found")
