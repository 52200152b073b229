"""A person's request about what they wrote to us."""

from dataclasses import replace

import pytest

from tests.fakes.analysis import FakeAnalysis
from workers.casefile import erasure
from workers.casefile.answers import Answer, Answers
from workers.casefile.claims import Claim
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.casefile.ticket_findings import Findings
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.ports.analysis import Evidence, Ticket

_ids = iter(range(1, 10_000))


@pytest.fixture
def books(database: Database) -> Tickets:
    return Tickets(database)


@pytest.fixture
def written() -> Written:
    number = next(_ids)
    return Written(
        f"chat-e{number}", "m-1", Channel.CHAT, f"kanarie{number}@example.com", "Kanarie", "Kanarie", "Kanarie"
    )


async def with_case(database: Database, ticket_id: str, state: str) -> None:
    async with database.transaction() as session:
        session.add(Case(id=ticket_id, process="triage", state=state))


async def held(database: Database, ticket_id: str) -> str:
    """All that is held of a ticket's case."""
    return str(await erasure.export(database, ticket_id))


async def test_what_is_held_of_a_ticket_is_told_with_its_case(
    database: Database, books: Tickets, written: Written
) -> None:
    await books.take(written)
    await with_case(database, written.ticket_id, "open")
    told = await erasure.export(database, written.ticket_id)
    assert told is not None
    assert [ticket["customer_email"] for ticket in told["tickets"]] == [written.email]
    assert [message["text"] for message in told["ticket_messages"]] == ["Kanarie"]


async def test_nothing_personal_is_left_of_a_ticket_whose_case_has_ended(
    database: Database, books: Tickets, written: Written
) -> None:
    taken = await books.take(written)
    await books.note_reply(taken.ticket_id, "reply-1", "Dear Kanarie", taken.number)
    found = await FakeAnalysis().analyse(Ticket("Kanarie"))
    quoted = replace(found, damage=(Evidence("Kanarie is broken", "damaged", 1.0),))
    await Findings(database).analysed(taken.ticket_id, taken.number, quoted, Claim(None, None))
    answer = Answer(taken.ticket_id, "1", "ask_human", "", "person:kim", "send", "Kanarie", "Dear Kanarie")
    await Answers(database).write(answer)
    await with_case(database, taken.ticket_id, "done")
    assert await erasure.erase(database, taken.ticket_id, "kim") is not None
    assert "anarie" not in await held(database, taken.ticket_id)
    assert len(await books.messages(taken.ticket_id)) == 2


async def test_while_its_case_is_open_nothing_is_erased(
    database: Database, books: Tickets, written: Written
) -> None:
    await books.take(written)
    await with_case(database, written.ticket_id, "open")
    assert await erasure.erase(database, written.ticket_id, "kim") is None
    assert "Kanarie" in await held(database, written.ticket_id)


async def test_a_message_that_is_delivered_again_stays_known_and_erased(
    database: Database, books: Tickets, written: Written
) -> None:
    taken = await books.take(written)
    await with_case(database, taken.ticket_id, "done")
    await erasure.erase(database, taken.ticket_id, "kim")
    assert await books.take(written) == replace(taken, new_ticket=False, new_message=False)
    assert "anarie" not in await held(database, taken.ticket_id)


async def test_who_writes_after_that_has_a_ticket_that_follows(
    database: Database, books: Tickets, written: Written
) -> None:
    taken = await books.take(written)
    await with_case(database, taken.ticket_id, "done")
    await erasure.erase(database, taken.ticket_id, "kim")
    assert (await books.take(replace(written, message_id="m-2"))).ticket_id == f"{taken.ticket_id}-f1"


async def test_all_of_a_customer_s_tickets_but_those_under_way_are_erased(
    database: Database, books: Tickets, written: Written
) -> None:
    names = {name: f"{written.ticket_id}.{name}" for name in ("ended", "running", "caseless", "open")}
    for ticket_id in names.values():
        await books.take(replace(written, ticket_id=ticket_id))
    await with_case(database, names["ended"], "done")
    await with_case(database, names["running"], "incident")
    await books.solve(names["caseless"])
    told = await erasure.export_customer(database, written.email.upper())
    assert len(told["tickets"]) == len(told["ticket_messages"]) == 4
    erased = await erasure.erase_customer(database, written.email.upper(), "kim")
    assert set(erased.erased) == {names["ended"], names["caseless"]}
    assert erased.left == {names["running"]: "its case has not ended", names["open"]: "it is open"}
    assert (await erasure.erase_customer(database, written.email, "kim")).erased == ()


async def test_nobody_s_tickets_are_not_a_customer_s(database: Database, books: Tickets, written: Written) -> None:
    await books.take(replace(written, email=""))
    assert (await erasure.erase_customer(database, "", "kim")) == erasure.OfCustomer((), {})
