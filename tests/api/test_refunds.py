"""Asking for refunds: what is reserved, what is refused, and what becomes visible of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from api.people import Role
from tests.api.conftest import BEARER, assert_problem, inbox_rows, new_order_id, order
from tests.api.people import Browser, browser
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.casefile import erasure
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.models import Case, TimelineEntry
from workers.casefile.refund_models import Refund, RefundApproval


@pytest.fixture(scope="session")
async def world(database_url: str) -> AsyncIterator[MockWorld]:
    async with MockWorld(database_url) as world:
        yield world


@pytest.fixture
async def order_id(world: MockWorld) -> str:
    """An order of 54.90 EUR that was paid."""
    number = new_order_id()
    await MockShop(world).seed_order({**order(number), "created_at": "2026-03-01T10:00:00Z"})
    return str(number)


async def post(
    client: httpx.AsyncClient, order_id: str, key: str = "", headers: Any = BEARER, **body: Any
) -> httpx.Response:
    asked = {"shopify_order_id": order_id, "currency": "EUR", "reason": "damaged", **body}
    if not {"amount", "amount_minor", "parts"} & body.keys():
        asked["amount"] = "12.50"
    asked = {name: value for name, value in asked.items() if value is not None}
    return await client.post("/refunds", json=asked, headers={**headers, "Idempotency-Key": key or str(uuid4())})


async def refunds_of(database: Database, order_id: str) -> list[Refund]:
    async with database.sessions() as session:
        return list(await session.scalars(select(Refund).where(Refund.case_id == order_id)))


async def test_it_is_reserved_and_handed_to_the_process(
    client: httpx.AsyncClient, database: Database, order_id: str
) -> None:
    evidence = "https://helpdesk.example/tickets/17"
    answer = await post(client, order_id, refund_id=f"{order_id}-cup", evidence=evidence)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/refunds/{order_id}-cup"
    assert answer.json() == {
        "id": f"{order_id}-cup",
        "status": "accepted",
        "amount_minor": 1_250,
        "currency": "EUR",
        "duplicate": False,
    }
    [row] = await inbox_rows(database, f"{order_id}-cup")
    assert (row.message_name, row.variables["amount"]) == ("refund_requested", 1_250)
    assert row.variables["requested_by"].startswith("program:settings-")
    shown = (await client.get(answer.headers["location"], headers=BEARER)).json()
    expected = {"state": "requested", "amount": "12.50", "evidence": evidence, "approvals": []}
    assert expected.items() <= shown.items()
    async with database.sessions() as session:
        entries = await session.scalars(select(TimelineEntry).where(TimelineEntry.case_id == order_id))
        assert [entry.kind for entry in entries] == ["refund_asked_for"]


async def test_who_asks_is_who_sends_it(app: Any, database: Database, order_id: str) -> None:
    async with browser(app, database, Role.AGENT) as ada:
        await self_service(ada, order_id)
    [refund] = await refunds_of(database, order_id)
    assert refund.requested_by == f"person:{ada.name}"


async def self_service(ada: Browser, order_id: str) -> None:
    forged = await post(ada.client, order_id, headers={}, requested_by="person:somebody-else")
    assert_problem(forged, 422, "invalid")
    assert (await post(ada.client, order_id, headers={})).status_code == 202


async def test_the_message_itself_cannot_be_sent(client: httpx.AsyncClient, order_id: str) -> None:
    """Else the sender would say who asks, and approve it themselves."""
    body = {
        "refund_id": f"{order_id}-x",
        "shopify_order_id": order_id,
        "amount": 100,
        "currency": "EUR",
        "reason": "damaged",
        "requested_by": "process:tracking",
    }
    headers = {**BEARER, "Idempotency-Key": "k"}
    answer = await client.post("/processes/refund/instances", json=body, headers=headers)
    assert "POST /refunds" in assert_problem(answer, 404, "not-found")["detail"]


async def test_minor_units_are_as_good(client: httpx.AsyncClient, database: Database, order_id: str) -> None:
    assert (await post(client, order_id, amount_minor=5_490)).status_code == 202
    assert [refund.amount_minor for refund in await refunds_of(database, order_id)] == [5_490]


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "-1.00"},
        {"amount": "0.00"},
        {"amount": "1.001"},
        {"amount": "1e2"},
        {"amount": "1,50"},
        {"amount": 12.5},
        {"amount_minor": -1},
        {"amount_minor": 0},
        {"amount_minor": "100"},
        {"amount_minor": True},
        {"amount": "1.00", "amount_minor": 100},
        {"amount": None, "amount_minor": None},
        {"parts": []},
        {"parts": [{"id": "1", "quantity": 0}]},
        {"parts": [{"id": "1", "quantity": "1"}]},
        {"parts": [{"id": "1"}, {"id": "1"}]},
        {"parts": [{"id": "1", "amount": 1}]},
        {"amount": "54.91"},
        {"amount": "999999999999.00"},
        {"currency": "USD"},
        {"currency": "eur"},
        {"currency": "JPY"},
        {"reason": "Damaged goods"},
        {"reason": ""},
        {"evidence": "javascript:alert(1)"},
        {"evidence": "https://x.example/) [click](https://evil.example"},
        {"refund_id": "../x"},
        {"refund_id": "x" * 101},
        {"shopify_order_id": "1001; DROP TABLE refunds"},
        {"unheard_of": 1},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, database: Database, order_id: str, body: dict[str, Any]
) -> None:
    """Negative, three decimals, another currency, above what was captured …: 422, and nothing is written."""
    assert_problem(await post(client, **{"order_id": order_id, **body}), 422, "invalid")
    assert await refunds_of(database, order_id) == []


async def test_an_order_that_nobody_paid_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await post(client, str(new_order_id())), 404, "not-found")


async def test_without_a_key_it_is_refused(client: httpx.AsyncClient, order_id: str) -> None:
    answer = await client.post("/refunds", json={}, headers=BEARER)
    assert_problem(answer, 400, "idempotency-key")


async def test_the_same_request_is_answered_the_same(
    client: httpx.AsyncClient, database: Database, order_id: str
) -> None:
    first, second = [await post(client, order_id, key="same") for _ in range(2)]
    assert (first.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert len(await refunds_of(database, order_id)) == 1
    assert_problem(await post(client, order_id, key="same", amount="1.00"), 422, "key-reused")


async def test_the_same_refund_under_another_key_is_a_duplicate(
    client: httpx.AsyncClient, database: Database, order_id: str
) -> None:
    first, second = [await post(client, order_id, refund_id=f"{order_id}-cup") for _ in range(2)]
    assert [each.json()["duplicate"] for each in (first, second)] == [False, True]
    assert len(await inbox_rows(database, f"{order_id}-cup")) == 1
    other = await post(client, order_id, refund_id=f"{order_id}-cup", amount="1.00")
    assert_problem(other, 409, "conflict")


async def test_refunds_at_the_same_time_never_exceed_what_was_captured(
    client: httpx.AsyncClient, database: Database, order_id: str
) -> None:
    answers = await asyncio.gather(*(post(client, order_id, amount="30.00") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    left = await post(client, order_id, amount="25.00")
    assert assert_problem(left, 409, "conflict")["detail"] == "24.90 EUR of this order can still be refunded."
    assert (await post(client, order_id, amount="24.90")).status_code == 202
    assert sum(refund.amount_minor for refund in await refunds_of(database, order_id)) == 5_490


@pytest.fixture
async def lamps(world: MockWorld, database: Database) -> str:
    """A case of 59.54 EUR: 3 lamps at 15.00 with tax, a bulb, and the shipping."""
    number = new_order_id()
    lines = [
        {"id": 11, "title": "Lamp", "quantity": 3, "price": "15.00", "tax_lines": [{"price": "4.64"}]},
        {"id": 12, "title": "Bulb", "quantity": 1, "price": "5.00"},
    ]
    body = {**order(number), "created_at": "2026-03-01T10:00:00Z", "total_price": "59.54", "line_items": lines}
    body["shipping_lines"] = [{"price": "4.90"}]
    await MockShop(world).seed_order(body)
    await Cases(database).describe("fulfillment", await MockShop(world).get_order(str(number)))
    return str(number)


async def refundable(client: httpx.AsyncClient, order_id: str) -> dict[str, Any]:
    answer = await client.get(f"/cases/{order_id}/refundable", headers=BEARER)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_parts_are_given_back_at_what_was_paid_for_them(client: httpx.AsyncClient, lamps: str) -> None:
    parts = [{"id": "11", "quantity": 2}, {"id": "shipping"}]
    answer = await post(client, lamps, refund_id=f"{lamps}-lamps", parts=parts)
    assert (answer.status_code, answer.json()["amount_minor"]) == (202, 3_799)
    shown = (await client.get(f"/refunds/{lamps}-lamps", headers=BEARER)).json()
    assert shown["parts"] == [
        {"id": "11", "title": "Lamp", "quantity": 2, "amount": 3_309, "tax": 309},
        {"id": "shipping", "title": "Shipping", "quantity": 1, "amount": 490, "tax": 0},
    ]
    again = await post(client, lamps, refund_id=f"{lamps}-lamps", parts=parts)
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    fewer = await post(client, lamps, refund_id=f"{lamps}-lamps", parts=parts[:1])
    assert_problem(fewer, 409, "conflict")


async def test_what_is_left_is_shown_by_part(client: httpx.AsyncClient, lamps: str) -> None:
    await post(client, lamps, parts=[{"id": "11", "quantity": 1}])
    left = await refundable(client, lamps)
    assert (left["captured_minor"], left["reserved_minor"], left["left_minor"]) == (5_954, 1_654, 4_300)
    assert {part["id"]: (part["quantity_left"], part["left_minor"]) for part in left["parts"]} == {
        "11": (2, 3_310),
        "12": (1, 500),
        "shipping": (1, 490),
    }


async def test_of_no_part_more_is_given_back_than_was_paid(client: httpx.AsyncClient, lamps: str) -> None:
    """Six ask for two of the three lamps at once."""
    two = [{"id": "11", "quantity": 2}]
    answers = await asyncio.gather(*(post(client, lamps, parts=two) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    late = await post(client, lamps, parts=two)
    assert assert_problem(late, 409, "conflict")["detail"] == "1 of 3 “Lamp” can still be refunded."
    unknown = await post(client, lamps, parts=[{"id": "99"}])
    assert_problem(unknown, 409, "conflict")


async def test_goodwill_is_of_no_part_and_leaves_less_of_all(client: httpx.AsyncClient, lamps: str) -> None:
    """The parts are left, but together no more than is left of the payment."""
    assert (await post(client, lamps, amount="57.00")).status_code == 202
    left = await refundable(client, lamps)
    assert {part["id"]: part["left_minor"] for part in left["parts"]} == {"11": 254, "12": 254, "shipping": 254}
    assert_problem(await post(client, lamps, parts=[{"id": "12"}]), 409, "conflict")


async def test_less_than_a_part_cost_is_given_back_but_never_more(client: httpx.AsyncClient, lamps: str) -> None:
    half = await post(client, lamps, parts=[{"id": "12"}], amount="2.50")
    assert half.json()["amount_minor"] == 250
    more = await post(client, lamps, parts=[{"id": "shipping"}], amount="4.91")
    assert_problem(more, 422, "invalid")


async def test_parts_of_an_order_that_is_not_read_yet_are_not_known(
    client: httpx.AsyncClient, order_id: str
) -> None:
    answer = await post(client, order_id, parts=[{"id": "1"}])
    assert "not known (yet)" in assert_problem(answer, 409, "conflict")["detail"]
    assert (await refundable(client, order_id))["parts"] == []


async def test_what_nobody_paid_cannot_be_refunded(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/cases/{new_order_id()}/refundable", headers=BEARER)
    assert_problem(answer, 404, "not-found")


async def test_a_refund_that_nobody_asked_for_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/refunds/unheard-of", headers=BEARER), 404, "not-found")


async def test_the_case_shows_its_refunds_and_who_answered_what(
    client: httpx.AsyncClient, app: Any, database: Database, order_id: str
) -> None:
    refund_id = (await post(client, order_id)).json()["id"]
    answer = RefundApproval(
        task_key=int(order_id),
        refund_id=refund_id,
        person="eve",
        decision="approve",
        reason="<b>because</b>",
        void="they may not approve this amount",
        decided_at=datetime.now(UTC),
    )
    async with database.transaction() as session:
        session.add_all([Case(id=order_id, process="refund"), answer])
    shown = (await client.get(f"/cases/{order_id}", headers=BEARER)).json()["refunds"]
    assert [(each["id"], each["approvals"][0]["void"]) for each in shown] == [(refund_id, answer.void)]
    async with browser(app, database, Role.AUDITOR) as somebody:
        page = (await somebody.client.get(f"/ui/cases/{order_id}")).text
    assert "12.50 EUR" in page
    assert "does not count, they may not approve this amount" in page
    assert "&lt;b&gt;because&lt;/b&gt;" in page


async def test_a_person_s_request_erases_evidence_and_reasons(
    client: httpx.AsyncClient, database: Database, order_id: str
) -> None:
    refund_id = (await post(client, order_id, evidence="https://helpdesk.example/tickets/17")).json()["id"]
    answer = RefundApproval(
        task_key=int(order_id), refund_id=refund_id, person="eve", reason="Ada cried", decided_at=datetime.now(UTC)
    )
    async with database.transaction() as session:
        session.add_all([Case(id=order_id, process="refund", state="done"), answer])
    await erasure.erase(database, order_id, "person:admin")
    [refund] = await refunds_of(database, order_id)
    assert refund.evidence is None
    shown = (await client.get(f"/refunds/{refund_id}", headers=BEARER)).json()
    assert [each["reason"] for each in shown["approvals"]] == [None]
