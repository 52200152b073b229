import asyncio
import hashlib
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import func, select, update

from api.idempotency import Once
from tests.api.conftest import BEARER, TOKEN, assert_problem, inbox_rows, new_order_id
from workers.casefile.db import Database
from workers.casefile.models import InboxRow

START = "/processes/fulfillment/instances"
CANCEL = "/processes/fulfillment/messages/order_cancelled"


async def start(
    client: httpx.AsyncClient, body: Any, key: str | None = None, path: str = START, **headers: str
) -> httpx.Response:
    sent = {"Content-Type": "application/json", **BEARER, **headers}
    if key is not None:
        sent["Idempotency-Key"] = key
    return await client.post(path, content=body if isinstance(body, bytes) else orjson.dumps(body), headers=sent)


def paid(order_id: int) -> dict[str, str]:
    return {"shopify_order_id": str(order_id)}


async def test_an_instance_is_accepted_and_can_be_followed(client: httpx.AsyncClient, database: Database) -> None:
    order_id = new_order_id()
    answer = await start(client, paid(order_id), f"start-{order_id}")
    assert answer.status_code == 202
    [row] = await inbox_rows(database, str(order_id))
    assert answer.json() == {
        "id": str(row.id), "process": "fulfillment", "status": "accepted", "duplicate": False,
    }  # fmt: skip
    assert answer.headers["location"] == f"/inbox/{row.id}"
    followed = (await client.get(answer.headers["location"], headers=BEARER)).json()
    assert followed["state"] == "waiting"
    assert (followed["message"], followed["correlation_key"]) == ("order_paid", str(order_id))


async def test_a_webhook_and_a_program_tell_of_the_same_order(
    client: httpx.AsyncClient, database: Database
) -> None:
    """One order, one instance, whoever tells of it, under whichever key."""
    order_id = new_order_id()
    await start(client, paid(order_id), f"one-{order_id}")
    answer = await start(client, paid(order_id), f"two-{order_id}")
    assert answer.json()["duplicate"] is True
    [row] = await inbox_rows(database, str(order_id))
    assert row.dedupe_key == f"order_paid:{order_id}"


async def test_the_same_request_again_gets_the_stored_answer(
    client: httpx.AsyncClient, database: Database
) -> None:
    order_id = new_order_id()
    first = await start(client, paid(order_id), f"k-{order_id}")
    again = await start(client, paid(order_id), f"k-{order_id}")
    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    [row] = await inbox_rows(database, str(order_id))
    assert row.deliveries == 1


async def test_a_key_is_for_one_body_and_one_address(client: httpx.AsyncClient, database: Database) -> None:
    order_id, other = new_order_id(), new_order_id()
    await start(client, paid(order_id), f"k-{order_id}")
    assert_problem(await start(client, paid(other), f"k-{order_id}"), 422, "key-reused")
    assert_problem(await start(client, paid(order_id), f"k-{order_id}", CANCEL), 422, "key-reused")
    assert await inbox_rows(database, str(other)) == []


async def test_callers_do_not_share_keys(client: httpx.AsyncClient) -> None:
    order_id, other = new_order_id(), new_order_id()
    await start(client, paid(order_id), f"k-{order_id}")
    answer = await start(client, paid(other), f"k-{order_id}", Authorization="Bearer another-token")
    assert answer.status_code == 202


async def test_the_same_key_at_the_same_time_is_told_to_wait(
    client: httpx.AsyncClient, database: Database
) -> None:
    order_id = new_order_id()
    caller = f"program:settings-{hashlib.sha256(TOKEN.encode()).hexdigest()[:12]}"
    once = Once.of(caller, f"k-{order_id}", START, b"")
    async with database.transaction() as session:
        await session.execute(select(func.pg_advisory_xact_lock(once._lock())))
        answer = await start(client, paid(order_id), f"k-{order_id}")
        assert_problem(answer, 409, "in-flight")
        assert answer.headers["retry-after"] == "1"
    assert (await start(client, paid(order_id), f"k-{order_id}")).status_code == 202


async def test_twenty_at_once_are_done_once(client: httpx.AsyncClient, database: Database) -> None:
    order_id = new_order_id()
    answers = await asyncio.gather(*(start(client, paid(order_id), f"k-{order_id}") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.text for answer in answers if answer.status_code == 202}) == 1
    [row] = await inbox_rows(database, str(order_id))
    assert row.deliveries == 1


@pytest.mark.parametrize("key", [None, "", "k" * 256, "caf\u00e9", "a\tb"])
async def test_a_proper_key_is_required(key: str | None, client: httpx.AsyncClient, database: Database) -> None:
    order_id = new_order_id()
    headers = BEARER | {"Content-Type": "application/json"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    if key is not None:
        raw.append((b"Idempotency-Key", key.encode("latin-1")))
    answer = await client.post(START, content=orjson.dumps(paid(order_id)), headers=raw)
    assert_problem(answer, 400, "idempotency-key")
    assert await inbox_rows(database, str(order_id)) == []


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer ", "Bearer nope", f"Basic {TOKEN}", "Bearer caf\xe9"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", START),
        ("POST", CANCEL),
        ("GET", "/inbox"),
        ("GET", "/inbox/1"),
        ("GET", "/tasks"),
        ("GET", "/cases"),
    ],
)
async def test_without_a_token_nothing_is_said(
    authorization: str | None, method: str, path: str, client: httpx.AsyncClient
) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    answer = await client.request(method, path, headers=headers)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/shopify_order_id"),
        ({"shopify_order_id": 5}, "#/shopify_order_id"),
        ({"shopify_order_id": "five"}, "#/shopify_order_id"),
        ({"shopify_order_id": "5", "extra/field": 1}, "#/extra~1field"),
        ([], "#"),
        (None, "#"),
    ],
)
async def test_payload_is_held_against_the_message(body: Any, pointer: str, client: httpx.AsyncClient) -> None:
    problem = assert_problem(await start(client, body, "any"), 422, "invalid")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_messages_reach_the_inbox_under_their_own_name(
    client: httpx.AsyncClient, database: Database
) -> None:
    order_id = new_order_id()
    assert (await start(client, paid(order_id), f"c-{order_id}", CANCEL)).status_code == 202
    rows = await inbox_rows(database, str(order_id))
    assert [row.dedupe_key for row in rows] == [f"order_cancelled:{order_id}", f"delivery_cancelled:{order_id}:0"]
    assert all(row.time_to_live_ms > 0 for row in rows)


@pytest.mark.parametrize(
    "path",
    [
        "/processes/nothing/instances",
        "/processes/nothing/messages/order_cancelled",
        "/processes/fulfillment/messages/nothing",
        "/processes/fulfillment/messages/order_paid",
    ],
)
async def test_unknown_processes_and_messages_are_not_found(path: str, client: httpx.AsyncClient) -> None:
    """A start message is one at /messages: it is sent to /instances."""
    assert_problem(await start(client, paid(1), "any", path), 404, "not-found")


async def test_processes_are_listed_with_their_messages(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/processes")).json()["processes"]
    [fulfillment] = [each for each in listed if each["id"] == "fulfillment"]
    starts = {message["name"]: message["starts"] for message in fulfillment["messages"]}
    assert starts == {
        "order_paid": True, "order_cancelled": False, "address_corrected": False, "customer_choice": False,
    }  # fmt: skip


async def test_refused_and_waiting_messages_are_listed(client: httpx.AsyncClient, database: Database) -> None:
    order_ids = [new_order_id() for _ in range(3)]
    for order_id in order_ids:
        await start(client, paid(order_id), f"list-{order_id}")
    rows = [row.id for order_id in order_ids for row in await inbox_rows(database, str(order_id))]
    async with database.transaction() as session:
        refused = update(InboxRow).where(InboxRow.id.in_(rows[:2]))
        await session.execute(refused.values(refused_at=func.now(), last_error="Too large."))
    query = f"/inbox?limit=1&after={rows[0] - 1}"
    first = (await client.get(query, headers=BEARER)).json()
    assert [(row["id"], row["state"], row["last_error"]) for row in first["messages"]] == [
        (str(rows[0]), "refused", "Too large.")
    ]
    rest = (await client.get(f"/inbox?state=refused&after={first['next']}", headers=BEARER)).json()
    assert ([row["id"] for row in rest["messages"]], rest["next"]) == ([str(rows[1])], None)
    waiting = (await client.get(f"/inbox?state=waiting&after={rows[0] - 1}", headers=BEARER)).json()
    assert [row["id"] for row in waiting["messages"]] == [str(rows[2])]
    assert_problem(await client.get("/inbox?state=published", headers=BEARER), 422, "invalid")


async def test_unknown_message_number_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/inbox/999999999", headers=BEARER), 404, "not-found")
