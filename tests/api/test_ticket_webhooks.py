"""Webhooks of helpdesk, mail service and chat: whose they are, how old, and what becomes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from sqlalchemy import func, select

from tests.api.conftest import OLD_SECRET, assert_problem, inbox_rows, inbox_size
from tests.api.ticket_senders import (
    a_mail,
    commented,
    from_chat,
    from_mail,
    from_zendesk,
    in_parts,
    new_number,
    opened,
    post_mail,
    said,
    signed_mail,
)
from workers.adapters.ticket_texts import MOST_TEXT
from workers.casefile.db import Database
from workers.casefile.ticket_models import Ticket, TicketMessage
from workers.casefile.tickets import Tickets

Send = Callable[..., Awaitable[httpx.Response]]
SENDERS: dict[str, tuple[Send, Callable[..., Any]]] = {
    "zendesk": (from_zendesk, opened),
    "mail": (from_mail, a_mail),
    "chat": (from_chat, said),
}
every_sender = pytest.mark.parametrize("sender", SENDERS)


@pytest.fixture
def books(database: Database) -> Tickets:
    return Tickets(database)


async def ticket(books: Tickets, answer: httpx.Response) -> Ticket:
    """The ticket that a message is in by what was answered."""
    assert answer.status_code == 200, answer.text
    found = await books.get(answer.json()["ticket_id"])
    assert found is not None
    return found


async def texts(books: Tickets, answer: httpx.Response) -> list[str]:
    return [message.text for message in await books.messages(answer.json()["ticket_id"])]


async def messages_kept(database: Database) -> int:
    async with database.sessions() as session:
        return await session.scalar(select(func.count()).select_from(TicketMessage)) or 0


class TestEverySender:
    @every_sender
    async def test_what_a_customer_writes_opens_a_ticket_and_starts_a_process(
        self, sender: str, client: httpx.AsyncClient, database: Database, books: Tickets
    ) -> None:
        send, make = SENDERS[sender]
        answer = await send(client, make())
        opened_now = await ticket(books, answer)
        assert (opened_now.channel, opened_now.customer_email) == (sender, "ada@example.com")
        assert (opened_now.customer_name, opened_now.state) == ("Ada Example", "open")
        [row] = await inbox_rows(database, opened_now.id)
        assert (row.process, row.message_name, row.source) == ("triage", "ticket_created", sender)
        assert set(row.variables) >= {"ticket_id", "message_number"}
        assert "lamp" not in str(row.variables)
        assert answer.json() == {
            "ticket_id": opened_now.id,
            "message_number": str(row.variables["message_number"]),
            "duplicate": False,
        }

    @every_sender
    async def test_five_deliveries_at_once_are_one(
        self, sender: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        send, make = SENDERS[sender]
        body = make()
        answers = await asyncio.gather(*(send(client, body) for _ in range(5)))
        assert sorted(each.json()["duplicate"] for each in answers) == [False] + [True] * 4
        [ticket_id] = {each.json()["ticket_id"] for each in answers}
        assert len(await inbox_rows(database, ticket_id)) == 1

    @every_sender
    async def test_both_secrets_are_valid_during_a_rotation(self, sender: str, client: httpx.AsyncClient) -> None:
        send, make = SENDERS[sender]
        assert (await send(client, make(), OLD_SECRET)).status_code == 200

    @every_sender
    @pytest.mark.parametrize("seconds", [-299.0, 299.0])
    async def test_clocks_may_differ_by_five_minutes(
        self, sender: str, seconds: float, client: httpx.AsyncClient
    ) -> None:
        send, make = SENDERS[sender]
        assert (await send(client, make(), at=seconds)).status_code == 200

    @every_sender
    @pytest.mark.parametrize(
        "at", [-302.0, 302.0, "", "yesterday", "0001-01-01T00:00:00Z", "\u00b2", "-1", "9" * 40]
    )
    async def test_an_old_or_strange_timestamp_is_refused(
        self, sender: str, at: float | str, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await messages_kept(database)
        send, make = SENDERS[sender]
        assert_problem(await send(client, make(), at=at), 401, "bad-signature")
        assert await messages_kept(database) == before

    @every_sender
    async def test_a_retired_secret_is_refused(
        self, sender: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await inbox_size(database), await messages_kept(database)
        send, make = SENDERS[sender]
        assert_problem(await send(client, make(), "retired-secret"), 401, "bad-signature")
        assert (await inbox_size(database), await messages_kept(database)) == before

    @every_sender
    async def test_without_secrets_nothing_is_accepted(
        self, sender: str, client: httpx.AsyncClient, app: Any, settings: Any, assembled: Any
    ) -> None:
        bare = settings.model_copy(update={f"{sender}_secrets": ()})
        app.state.assembled = replace(assembled, settings=bare)
        send, make = SENDERS[sender]
        assert_problem(await send(client, make()), 503, "unavailable")

    @every_sender
    async def test_a_closed_ticket_is_followed_by_another(
        self, sender: str, client: httpx.AsyncClient, database: Database, books: Tickets
    ) -> None:
        send, make = SENDERS[sender]
        first = make()
        answer = await send(client, first)
        assert await books.close(answer.json()["ticket_id"], int(answer.json()["message_number"]))
        again = await send(client, more(sender, first))
        follower = await ticket(books, again)
        assert (follower.id, follower.follows) == (f"{answer.json()['ticket_id']}-f1", answer.json()["ticket_id"])
        [row] = await inbox_rows(database, follower.id)
        assert row.message_name == "ticket_created"
        assert (await send(client, first)).json() == {**answer.json(), "duplicate": True}

    @every_sender
    async def test_more_is_told_to_the_process_that_runs(
        self, sender: str, client: httpx.AsyncClient, database: Database, books: Tickets
    ) -> None:
        send, make = SENDERS[sender]
        first = make()
        answer = await send(client, first)
        for _ in range(2):
            again = await send(client, more(sender, first))
            assert again.json()["ticket_id"] == answer.json()["ticket_id"]
        rows = await inbox_rows(database, answer.json()["ticket_id"])
        assert [row.message_name for row in rows] == ["ticket_created", "ticket_replied", "ticket_replied"]
        assert rows[1].time_to_live_ms == 15 * 24 * 3_600_000

    @every_sender
    async def test_a_reply_that_comes_before_its_ticket_is_the_ticket(
        self, sender: str, client: httpx.AsyncClient, database: Database
    ) -> None:
        send, make = SENDERS[sender]
        first = make()
        early = await send(client, more(sender, first))
        late = await send(client, first)
        assert late.json()["ticket_id"] == early.json()["ticket_id"]
        rows = await inbox_rows(database, early.json()["ticket_id"])
        assert [row.message_name for row in rows] == ["ticket_created", "ticket_replied"]


def more(sender: str, first: Any) -> Any:
    """Something that the same customer writes to the same ticket."""
    match sender:
        case "zendesk":
            return commented(first)
        case "mail":
            return a_mail(References=first["Message-Id"])
        case _:
            return said(conversation_id=first["conversation_id"])


HOSTILE = {
    "html": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "nul": ("a\x00b", "a\ufffdb"),
    "direction": ("\u202egnp.exe", "\u202egnp.exe"),
    "formula": ("=HYPERLINK(1)", "=HYPERLINK(1)"),
    "too long": ("x" * (MOST_TEXT + 1), "x" * MOST_TEXT + "\n[cut here: 1 more characters]"),
    "lines": ("a\r\nb", "a\nb"),
}


class TestTexts:
    @pytest.mark.parametrize("case", HOSTILE)
    @every_sender
    async def test_are_kept_as_text(
        self, sender: str, case: str, client: httpx.AsyncClient, books: Tickets
    ) -> None:
        text, kept = HOSTILE[case]
        field = {"zendesk": "description", "mail": "body_plain", "chat": "text"}[sender]
        send, make = SENDERS[sender]
        answer = await send(client, make(**{field: text}))
        assert await texts(books, answer) == [kept]

    async def test_half_characters_are_replaced(self, client: httpx.AsyncClient, books: Tickets) -> None:
        for send, make in ((from_chat, said), (from_zendesk, opened)):
            raw = orjson.dumps(make()).replace(b"Where is my lamp?", rb"Where is my \ud800?")
            raw = raw.replace(b"It should", rb"Where is my \ud800? It should")
            [text] = await texts(books, await send(client, raw))
            assert text.startswith("Where is my \ufffd?")

    @every_sender
    async def test_above_a_megabyte_are_refused(self, sender: str, client: httpx.AsyncClient) -> None:
        send, make = SENDERS[sender]
        field = {"zendesk": "description", "mail": "body_plain", "chat": "text"}[sender]
        assert_problem(await send(client, make(**{field: "x" * 1024 * 1024})), 413, "too-large")

    async def test_a_subject_is_one_line(self, client: httpx.AsyncClient, books: Tickets) -> None:
        for send, body in (
            (from_mail, a_mail(subject="a\r\nBcc: b@c.de")),
            (from_zendesk, opened(subject="a\r\nBcc: b@c.de")),
        ):
            assert (await ticket(books, await send(client, body))).subject == "a Bcc: b@c.de"


class TestZendesk:
    async def test_what_zendesk_itself_documents_fits(self, data: Path, client: httpx.AsyncClient) -> None:
        body = orjson.loads((data / "payloads/zendesk/ticket.created.json").read_bytes())
        assert (await from_zendesk(client, body)).json()["ticket_id"] == "zendesk-5"

    async def test_the_timestamp_is_signed_too(self, client: httpx.AsyncClient) -> None:
        header = {"X-Zendesk-Webhook-Signature-Timestamp": "2026-03-02T09:00:00Z"}
        assert_problem(await from_zendesk(client, opened(), **header), 401, "bad-signature")

    async def test_notes_agents_and_other_events_set_nothing_off(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        before = await messages_kept(database)
        first = opened()
        nothing = [
            commented(first, is_public=False),
            commented(first, author={"id": 88, "is_staff": True}),
            {**first, "type": "ticket.updated"},
        ]
        for body in nothing:
            answer = await from_zendesk(client, body)
            assert (answer.status_code, answer.json()["ticket_id"]) == (200, None)
        assert await messages_kept(database) == before

    @pytest.mark.parametrize(
        "body",
        [[], {}, {"type": 7}, {"type": "new_ticket"}, opened(id="x"), opened(requester={"email": "nobody"})],
        ids=["list", "empty", "type", "no ticket", "no number", "no address"],
    )
    async def test_what_cannot_be_told_is_refused(self, body: Any, client: httpx.AsyncClient) -> None:
        assert_problem(await from_zendesk(client, body), 422, "invalid")

    async def test_what_is_no_json_is_refused(self, client: httpx.AsyncClient) -> None:
        assert_problem(await from_zendesk(client, b"{"), 400, "bad-json")


class TestMail:
    async def test_may_come_in_parts_without_its_files(self, client: httpx.AsyncClient, books: Tickets) -> None:
        raw = in_parts(signed_mail(a_mail(subject="Größe?")), {"attachment-1": b"\xff\x00" * 99})
        answer = await post_mail(client, raw, 'multipart/form-data; boundary="xYz"')
        assert (await ticket(books, answer)).subject == "Größe?"
        assert await texts(books, answer) == ["It should have come."]

    async def test_may_come_as_json_with_its_signature_inside(
        self, client: httpx.AsyncClient, books: Tickets
    ) -> None:
        fields = signed_mail(a_mail())
        signature = {name: fields.pop(name) for name in ("timestamp", "token", "signature")}
        raw = orjson.dumps({**fields, "signature": signature, "attachments": []})
        assert await texts(books, await post_mail(client, raw, "application/json")) == ["It should have come."]

    async def test_a_subject_leads_into_one_s_own_ticket_only(self, client: httpx.AsyncClient) -> None:
        first = (await from_mail(client, a_mail())).json()["ticket_id"]
        mine = await from_mail(client, a_mail(subject=f"Re: [ticket {first}]"))
        assert mine.json()["ticket_id"] == first
        others = await from_mail(client, a_mail(subject=f"Re: [ticket {first}]", **{"from": "eve@example.com"}))
        assert others.json()["ticket_id"] != first

    async def test_references_lead_into_one_s_own_ticket_only(self, client: httpx.AsyncClient) -> None:
        mail = a_mail()
        first = (await from_mail(client, mail)).json()["ticket_id"]
        stranger = {"from": "eve@example.com", "sender": "eve@example.com"}
        reply = a_mail(In_Reply_To=mail["Message-Id"], **stranger)
        assert (await from_mail(client, reply)).json()["ticket_id"] != first
        same_id = a_mail(Message_Id=mail["Message-Id"], **stranger)
        assert (await from_mail(client, same_id)).json()["duplicate"] is False

    async def test_a_known_mail_anywhere_among_the_references_is_enough(self, client: httpx.AsyncClient) -> None:
        mail = a_mail()
        first = (await from_mail(client, mail)).json()["ticket_id"]
        reply = a_mail(References=f"<ours{new_number()}@shop.example> {mail['Message-Id']}")
        assert (await from_mail(client, reply)).json()["ticket_id"] == first

    async def test_a_ticket_that_follows_is_named_and_reached_too(
        self, client: httpx.AsyncClient, books: Tickets
    ) -> None:
        mail = a_mail()
        first = (await from_mail(client, mail)).json()
        await books.close(first["ticket_id"], int(first["message_number"]))
        follower = (await from_mail(client, a_mail(References=mail["Message-Id"]))).json()["ticket_id"]
        again = await from_mail(client, a_mail(subject=f"Re: [ticket {follower}]"))
        assert again.json()["ticket_id"] == follower == f"{first['ticket_id']}-f1"

    async def test_a_token_is_good_for_one_mail(self, client: httpx.AsyncClient) -> None:
        """Only timestamp and token are signed: who has caught them could send anything."""
        fields = signed_mail(a_mail())
        for duplicate in (False, True):
            answer = await post_mail(client, urlencode(fields).encode())
            assert answer.json()["duplicate"] is duplicate
        forged = {**fields, "Message-Id": "<other@example.com>"}
        assert_problem(await post_mail(client, urlencode(forged).encode()), 401, "bad-signature")

    async def test_an_absence_note_sets_nothing_off(self, client: httpx.AsyncClient) -> None:
        answer = await from_mail(client, a_mail(Auto_Submitted="auto-replied"))
        assert (answer.status_code, answer.json()["ticket_id"]) == (200, None)

    @pytest.mark.parametrize("sender", ["", "nobody", "a@example.com\r\nBcc: x@example.com", "a@b, c@d"])
    async def test_a_mail_from_nobody_is_refused(self, sender: str, client: httpx.AsyncClient) -> None:
        problem = assert_problem(
            await from_mail(client, a_mail(sender=sender, **{"from": sender})), 422, "invalid"
        )
        assert not sender or sender not in str(problem)

    @pytest.mark.parametrize(
        ("raw", "content_type", "status", "name"),
        [
            (b"\xff", "application/x-www-form-urlencoded", 422, "invalid"),
            (b"&".join([b"a=1"] * 301), "application/x-www-form-urlencoded", 422, "invalid"),
            (b"", "multipart/form-data; boundary=", 422, "invalid"),
            (b"", "multipart/form-data; boundary=xYz", 422, "invalid"),
            (b"--xYz\r\n" * 1_000, "multipart/form-data; boundary=xYz", 422, "invalid"),
            (b"--xYz\r\n\r\n--xYz--", "multipart/form-data; boundary=xYz", 401, "bad-signature"),
            (b"{}", "application/json", 401, "bad-signature"),
            (b"[]", "application/json", 422, "invalid"),
            (b"a", "text/plain", 415, "wrong-type"),
            (b"a", "multipart/form-data", 422, "invalid"),
            (b"a", "multipart/form-data; charset=latin-1", 415, "wrong-type"),
            (b"a", "multipart/mixed; boundary=xYz", 415, "wrong-type"),
        ],
    )
    async def test_what_is_no_form_is_refused(
        self, raw: bytes, content_type: str, status: int, name: str, client: httpx.AsyncClient
    ) -> None:
        assert_problem(await post_mail(client, raw, content_type), status, name)

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"a": 1, "a": 2}',
            b'{"a": NaN}',
            b'{"a": %s}' % (b"[" * 100 + b"]" * 100),
            b'{"a": 18446744073709551616}',
        ],
        ids=["a key twice", "no number", "nested", "a large number"],
    )
    async def test_json_is_looked_at_closely_once_it_is_verified(
        self, raw: bytes, client: httpx.AsyncClient
    ) -> None:
        """A megabyte of brackets takes seconds to look at, and anybody can send one."""
        assert_problem(await post_mail(client, raw, "application/json"), 401, "bad-signature")
        signed = orjson.dumps(signed_mail(a_mail()))[:-1] + b"," + raw[1:]
        assert_problem(await post_mail(client, signed, "application/json"), 400, "bad-json")

    @pytest.mark.parametrize("raw", [b"{", b"[" * 100_000, b"\xff", b'{"a": %s}' % (b"1" * 5_000)])
    async def test_what_is_no_json_is_refused(self, raw: bytes, client: httpx.AsyncClient) -> None:
        assert_problem(await post_mail(client, raw, "application/json"), 400, "bad-json")

    async def test_half_a_surrogate_pair_is_mended_in_json_too(
        self, client: httpx.AsyncClient, books: Tickets
    ) -> None:
        raw = orjson.dumps(signed_mail(a_mail(body_plain="It ? come."))).replace(b"?", b"\\ud800")
        assert await texts(books, await post_mail(client, raw, "application/json")) == ["It \ufffd come."]

    async def test_without_secrets_nothing_is_read(
        self, client: httpx.AsyncClient, app: Any, settings: Any, assembled: Any
    ) -> None:
        bare = settings.model_copy(update={"mail_secrets": ()})
        app.state.assembled = replace(assembled, settings=bare)
        assert_problem(await post_mail(client, b"{", "application/json"), 503, "unavailable")

    @pytest.mark.parametrize("signature", ["", "00", "\u00e9", "\U0001f600"])
    async def test_a_wrong_signature_is_refused(self, signature: str, client: httpx.AsyncClient) -> None:
        fields = signed_mail(a_mail()) | {"signature": signature}
        assert_problem(await post_mail(client, urlencode(fields).encode()), 401, "bad-signature")


class TestChat:
    async def test_an_address_may_be_told_later(self, client: httpx.AsyncClient, books: Tickets) -> None:
        first = said(email="")
        answer = await from_chat(client, first)
        again = await from_chat(client, said(conversation_id=first["conversation_id"]))
        assert again.json()["ticket_id"] == answer.json()["ticket_id"]
        assert (await ticket(books, again)).customer_email == "ada@example.com"

    async def test_somebody_else_has_a_ticket_of_their_own(self, client: httpx.AsyncClient) -> None:
        first = said()
        mine = (await from_chat(client, first)).json()["ticket_id"]
        others = await from_chat(client, said(conversation_id=first["conversation_id"], email="eve@example.com"))
        assert others.json()["ticket_id"] != mine

    @pytest.mark.parametrize(
        "changes",
        [
            {"conversation_id": ""},
            {"conversation_id": "a b"},
            {"conversation_id": None},
            {"message_id": "x" * 101},
            {"message_id": "nul\x00"},
            {"email": "nobody"},
            {"text": None},
            {"name": 7},
        ],
        ids=str,
    )
    async def test_values_that_cannot_be_are_refused(
        self, changes: dict[str, Any], client: httpx.AsyncClient
    ) -> None:
        assert_problem(await from_chat(client, said(**changes)), 422, "invalid")
