"""Tickets on the page of their case: what was written, understood, promised, decided and corrected."""

import re

import pytest
from fastapi import FastAPI

from api.people import Role
from api.ticket_file import Reason, marked
from tests.api.people import browser
from tests.api.ticket_story import TEXT, URGENT, answered, clocked, day_of_tickets, understood, written
from tests.api.ui_data import HOSTILE, a_case, add, an_instance, number, text
from workers.casefile.db import Database
from workers.casefile.sla import Happened
from workers.casefile.ticket_erasure import erase
from workers.casefile.ticket_findings import Findings
from workers.casefile.tickets import Tickets
from workers.ports.analysis import Evidence
from workers.runtime.errors import NeedsHuman


async def page_of(app: FastAPI, database: Database, case_id: str) -> str:
    async with browser(app, database, Role.AGENT) as agent:
        return await text(agent, f"/ui/cases/{case_id}")


def spoken(kind: str, words: str) -> Reason:
    return Reason(kind, "x", Evidence(words, f"rule of {words}", 1.0))


class TestMarking:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["burned my hand"], ["burned\nmy hand"]),
            (["BURNED"], ["burned"]),
            (["burn", "my", ""], []),
            (["hand", "burned my"], ["burned\nmy", "hand"]),
            (["(.*)+$", "[a-z]"], []),
        ],
    )
    def test_whole_words_are_marked_and_nothing_is_lost(self, words: list[str], expected: list[str]) -> None:
        told = "It burned\nmy hand."
        pieces = marked(told, [spoken("safety", each) for each in words])
        assert "".join(each.text for each in pieces) == told
        assert [each.text for each in pieces if each.kind] == expected

    def test_the_graver_reason_counts(self) -> None:
        [_, found, _] = marked("It burned me", [spoken("safety", "burned"), spoken("intent", "Burned")])
        assert (found.kind, found.rule) == ("safety", "rule of burned")

    def test_without_reasons_it_is_the_text(self) -> None:
        assert [each.text for each in marked("It burned", [])] == ["It burned"]
        assert marked("", [spoken("safety", "burned")]) == []


class TestPage:
    async def test_a_ticket_is_shown_with_why_clocks_decision_and_corrections(
        self, app: FastAPI, database: Database
    ) -> None:
        [*_, ticket] = await day_of_tickets(database)
        await add(database, a_case(id=ticket, process="triage", order_number=None))
        page = await page_of(app, database, ticket)
        assert '<mark class="safety" title="safety: burn of a body part">burned my hand</mark>' in page
        assert '<strong class="bad">safety: ' in page
        assert re.search(r"Resolution</th>.*paused", page)
        assert re.search(r"First response</th>.*met", page)
        assert "<strong>Send</strong> by ada" in page
        assert "The draft was edited" in page
        assert "It is on its way." in page
        assert "Intent: complaint <small>instead of refund, by ada" in page

    async def test_a_clock_that_is_late_says_since_when(self, app: FastAPI, database: Database) -> None:
        ticket = (await written(database)).ticket_id
        await clocked(database, ticket, URGENT, 20, Happened.CUSTOMER_WROTE)
        await add(database, a_case(id=ticket, process="triage", order_number=None))
        assert re.search(r"First response</th>.*breached <small>since <time", await page_of(app, database, ticket))

    async def test_of_an_erased_ticket_nothing_is_left_that_the_customer_wrote(
        self, app: FastAPI, database: Database
    ) -> None:
        [*_, ticket] = await day_of_tickets(database)
        await add(database, a_case(id=ticket, process="triage", order_number=None))
        async with database.transaction() as session:
            await erase(session, [ticket])
        page = await page_of(app, database, ticket)
        assert "burned my hand" not in page
        assert "Intent: complaint <small>instead of refund, by ada" in page
        [message] = await Tickets(database).messages(ticket)
        with pytest.raises(NeedsHuman, match="was erased"):
            await Findings(database).analysis(ticket, message.id)

    async def test_a_ticket_is_in_the_case_of_its_order(self, app: FastAPI, database: Database) -> None:
        taken, case = await written(database), a_case()
        triage = an_instance(case, key=number(), process="triage", correlation_key=taken.ticket_id)
        await add(database, case, an_instance(case), triage)
        assert f'id="ticket-{taken.ticket_id}"' in await page_of(app, database, case.id)

    async def test_a_ticket_nobody_looked_at_yet_is_its_messages(self, app: FastAPI, database: Database) -> None:
        taken = await written(database)
        ticket = taken.ticket_id
        await Tickets(database).note_reply(ticket, "r-1", "We look into it.", taken.number)
        await add(database, a_case(id=ticket, process="triage", order_number=None))
        page = await page_of(app, database, ticket)
        assert "We look into it." in page
        assert TEXT[:20] in page
        assert "Why it was understood so" not in page

    async def test_what_a_customer_writes_is_text_also_where_it_is_marked(
        self, app: FastAPI, database: Database
    ) -> None:
        hostile = f"{HOSTILE} It burned my hand. <b onclick=x>sparked</b>"
        taken = await written(database, hostile, subject=HOSTILE)
        await understood(database, taken, hostile)
        await answered(database, taken.ticket_id, why=HOSTILE, draft=HOSTILE, decided_by=f"person:{HOSTILE}")
        await add(database, a_case(id=taken.ticket_id, process="triage", order_number=None))
        page = await page_of(app, database, taken.ticket_id)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b onclick" not in page
        assert "{{7*7}}" in page
        assert re.search(r'<mark class="safety"[^>]*>burned my hand</mark>', page)
