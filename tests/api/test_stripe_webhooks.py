"""Webhooks of Stripe: who is believed, what is kept, and what becomes of everything else."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
import pytest
from fastapi import FastAPI
from stripe import WebhookSignature

from tests.api.conftest import (
    OLD_SECRET,
    SECRET,
    assert_problem,
    inbox_rows,
    inbox_size,
)
from tests.api.payment_events import JSON, Send, new_dispute, numbers, raw_of, told
from workers.casefile.db import Database


def stripe_event(dispute_id: str, what: str = "created", **changes: Any) -> dict[str, Any]:
    """As Stripe tells of a dispute, cut down."""
    about = {"id": dispute_id, "object": "dispute", "amount": 4_995, "currency": "eur", "charge": "ch_1"}
    event = {"id": f"evt_{next(numbers)}", "object": "event", "type": f"charge.dispute.{what}"}
    return {**event, "data": {"object": about | changes}, "livemode": False}


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


async def test_a_dispute_is_stored_before_it_is_answered(stripe: Send, database: Database) -> None:
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
    what: str, messages: list[str], stripe: Send, database: Database
) -> None:
    dispute_id = new_dispute()
    assert (await stripe(stripe_event(dispute_id, what))).status_code == 200
    assert sorted(await told(database, dispute_id)) == sorted(messages)


async def test_events_in_any_order_and_number_make_one_row_each(stripe: Send, database: Database) -> None:
    """Event ids are fresh each time; the dispute is the same."""
    dispute_id = new_dispute()
    for what in ("closed", "created", "updated", "closed", "created"):
        assert (await stripe(stripe_event(dispute_id, what))).status_code == 200
    assert sorted(await told(database, dispute_id)) == ["dispute_closed", "dispute_opened"]


async def test_a_replay_under_a_fresh_delivery_id_is_no_second_case(stripe: Send, database: Database) -> None:
    dispute_id = new_dispute()
    await stripe(stripe_event(dispute_id))
    answer = await stripe(stripe_event(dispute_id))
    assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
    assert await told(database, dispute_id) == ["dispute_opened"]


async def test_twenty_deliveries_at_once_make_one_row(stripe: Send, database: Database) -> None:
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
async def test_real_payloads_are_accepted_whole(name: str, data: Path, stripe: Send, database: Database) -> None:
    event = orjson.loads((data / f"payloads/stripe_events/charge.dispute.{name}.json").read_bytes())
    dispute_id = event["data"]["object"]["id"] = new_dispute()
    assert (await stripe(event)).status_code == 200
    assert await told(database, dispute_id) != []


@pytest.mark.parametrize(
    "file", ["charge.succeeded", "charge.refund.updated", "payout.paid", "charge.dispute.funds_withdrawn"]
)
async def test_what_is_not_about_us_is_answered_and_not_stored(
    file: str, data: Path, stripe: Send, database: Database
) -> None:
    """The refund among them has no reference of ours, so somebody else made it."""
    before = await inbox_size(database)
    answer = await stripe((data / f"payloads/stripe_events/{file}.json").read_bytes())
    assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
    assert await inbox_size(database) == before


@pytest.mark.parametrize("kind", ["charge.refund.updated", "refund.updated", "refund.failed"])
async def test_a_refund_of_ours_that_moved_is_told_to_it_once_per_state(
    kind: str, stripe: Send, database: Database
) -> None:
    """Our id of it lies in its metadata."""
    refund_id = f"{next(numbers)}-damaged"
    for state in ("pending", "requires_action", "succeeded", "succeeded"):
        about = {"id": "re_1", "status": state, "metadata": {"orderops-refund": refund_id}}
        assert (await stripe({"type": kind, "data": {"object": about}})).status_code == 200
    rows = await inbox_rows(database, refund_id)
    assert [(row.process, row.message_name) for row in rows] == [("refund", "refund_changed")] * 3
    assert sorted(row.variables["state"] for row in rows) == ["pending", "requires_action", "succeeded"]


@pytest.mark.parametrize("kind", ["charge.refund.updated", "refund.updated", "refund.failed"])
@pytest.mark.parametrize("state", ["failed", "canceled"])
async def test_a_refund_of_ours_that_failed_may_have_come_back(
    kind: str, state: str, stripe: Send, database: Database
) -> None:
    """Told to the instance that waits, and to a new one, once per refund of the provider's."""
    refund_id = f"{next(numbers)}-damaged"
    for made in ("re_1", "re_1", "re_2"):
        about = {"id": made, "status": state, "metadata": {"orderops-refund": refund_id}}
        assert (await stripe({"type": kind, "data": {"object": about}})).status_code == 200
    rows = sorted(await inbox_rows(database, refund_id), key=lambda row: row.id)
    assert [row.message_name for row in rows] == ["refund_came_back", "refund_changed", "refund_came_back"]
    assert [row.variables.get("provider_refund_id") for row in rows] == ["re_1", None, "re_2"]


async def test_unknown_types_are_answered_and_not_stored(stripe: Send, database: Database) -> None:
    before = await inbox_size(database)
    answer = await stripe({"type": "something.new", "data": {"object": {"id": "x_1"}}})
    assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
    assert await inbox_size(database) == before


async def test_both_secrets_are_valid_during_a_rotation(stripe: Send) -> None:
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
    wrong: Callable[[bytes], str], stripe: Send, database: Database
) -> None:
    before = await inbox_size(database)
    raw = raw_of(stripe_event(new_dispute()))
    assert_problem(await stripe(raw, wrong(raw)), 401, "bad-signature")
    assert await inbox_size(database) == before


async def test_within_300_seconds_it_is_believed(stripe: Send) -> None:
    raw = raw_of(stripe_event(new_dispute()))
    assert (await stripe(raw, signed(raw, ago=290))).status_code == 200


async def test_known_signature_vector_fits(data: Path) -> None:
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
async def test_values_that_cannot_be_are_refused(body: Any, pointer: str, stripe: Send) -> None:
    problem = assert_problem(await stripe(body), 422, "invalid")
    assert pointer in {error["pointer"] for error in problem["errors"]}


@pytest.mark.parametrize(
    "changes",
    [{"amount": -4_995}, {"amount": 49.955}, {"currency": "eurodollar"}, {"amount": 10**12}],
    ids=str,
)
async def test_amounts_are_not_believed_so_wrong_ones_do_no_harm(
    changes: dict[str, Any], stripe: Send, database: Database
) -> None:
    """The job asks the provider for them."""
    dispute_id = new_dispute()
    assert (await stripe(stripe_event(dispute_id, **changes))).status_code == 200
    [row] = await inbox_rows(database, dispute_id)
    assert "amount" not in row.variables


@pytest.mark.parametrize("raw", [b"{", b"NaN", b'{"type": 1, "type": 2}', b"[" * 70 + b"]" * 70], ids=repr)
async def test_what_is_not_proper_json_is_a_bad_request(raw: bytes, stripe: Send) -> None:
    assert_problem(await stripe(raw), 400, "bad-json")


async def test_what_is_not_utf_8_is_a_bad_request(stripe: Send) -> None:
    assert_problem(await stripe(b'{"a": "\xff"}', "t=1,v1=0"), 400, "bad-json")


async def test_a_megabyte_is_enough(stripe: Send) -> None:
    assert_problem(await stripe(b" " * (1024 * 1024 + 1), "t=1,v1=0"), 413, "too-large")


async def test_without_secrets_nothing_is_accepted(
    stripe: Send, app: FastAPI, settings: Any, assembled: Any, database: Database
) -> None:
    app.state.assembled = replace(assembled, settings=settings.model_copy(update={"stripe_secrets": ()}))
    before = await inbox_size(database)
    assert_problem(await stripe(stripe_event(new_dispute())), 503, "unavailable")
    assert await inbox_size(database) == before


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/paypal"])
async def test_only_posts_of_json_are_read(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"
    plain = await client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    assert_problem(plain, 415, "wrong-type")
    packed = await client.post(path, content=b"{}", headers={**JSON, "Content-Encoding": "gzip"})
    assert_problem(packed, 415, "wrong-type")
