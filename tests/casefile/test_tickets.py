"""Tickets: each message once for ever, in the ticket it belongs to."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.casefile.one_order import Stream
from workers.casefile import tickets
from workers.casefile.business_hours import ALWAYS, BusinessHours
from workers.casefile.db import Database
from workers.casefile.sla import Happened, Priority, Targets
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_models import Author, Channel, TicketState
from workers.casefile.tickets import MOST_TICKETS, Taken, Tickets, Written, ticket_id_of

_ids = iter(range(1, 10_000))


@pytest.fixture
def books(database: Database) -> Tickets:
    return Tickets(database)


@pytest.fixture
def written() -> Written:
    """A customer's first message."""
    number = next(_ids)
    return Written(
        f"chat-t{number}", "m-1", Channel.CHAT, f"ada{number}@example.com", "Ada", "A lamp", "Where is my lamp?"
    )


async def take(books: Tickets, written: Written, message_id: str, **changes: Any) -> Taken:
    return await books.take(replace(written, message_id=message_id, **changes))


class TestTaking:
    async def test_a_first_message_opens_a_ticket_and_another_joins_it(
        self, books: Tickets, written: Written
    ) -> None:
        first = await books.take(written)
        second = await take(books, written, "m-2", text="Hello?")
        assert (first.ticket_id, first.new_ticket, first.new_message) == (written.ticket_id, True, True)
        assert (second.ticket_id, second.new_ticket, second.new_message) == (written.ticket_id, False, True)
        assert second.number > first.number
        ticket = await books.get(written.ticket_id)
        assert ticket is not None
        assert (ticket.state, ticket.customer_email, ticket.follows) == (TicketState.OPEN, written.email, None)
        told = await books.messages(written.ticket_id)
        assert [(each.author, each.text) for each in told] == [
            (Author.CUSTOMER, "Where is my lamp?"),
            (Author.CUSTOMER, "Hello?"),
        ]

    async def test_the_same_again_is_the_same_for_ever(self, books: Tickets, written: Written) -> None:
        """Also after the ticket was closed and another one follows it."""
        first = await books.take(written)
        assert await books.close(first.ticket_id, first.number)
        await take(books, written, "m-2")
        assert await take(books, written, "m-1", text="in other words") == replace(
            first, new_ticket=False, new_message=False
        )

    async def test_of_five_at_once_one_is_new(self, books: Tickets, written: Written) -> None:
        taken = await asyncio.gather(*(books.take(written) for _ in range(5)))
        assert sorted(each.new_message for each in taken) == [False] * 4 + [True]
        assert len({(each.ticket_id, each.number) for each in taken}) == 1

    async def test_five_messages_at_once_open_one_ticket(self, books: Tickets, written: Written) -> None:
        taken = await asyncio.gather(*(take(books, written, f"m-{n}") for n in range(5)))
        assert sum(each.new_ticket for each in taken) == 1
        assert len(await books.messages(written.ticket_id)) == 5

    async def test_somebody_else_gets_a_ticket_of_their_own(self, books: Tickets, written: Written) -> None:
        await books.take(written)
        others = await take(books, written, "m-2", email="eve@example.com")
        assert others.new_ticket
        assert others.ticket_id.startswith(f"{written.ticket_id}-")
        again = await take(books, written, "m-3", email="eve@example.com")
        assert (again.ticket_id, again.new_ticket) == (others.ticket_id, False)
        assert len(await books.messages(written.ticket_id)) == 1

    async def test_who_tells_no_address_is_who_they_were(self, books: Tickets, written: Written) -> None:
        await books.take(written)
        assert (await take(books, written, "m-2", email="")).ticket_id == written.ticket_id

    @pytest.mark.parametrize(
        ("outside", "expected"), [("35436", "35436"), ("a-f1", "a-f1-"), ("a-f1-", "a-f1--"), ("a-fx", "a-fx")]
    )
    def test_no_id_from_outside_is_that_of_a_ticket_that_follows(self, outside: str, expected: str) -> None:
        assert ticket_id_of(Channel.CHAT, outside) == f"chat-{expected}"


class TestClosing:
    async def test_a_message_to_a_closed_ticket_opens_one_that_follows(
        self, books: Tickets, written: Written
    ) -> None:
        last = await books.take(written)
        for number in (1, 2):
            assert await books.close(last.ticket_id, last.number)
            before = last.ticket_id
            last = await take(books, written, f"m-{number + 1}")
            assert (last.ticket_id, last.new_ticket) == (f"{written.ticket_id}-f{number}", True)
            ticket = await books.get(last.ticket_id)
            assert ticket is not None
            assert ticket.follows == before
        assert not (await take(books, written, "m-4")).new_ticket

    async def test_closing_and_writing_at_once_loses_nothing(self, books: Tickets, written: Written) -> None:
        """Either the message came first and the ticket stays open, or it opens another one."""
        first = await books.take(written)
        closed, second = await asyncio.gather(
            books.close(first.ticket_id, first.number), take(books, written, "m-2")
        )
        assert closed is second.new_ticket

    async def test_a_ticket_with_unseen_words_is_not_closed(self, books: Tickets, written: Written) -> None:
        first = await books.take(written)
        second = await take(books, written, "m-2")
        await books.note_reply(first.ticket_id, "reply-1", "Soon.", first.number)
        assert not await books.close(first.ticket_id, first.number)
        for _ in range(2):
            assert await books.close(first.ticket_id, second.number)

    async def test_solving_and_opening_again_can_be_repeated(self, books: Tickets, written: Written) -> None:
        taken = await books.take(written)
        for move, state in ((books.solve, TicketState.SOLVED), (books.reopen, TicketState.OPEN)):
            seen = set()
            for _ in range(2):
                await move(taken.ticket_id)
                ticket = await books.get(taken.ticket_id)
                assert ticket is not None
                seen.add((ticket.state, ticket.solved_at))
            assert [each for each, _ in seen] == [state]

    async def test_closed_stays_closed(self, books: Tickets, written: Written) -> None:
        taken = await books.take(written)
        await books.close(taken.ticket_id, taken.number)
        await books.solve(taken.ticket_id)
        await books.reopen(taken.ticket_id)
        ticket = await books.get(taken.ticket_id)
        assert ticket is not None
        assert ticket.state == TicketState.CLOSED

    async def test_a_ticket_nobody_knows_is_not_closed(self, books: Tickets) -> None:
        assert not await books.close("chat-unheard-of", 1)


class TestCancelling:
    """An operator ends the instance of a ticket, in the engine."""

    async def cancelled(self, database: Database, ticket_id: str, process: str = "triage") -> None:
        stream = Stream(database, order=ticket_id)
        started, ended = stream.started(), stream.ended("ELEMENT_TERMINATED")
        for record in (started, ended):
            record["value"]["bpmnProcessId"] = process
        await stream.take_in(started, ended)

    async def test_closes_the_ticket_and_its_clocks_and_more_opens_one_that_follows(
        self, books: Tickets, written: Written, database: Database
    ) -> None:
        """Nobody would ever read it in the old one."""
        first = await books.take(written)
        clocks = TicketClocks(database, BusinessHours(ZoneInfo("UTC"), ALWAYS))
        targets = Targets(Priority.NORMAL, *(timedelta(hours=1),) * 3)
        await clocks.note(first.ticket_id, "opened", Happened.OPENED, targets=targets)
        await self.cancelled(database, first.ticket_id)
        ticket = await books.get(first.ticket_id)
        assert ticket is not None
        assert (ticket.state, ticket.closed_at is None) == (TicketState.CLOSED, False)
        standing = await clocks.standing(first.ticket_id)
        assert standing is not None
        assert standing.resolution.ended
        assert (await take(books, written, "m-2")).ticket_id == f"{first.ticket_id}-f1"

    async def test_of_a_ticket_that_is_closed_nothing_changes(
        self, books: Tickets, written: Written, database: Database
    ) -> None:
        first = await books.take(written)
        await books.close(first.ticket_id, first.number)
        before = await books.get(first.ticket_id)
        await self.cancelled(database, first.ticket_id)
        after = await books.get(first.ticket_id)
        assert before is not None
        assert after is not None
        assert after.closed_at == before.closed_at

    async def test_what_another_process_waits_for_stays_open(
        self, books: Tickets, written: Written, database: Database
    ) -> None:
        first = await books.take(written)
        await self.cancelled(database, first.ticket_id, "resolution")
        ticket = await books.get(first.ticket_id)
        assert ticket is not None
        assert ticket.state == TicketState.OPEN


class TestLooking:
    async def test_a_customer_s_tickets_come_newest_first(self, books: Tickets, written: Written) -> None:
        for number in range(3):
            await books.take(replace(written, ticket_id=f"{written.ticket_id}.{number}"))
        theirs = await books.of_customer(f" {written.email.upper()}")
        assert [each.id for each in theirs] == [f"{written.ticket_id}.{number}" for number in (2, 1, 0)]

    async def test_they_are_bounded_and_nobody_has_those_without_an_address(
        self, books: Tickets, written: Written
    ) -> None:
        for number in range(MOST_TICKETS + 1):
            await books.take(replace(written, ticket_id=f"{written.ticket_id}.{number}"))
        assert len(await books.of_customer(written.email)) == MOST_TICKETS
        await books.take(replace(written, email=""))
        assert await books.of_customer("") == []

    async def test_a_reply_is_kept_once_by_its_key(self, books: Tickets, written: Written) -> None:
        taken = await books.take(written)
        reply = (taken.ticket_id, "m-1", "On its way.", taken.number)
        numbers = {await books.note_reply(*reply) for _ in range(2)}
        assert len(numbers) == 1
        told = await books.messages(taken.ticket_id)
        assert [(each.author, each.answers) for each in told] == [
            (Author.CUSTOMER, None),
            (Author.AGENT, taken.number),
        ]

    async def test_the_first_of_a_line_is_found_from_each_of_it(
        self, books: Tickets, written: Written, database: Database
    ) -> None:
        first = await books.take(written)
        await books.close(first.ticket_id, first.number)
        second = await take(books, written, "m-2")
        async with database.sessions() as session:
            for ticket_id in (first.ticket_id, second.ticket_id):
                assert await tickets.first_of_line(session, ticket_id) == written.ticket_id
            assert await tickets.first_of_line(session, "chat-unheard-of") == "chat-unheard-of"
