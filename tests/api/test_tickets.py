"""Tickets that programs and people write down, and what is shown of tickets."""

from typing import Any

import httpx
import pytest

from api.people import Role
from tests.api.conftest import BEARER, assert_problem, inbox_rows
from tests.api.people import browser
from tests.api.ticket_senders import new_number
from workers.adapters.ticket_texts import MOST_TEXT
from workers.casefile.db import Database
from workers.casefile.tickets import Tickets


def asked(**changes: Any) -> dict[str, Any]:
    body = {
        "ticket_id": str(new_number()),
        "channel": "phone",
        "email": "Ada@example.com",
        "name": "Ada Example",
        "subject": "Where is my lamp?",
        "text": "It should have come.",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


async def post(client: httpx.AsyncClient, body: Any, key: str = "") -> httpx.Response:
    headers = {**BEARER, "Idempotency-Key": key or f"key-{new_number()}"}
    return await client.post("/tickets", json=body, headers=headers)


async def show(client: httpx.AsyncClient, ticket_id: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/tickets/{ticket_id}", params=query, headers=BEARER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestWriting:
    async def test_opens_a_ticket_that_can_be_seen(self, client: httpx.AsyncClient, database: Database) -> None:
        body = asked()
        answer = await post(client, body)
        ticket_id = f"api-{body['ticket_id']}"
        assert (answer.status_code, answer.headers["location"]) == (202, f"/tickets/{ticket_id}")
        assert (answer.json()["id"], answer.json()["duplicate"]) == (ticket_id, False)
        shown = await show(client, ticket_id)
        assert (shown["channel"], shown["customer_email"], shown["state"]) == ("phone", "ada@example.com", "open")
        assert [(each["author"], each["text"]) for each in shown["messages"]] == [
            ("customer", "It should have come.")
        ]
        [row] = await inbox_rows(database, ticket_id)
        assert (row.message_name, row.source) == ("ticket_created", "phone")

    async def test_a_ticket_without_an_id_gets_one(self, client: httpx.AsyncClient) -> None:
        ids = {(await post(client, asked(ticket_id=None))).json()["id"] for _ in range(2)}
        assert len(ids) == 2
        assert all(each.startswith("api-") for each in ids)

    @pytest.mark.parametrize("prefix", ["", "api-"])
    async def test_adds_to_a_ticket_by_either_id(
        self, prefix: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        body = asked()
        first = (await post(client, body)).json()["id"]
        again = await post(client, {**body, "ticket_id": prefix + body["ticket_id"], "text": "Hello?"})
        assert again.json()["id"] == first
        assert [row.message_name for row in await inbox_rows(database, first)] == [
            "ticket_created",
            "ticket_replied",
        ]

    async def test_to_a_closed_one_opens_one_that_follows(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        body = asked()
        first = (await post(client, body)).json()
        await Tickets(database).close(first["id"], int(first["message_number"]))
        assert (await post(client, body)).json()["id"] == f"{first['id']}-f1"
        assert (await post(client, asked(ticket_id=f"{first['id']}-f1"))).json()["id"] == f"{first['id']}-f1"
        assert (await show(client, f"{first['id']}-f1"))["follows"] == first["id"]

    async def test_to_somebody_else_s_opens_one_of_its_own(self, client: httpx.AsyncClient) -> None:
        body = asked()
        first = (await post(client, body)).json()["id"]
        others = (await post(client, {**body, "email": "eve@example.com"})).json()["id"]
        assert others != first
        assert len((await show(client, first))["messages"]) == 1

    async def test_the_same_key_gets_the_same_answer(self, client: httpx.AsyncClient) -> None:
        body, key = asked(), f"key-{new_number()}"
        first = await post(client, body, key)
        again = await post(client, body, key)
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        assert_problem(await post(client, {**body, "text": "else"}, key), 422, "key-reused")

    async def test_the_same_message_is_the_same_under_another_key(self, client: httpx.AsyncClient) -> None:
        body = asked(message_id="m-1")
        first = (await post(client, body)).json()
        assert (await post(client, body)).json() == {**first, "duplicate": True}

    async def test_needs_a_key(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/tickets", json=asked(), headers=BEARER)
        assert_problem(answer, 400, "idempotency-key")

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"email": "nobody"}, "#/email"),
            ({"email": "a@example.com\r\nBcc: b@example.com"}, "#/email"),
            ({"email": "x" * 250 + "@example.com"}, "#/email"),
            ({"email": None}, "#/email"),
            ({"text": ""}, "#/text"),
            ({"text": "nul\x00"}, "#/text"),
            ({"subject": "a\r\nBcc: b@example.com"}, "#/subject"),
            ({"subject": "x" * 501}, "#/subject"),
            ({"name": "a\nb"}, "#/name"),
            ({"ticket_id": "a/b"}, "#/ticket_id"),
            ({"ticket_id": "x" * 101}, "#/ticket_id"),
            ({"channel": "zendesk"}, "#/channel"),
            ({"state": "closed"}, "#/state"),
        ],
        ids=str,
    )
    async def test_values_that_cannot_be_are_refused(
        self, changes: dict[str, Any], pointer: str, client: httpx.AsyncClient
    ) -> None:
        problem = assert_problem(await post(client, asked(**changes)), 422, "invalid")
        assert pointer in {error["pointer"] for error in problem["errors"]}

    async def test_a_long_text_is_cut_and_says_so(self, client: httpx.AsyncClient) -> None:
        answer = await post(client, asked(text="x" * (MOST_TEXT + 5)))
        [message] = (await show(client, answer.json()["id"]))["messages"]
        assert message["text"].endswith("\n[cut here: 5 more characters]")
        assert_problem(await post(client, asked(text="x" * 2**20)), 413, "too-large")

    async def test_a_person_may_with_a_role_for_it(self, app: Any, database: Database) -> None:
        async with browser(app, database, Role.AGENT) as somebody:
            answer = await somebody.client.post("/tickets", json=asked(), headers={"Idempotency-Key": "x"})
            assert answer.status_code == 202

    @pytest.mark.parametrize("name", ["ticket_created", "ticket_replied"])
    async def test_nobody_fills_in_the_messages_themselves(self, name: str, client: httpx.AsyncClient) -> None:
        headers = {**BEARER, "Idempotency-Key": f"key-{new_number()}"}
        answer = await client.post(f"/processes/triage/messages/{name}", json={}, headers=headers)
        assert_problem(answer, 404, "not-found")


class TestLooking:
    async def test_html_is_text(self, client: httpx.AsyncClient) -> None:
        answer = await post(client, asked(text="<script>alert(1)</script>", subject="<b>x</b>"))
        response = await client.get(f"/tickets/{answer.json()['id']}", headers=BEARER)
        assert response.headers["content-type"] == "application/json"
        assert response.json()["messages"][0]["text"] == "<script>alert(1)</script>"

    async def test_messages_come_in_pages(self, client: httpx.AsyncClient) -> None:
        body = asked()
        for number in range(3):
            first = (await post(client, {**body, "text": f"{number}"})).json()["id"]
        page = await show(client, first, limit=2)
        assert [each["text"] for each in page["messages"]] == ["0", "1"]
        rest = await show(client, first, limit=2, after=page["next"])
        assert ([each["text"] for each in rest["messages"]], rest["next"]) == (["2"], None)

    async def test_tickets_come_in_pages_by_id_and_state(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        number = new_number()
        ids = [(await post(client, asked(ticket_id=f"{number}.{n}"))).json()["id"] for n in range(3)]
        await Tickets(database).solve(ids[1])
        query: dict[str, Any] = {"after": f"api-{number}", "limit": 1, "state": "open"}
        page = (await client.get("/tickets", params=query, headers=BEARER)).json()
        assert ([each["id"] for each in page["tickets"]], page["next"]) == ([ids[0]], ids[0])
        query["after"] = page["next"]
        page = (await client.get("/tickets", params=query, headers=BEARER)).json()
        assert [each["id"] for each in page["tickets"]] == [ids[2]]

    async def test_a_ticket_nobody_knows_is_not_found(self, client: httpx.AsyncClient) -> None:
        assert_problem(await client.get("/tickets/api-unheard-of", headers=BEARER), 404, "not-found")

    @pytest.mark.parametrize("query", [{"state": "new"}, {"limit": 0}, {"limit": 501}, {"after": "x" * 201}])
    async def test_strange_questions_are_refused(self, query: dict[str, Any], client: httpx.AsyncClient) -> None:
        assert_problem(await client.get("/tickets", params=query, headers=BEARER), 422, "invalid")
