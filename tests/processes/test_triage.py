"""What the jobs of triage answer, write, and say in the case file."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from tests.processes.ticket_bench import NORMAL, TicketBench
from workers.casefile.db import Database
from workers.casefile.refund_models import Standing
from workers.casefile.ticket_models import TicketMessage, TicketState
from workers.contracts.triage import Closed, Customer, History
from workers.ports.analysis import Intent
from workers.runtime.errors import NeedsHuman

NOW = datetime.now(UTC)


@pytest.fixture
async def bench(database: Database) -> TicketBench:
    bench = TicketBench(database)
    await bench.write()
    return bench


class TestWhoWrites:
    async def test_a_first_order_that_is_not_sent_yet(self, bench: TicketBench) -> None:
        assert await bench.triage.get_orders(bench.ticket_id) == Customer(None, first_time=True, open_orders=1)
        await bench.sent()
        assert (await bench.triage.get_orders(bench.ticket_id)).open_orders == 0

    async def test_a_vip_with_several_orders(self, bench: TicketBench) -> None:
        before = replace(bench.order, id=f"{bench.order.id}0", vip=True, financial_status="refunded")
        bench.shop.orders[before.id] = before
        assert await bench.triage.get_orders(bench.ticket_id) == Customer(True, first_time=False, open_orders=1)

    async def test_somebody_who_ordered_nothing(self, bench: TicketBench) -> None:
        bench.shop.orders.clear()
        assert await bench.triage.get_orders(bench.ticket_id) == Customer(None, None, 0)

    async def test_what_they_wrote_before_is_counted_once_wherever_it_is(self, bench: TicketBench) -> None:
        assert await bench.triage.get_history(bench.ticket_id) == History(0)
        await bench.write(ticket_id=f"{bench.ticket_id}x")
        assert await bench.triage.get_history(bench.ticket_id) == History(1)


class TestWhatItSays:
    async def test_the_only_order_is_meant(self, bench: TicketBench) -> None:
        found = await bench.analyse()
        assert (found.case_id, found.shopify_order_id, found.order_known) == (bench.order.id, bench.order.id, True)
        assert (found.claim_amount, found.currency, found.refunded_before) == (4_995, "EUR", False)
        assert (found.intent, found.intents, found.damaged, found.safety) == (
            "tracking",
            ("tracking",),
            False,
            False,
        )

    @pytest.mark.parametrize(
        ("changes", "counts"),
        [
            ({"state": Standing.SETTLED, "provider_refund_id": "re_1"}, True),
            ({"state": Standing.SETTLED, "finished_at": NOW}, True),  # by hand
            ({"state": Standing.REQUESTED}, True),
            ({"state": Standing.APPROVED}, True),
            ({"state": Standing.UNKNOWN}, True),
            ({"state": Standing.FAILED}, True),
            ({"state": Standing.FAILED, "finished_at": NOW}, False),  # given up
            ({"state": Standing.REJECTED, "finished_at": NOW}, False),
            ({"state": Standing.STOPPED, "finished_at": NOW}, False),
        ],
    )
    async def test_whatever_went_back_or_may_still_do_counts(
        self, bench: TicketBench, changes: dict[str, Any], counts: bool
    ) -> None:
        """By whatever hand: as long as it may reach the customer, the next one is for a person."""
        await bench.refund(**changes)
        assert (await bench.analyse()).refunded_before is counts

    async def test_of_two_open_orders_none_is_sure(self, bench: TicketBench) -> None:
        another = replace(bench.order, id=f"{bench.order.id}0", number="#7")
        bench.shop.orders[another.id] = another
        found = await bench.analyse()
        assert (found.case_id, found.shopify_order_id, found.claim_amount) == (bench.ticket_id, None, None)

    async def test_the_one_that_is_named_is_meant(self, bench: TicketBench) -> None:
        another = replace(bench.order, id=f"{bench.order.id}0", number="#7")
        bench.shop.orders[another.id] = another
        bench.analysis.numbers = ("7",)
        assert (await bench.analyse()).shopify_order_id == another.id

    async def test_somebody_elses_number_gives_nothing_away(self, bench: TicketBench) -> None:
        theirs = replace(bench.order, id=f"{bench.order.id}0", number="#8", email="bob@example.com")
        bench.shop.orders[theirs.id] = theirs
        bench.analysis.numbers = ("8", theirs.id)
        found = await bench.analyse()
        assert (found.shopify_order_id, found.order_known, found.claim_amount) == (None, False, None)

    async def test_the_case_stays_that_of_the_first_order(self, bench: TicketBench) -> None:
        assert (await bench.analyse(case_id="another")).case_id == "another"

    async def test_a_danger_and_a_damage_are_told(self, bench: TicketBench) -> None:
        bench.analysis.unsafe = bench.analysis.damaged = True
        found = await bench.analyse()
        assert (found.safety, found.hazard, found.damaged) == (True, "injury", True)

    async def test_only_what_came_since_our_answer_is_read(self, bench: TicketBench) -> None:
        await bench.tickets.note_reply(bench.ticket_id, "r", "On its way.", bench.number)
        await bench.write("Thanks!")
        for _ in range(2):
            await bench.analyse()
            assert bench.analysis.asked[-1].text == "Thanks!"
            await bench.tickets.note_reply(bench.ticket_id, "r-2", "You are welcome.", bench.number)

    async def test_what_came_before_our_answer_and_nobody_had_read_is_not_answered_by_it(
        self, bench: TicketBench
    ) -> None:
        read = bench.number
        await bench.write("Please cancel the rest.")
        await bench.tickets.note_reply(bench.ticket_id, "r", "On its way.", read)
        await bench.analyse()
        assert bench.analysis.asked[-1].text == "Please cancel the rest."
        await bench.write("Thanks!")
        await bench.analyse()
        assert bench.analysis.asked[-1].text == "Please cancel the rest.\n\nThanks!"

    async def test_an_answer_of_old_is_to_all_that_came_before_it(
        self, bench: TicketBench, database: Database
    ) -> None:
        """When it was not kept yet what an answer is to."""
        await bench.tickets.note_reply(bench.ticket_id, "r", "On its way.", bench.number)
        mine = update(TicketMessage).where(TicketMessage.ticket_id == bench.ticket_id)
        await database.run(lambda session: session.execute(mine.values(answers=None)))
        await bench.write("Thanks!")
        await bench.analyse()
        assert bench.analysis.asked[-1].text == "Thanks!"

    async def test_a_subject_says_where_danger_is_and_not_what_is_wanted(self, bench: TicketBench) -> None:
        bench.ticket_id += "-s"
        await bench.write("Is there a manual?", subject="Order 1001")
        await bench.analyse()
        assert [asked.text for asked in bench.analysis.asked] == [
            "Order 1001\n\nIs there a manual?",
            "Is there a manual?",
        ]

    async def test_what_is_written_later_is_read_later(self, bench: TicketBench) -> None:
        first = bench.number
        await bench.write("And another thing.")
        await bench.triage.analyse_messages(bench.ticket_id, first)
        assert bench.analysis.asked[-1].text == "Where is my order?"
        await bench.analyse()
        assert bench.analysis.asked[-1].text == "Where is my order?\n\nAnd another thing."

    async def test_a_ticket_that_nobody_knows_is_for_a_human(self, bench: TicketBench) -> None:
        with pytest.raises(NeedsHuman):
            await bench.triage.get_orders("api-nobody")


class TestTheSentence:
    async def test_says_who_what_and_how(self, bench: TicketBench) -> None:
        bench.analysis.anger = 85
        await bench.looked_at()
        [sentence] = await bench.sentences()
        assert "Ada bought Desk lamp and 1 more" in sentence
        assert sentence.endswith("; not shipped yet; asks where it is; furious, 85/100")

    async def test_the_engine_learns_no_name(self, bench: TicketBench) -> None:
        await bench.analyse()
        told = await bench.triage.write_context(bench.ticket_id, bench.number, bench.case_id, NORMAL)
        assert told.context.startswith("The customer bought Desk lamp")

    async def test_hostile_names_stay_on_one_line(self, bench: TicketBench) -> None:
        bench.analysis.intent = Intent.REFUND
        await bench.write("Hello", ticket_id=f"{bench.ticket_id}-x", name="Ada\r\n<b>\x1b" + "x" * 500)
        bench.ticket_id += "-x"
        await bench.looked_at()
        [sentence] = await bench.sentences()
        assert sentence.isprintable()
        assert len(sentence) < 400


class TestTheClocks:
    async def test_begin_with_the_ticket(self, bench: TicketBench) -> None:
        await bench.looked_at()
        assert await bench.due(minutes=239) is None
        assert await bench.due(minutes=241) == "first_response"

    async def test_another_priority_changes_them(self, bench: TicketBench) -> None:
        await bench.looked_at()
        await bench.write("It burns!")
        await bench.analyse()
        urgent = {**NORMAL, "priority": "urgent", "first_response": 15}
        await bench.triage.write_context(bench.ticket_id, bench.number, bench.case_id, urgent)
        assert await bench.due(minutes=31) == "first_response"


class TestItsEnd:
    async def test_reopened_it_is_open_everywhere(self, bench: TicketBench) -> None:
        await bench.looked_at()
        await bench.tickets.solve(bench.ticket_id)
        await bench.triage.reopen_ticket(bench.ticket_id, bench.number, bench.case_id)
        ticket = await bench.tickets.get(bench.ticket_id)
        assert ticket is not None
        assert ticket.state == TicketState.OPEN
        assert bench.helpdesk.statuses == {bench.ticket_id: "open"}

    async def test_it_is_not_closed_over_a_message(self, bench: TicketBench) -> None:
        seen = bench.number
        await bench.write("One more thing.")
        tried = await bench.triage.close_ticket(bench.ticket_id, seen, bench.case_id)
        assert tried == Closed(closed=False, replied_number=bench.number), "which is to be read"
        assert bench.helpdesk.statuses == {}
        assert (await bench.triage.close_ticket(bench.ticket_id, bench.number, bench.case_id)).closed
        assert bench.helpdesk.statuses == {bench.ticket_id: "closed"}
