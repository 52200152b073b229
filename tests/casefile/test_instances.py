"""Several process instances of one case: which case they belong to, and what they make of it together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from tests.casefile.one_order import Sent, at
from tests.casefile.own_database import empty, own_database, projected, run
from tests.casefile.several import ORDER, OUTCOMES, Run, Told, a_long_story, shuffled
from tests.casefile.test_rebuild import wrong
from workers.casefile import erasure
from workers.casefile.db import Database
from workers.casefile.models import Case, InboxRow, TimelineEntry
from workers.casefile.projection.projector import PROJECTED
from workers.casefile.rebuild import Corrected, Rebuild
from workers.casefile.record_models import Instance, Record
from workers.casefile.records import Projection
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written


@pytest.fixture(scope="module")
async def own(database_url: str) -> AsyncIterator[Database]:
    async with own_database(database_url) as database:
        yield database


@pytest.fixture
async def database(own: Database) -> Database:
    return await empty(own)


@pytest.fixture
def told() -> Told:
    return Told()


async def take_in(database: Database, records: Sequence[Sent], size: int = 1000) -> None:
    for first in range(0, len(records), size):
        await Projection(database, OUTCOMES).take_in(records[first : first + size])


async def case(database: Database, case_id: str = ORDER) -> Case:
    async with database.sessions() as session:
        return await session.get_one(Case, case_id)


async def instance(database: Database, key: int) -> Instance:
    async with database.sessions() as session:
        return await session.get_one(Instance, key)


async def sentences(database: Database, case_id: str) -> list[str]:
    query = select(TimelineEntry.sentence).where(TimelineEntry.case_id == case_id)
    async with database.sessions() as session:
        return list(await session.scalars(query.order_by(TimelineEntry.happened_at, TimelineEntry.id)))


async def rebuild(database: Database) -> list[Corrected]:
    return await Rebuild(database, OUTCOMES, lambda _done, _of: None).run()


async def rows_of(database: Database, records: Sequence[Sent], size: int = 1000) -> dict[str, Any]:
    await empty(database)
    await take_in(database, records, size)
    return await projected(database, "recorded_at")


class TestWhoseCase:
    async def test_the_start_message_names_the_order(self, database: Database, told: Told) -> None:
        told.instance("tracking", 21).starts("SO-1", ORDER)
        await take_in(database, told.records)
        tracking = await instance(database, 21)
        assert (tracking.case_id, tracking.correlation_key, tracking.root_key) == (ORDER, "SO-1", 21)
        assert (await case(database)).process_instance_key == 21

    @pytest.mark.parametrize("order", [None, 100, "", ["100"], "1\x0000"])
    async def test_without_one_it_is_the_correlation_key(self, database: Database, told: Told, order: Any) -> None:
        told.instance("chargeback", 12).starts("dp-1", **({} if order is None else {"shopify_order_id": order}))
        await take_in(database, told.records)
        assert (await instance(database, 12)).case_id == "dp-1"
        assert (await case(database, "dp-1")).state == "open"

    async def test_no_other_variable_is_kept(self, database: Database, told: Told) -> None:
        chargeback = told.instance("chargeback", 12)
        chargeback.starts("dp-1", name="Ada")
        chargeback.job(shopify_order_id=ORDER, name="Ada")
        await take_in(database, told.records)
        async with database.sessions() as session:
            facts = list(await session.scalars(select(Record.facts).order_by(Record.position)))
        assert facts == [
            {"correlationKey": "dp-1", "messageName": "m", "processDefinitionKey": 1},
            {"type": "t", "retries": 3, "shopify_order_id": ORDER},
        ]

    @pytest.mark.parametrize("size", [1, 1000])
    async def test_what_is_called_belongs_to_the_callers_case(
        self, database: Database, told: Told, size: int
    ) -> None:
        tracking = told.instance("tracking", 21)
        tracking.starts("SO-1", ORDER)
        tracking.calls("refund", 22).calls("fulfillment", 23)
        await take_in(database, told.records, size)
        called = await instance(database, 23)
        assert (called.case_id, called.parent_key, called.root_key) == (ORDER, 22, 21)
        assert await sentences(database, ORDER) == [
            "Message m received: “Event_Start”", "“refund” begins", "“fulfillment” begins",
        ]  # fmt: skip

    async def test_what_is_called_by_an_unknown_one_is_unknown(self, database: Database, told: Told) -> None:
        told.instance("tracking", 21).calls("refund", 22)
        await take_in(database, told.records)
        async with database.sessions() as session:
            assert await session.get(Instance, 22) is None


class TestMatched:
    @pytest.fixture
    def chargeback(self, told: Told) -> Run:
        chargeback = told.instance("chargeback", 12)
        chargeback.starts("dp-1")
        chargeback.job("FAILED")
        return chargeback

    @pytest.mark.parametrize("size", [1, 2, 1000])
    async def test_the_first_job_that_names_the_order_moves_it_there(
        self, database: Database, told: Told, chargeback: Run, size: int
    ) -> None:
        chargeback.job(shopify_order_id=ORDER)
        chargeback.job("FAILED")
        await take_in(database, told.records, size)
        moved, left, joined = await instance(database, 12), await case(database, "dp-1"), await case(database)
        assert (moved.case_id, moved.began_as, moved.matched_at) == (ORDER, "dp-1", at(3))
        assert (left.state, left.outcome, left.closed_at) == ("done", "matched", at(3))
        assert (joined.state, joined.process, joined.process_instance_key) == ("open", "chargeback", 12)
        assert await sentences(database, "dp-1") == [
            "Message m received: “Event_Start”",
            "“Task_Look” failed, 3 attempts left",
            "Belongs to order 100: it goes on there",
        ]
        assert await sentences(database, ORDER) == [
            "“chargeback” belongs to this order; it began as dp-1",
            "“Task_Look” failed, 3 attempts left",
        ]

    @pytest.mark.parametrize("size", [1, 1000])
    async def test_what_it_called_goes_with_it(
        self, database: Database, told: Told, chargeback: Run, size: int
    ) -> None:
        early = chargeback.calls("refund", 13)
        early.job(shopify_order_id=ORDER)
        early.calls("refund", 14)
        await take_in(database, told.records, size)
        assert [(await instance(database, key)).case_id for key in (12, 13, 14)] == [ORDER] * 3

    async def test_it_moves_once(self, database: Database, told: Told, chargeback: Run) -> None:
        for order in (ORDER, "200", "dp-1"):
            chargeback.job(shopify_order_id=order)
        await take_in(database, told.records, 1)
        assert (await instance(database, 12)).case_id == ORDER

    async def test_an_attempt_that_failed_names_nothing(
        self, database: Database, told: Told, chargeback: Run
    ) -> None:
        chargeback.job("FAILED", shopify_order_id=ORDER)
        await take_in(database, told.records)
        assert (await instance(database, 12)).case_id == "dp-1"

    async def test_an_instance_whose_start_named_the_order_stays(self, database: Database, told: Told) -> None:
        fulfillment = told.instance("fulfillment", 11)
        fulfillment.starts(ORDER, ORDER)
        fulfillment.job(shopify_order_id="200")
        await take_in(database, told.records)
        assert (await instance(database, 11)).case_id == ORDER

    async def test_what_was_told_before_is_exported_and_erased_with_the_order(
        self, database: Database, told: Told, chargeback: Run
    ) -> None:
        chargeback.job(shopify_order_id=ORDER)
        chargeback.ends("Event_Won")
        await take_in(database, told.records)
        async with database.transaction() as session:
            session.add(
                InboxRow(
                    source="payments", process="chargeback", message_name="m", correlation_key="dp-1",
                    time_to_live_ms=1, variables={"reason": "never arrived"}, dedupe_key="dp-1", body_sha256=b"",
                    trace_id="", published_at=at(1),
                )
            )  # fmt: skip
        exported = await erasure.export(database, ORDER)
        assert exported
        assert len(exported["timeline"]) == 5
        assert await erasure.erase(database, ORDER, "kim") == 5
        assert await sentences(database, "dp-1") == [
            *["Erased on request."] * 3,
            "Personal data erased on request",
        ]
        async with database.sessions() as session:
            assert list(await session.scalars(select(InboxRow.variables))) == [{}]


class TestErased:
    """A ticket whose order was found, and that is answered in the order's case."""

    TICKET = "chat-1"

    @pytest.fixture
    def triage(self, told: Told) -> Run:
        told.instance("fulfillment", 11).starts(ORDER, ORDER)
        triage = told.instance("triage", 21)
        triage.starts(self.TICKET)
        triage.job(shopify_order_id=ORDER)
        answering = triage.calls("resolution", 22)
        answering.answers("Dear Kanarie")
        return triage

    def ends(self, told: Told) -> None:
        told.instance("resolution", 22).ends("Event_Solved", parent=21)
        told.instance("triage", 21).ends("Event_Answered")

    async def take_ticket(self, database: Database) -> None:
        await Tickets(database).take(
            Written(self.TICKET, "m-1", Channel.CHAT, "kanarie@example.com", "Kanarie", "", "Kanarie")
        )

    async def all_that_is_left(self, database: Database) -> str:
        async with database.sessions() as session:
            facts = list(await session.scalars(select(Record.facts)))
        return f"{facts} {await erasure.export(database, self.TICKET)} {await erasure.export(database, ORDER)}"

    async def test_while_it_is_answered_nothing_is(self, database: Database, told: Told, triage: Run) -> None:
        await self.take_ticket(database)
        await take_in(database, told.records)
        assert (await case(database, self.TICKET)).state == "done"
        erased = await erasure.erase_customer(database, "kanarie@example.com", "kim")
        assert erased == erasure.OfCustomer((), {self.TICKET: f"it goes on in case {ORDER}"})
        assert await erasure.erase(database, self.TICKET, "kim") is None
        assert "Dear Kanarie" in await self.all_that_is_left(database)
        assert [each.text for each in await Tickets(database).messages(self.TICKET)] == ["Kanarie"]

    async def test_afterwards_all_is_while_its_order_goes_on(
        self, database: Database, told: Told, triage: Run
    ) -> None:
        """What an agent wrote, too, though it was in what the ticket's instance called, in the order's case."""
        await self.take_ticket(database)
        self.ends(told)
        await take_in(database, told.records)
        assert "Dear Kanarie" in await self.all_that_is_left(database)
        erased = await erasure.erase_customer(database, "kanarie@example.com", "kim")
        assert erased == erasure.OfCustomer((self.TICKET,), {})
        assert "anarie" not in await self.all_that_is_left(database)

    async def test_what_the_engine_refused_and_what_could_not_be_read_goes_too(
        self, database: Database, told: Told, triage: Run
    ) -> None:
        triage.answers("Kanarie")
        triage.decides("Kanarie")
        for unreadable in told.records[-2:]:
            for field in ("priority", "decisionName"):
                unreadable["value"].pop(field, None)
        self.ends(told)
        await self.take_ticket(database)
        await take_in(database, told.records)
        async with database.transaction() as session:
            session.add(
                InboxRow(
                    source="chat", process="triage", message_name="m", correlation_key=self.TICKET,
                    time_to_live_ms=1, variables={"text": "Kanarie"}, dedupe_key="m", body_sha256=b"",
                    trace_id="", refused_at=at(1),
                )
            )  # fmt: skip
        assert (await self.all_that_is_left(database)).count("'unread'") == 2
        assert await erasure.erase(database, self.TICKET, "kim") is not None
        assert "anarie" not in await self.all_that_is_left(database)
        async with database.sessions() as session:
            theirs = select(InboxRow.variables).where(InboxRow.correlation_key == self.TICKET)
            assert list(await session.scalars(theirs)) == [{}]
        assert wrong(await rebuild(database)) == set()

    async def test_an_order_is_not_while_a_ticket_of_it_goes_on_elsewhere(
        self, database: Database, told: Told, triage: Run
    ) -> None:
        """One ticket may be about two orders, one after the other."""
        self.ends(told)
        told.instance("fulfillment", 11).ends("Event_OrderSupplied")
        again = told.instance("triage", 31)
        again.starts(self.TICKET)
        again.job(shopify_order_id="200")
        await take_in(database, told.records)
        assert (await case(database)).state == "done"
        assert await erasure.why_left(database, ORDER) == "it goes on in case 200"
        again.ends("Event_Answered")
        await take_in(database, told.records)
        assert await erasure.why_left(database, ORDER) is None


class TestTogether:
    async def test_a_case_is_open_while_any_instance_runs(self, database: Database, told: Told) -> None:
        fulfillment, tracking = told.instance("fulfillment", 11), told.instance("tracking", 21, 2)
        fulfillment.starts(ORDER, ORDER)
        tracking.starts("SO-1", ORDER)
        fulfillment.ends("Event_OrderSupplied")
        await take_in(database, told.records)
        found = await case(database)
        assert (found.state, found.outcome, found.closed_at, found.opened_at) == ("open", None, None, at(1))
        assert (found.process, found.process_instance_key) == ("tracking", 21)

    async def test_the_newest_that_is_open_stands_for_the_case(self, database: Database, told: Told) -> None:
        fulfillment, tracking = told.instance("fulfillment", 11), told.instance("tracking", 21, 2)
        fulfillment.starts(ORDER, ORDER)
        tracking.starts("SO-1", ORDER)
        tracking.ends("Event_Delivered")
        await take_in(database, told.records)
        found = await case(database)
        assert (found.state, found.process, found.process_instance_key) == ("open", "fulfillment", 11)

    async def test_it_ends_as_the_instance_that_ended_last(self, database: Database, told: Told) -> None:
        fulfillment, tracking = told.instance("fulfillment", 11), told.instance("tracking", 21, 2)
        tracking.starts("SO-1", ORDER)
        fulfillment.starts(ORDER, ORDER)
        fulfillment.ends("Event_OrderSupplied")
        tracking.ends("Event_Lost")
        await take_in(database, list(reversed(told.records)))
        found = await case(database)
        assert (found.state, found.outcome, found.closed_at) == ("done", "lost", at(6))
        assert found.process_instance_key == 11, "the newest"

    async def test_news_of_which_nothing_comes_is_no_end(self, database: Database, told: Told) -> None:
        """The provider said that a refund failed; that was known."""
        tracking, late = told.instance("tracking", 21), told.instance("refund", 31, 2)
        tracking.starts("SO-1", ORDER)
        tracking.ends("Event_Lost")
        late.starts("100-lost", ORDER)
        late.ends("Event_NothingCameBack")
        await take_in(database, told.records)
        found = await case(database)
        assert (found.state, found.outcome) == ("done", "lost")

    async def test_an_incident_of_what_is_called_is_the_cases(self, database: Database, told: Told) -> None:
        tracking = told.instance("tracking", 21)
        tracking.starts("SO-1", ORDER)
        refund = tracking.calls("refund", 22)
        refund.incident(900)
        await take_in(database, told.records)
        assert (await case(database)).state == "incident"
        refund.incident(900, "RESOLVED")
        await take_in(database, told.records)
        assert (await case(database)).state == "open"

    async def test_the_end_of_what_is_called_is_not_the_cases(self, database: Database, told: Told) -> None:
        tracking = told.instance("tracking", 21)
        tracking.starts("SO-1", ORDER)
        tracking.calls("refund", 22).ends("Event_Refunded", parent=21)
        tracking.calls("refund", 23).is_cancelled(parent=21)
        await take_in(database, told.records)
        assert (await case(database)).state == "open"
        assert ((await instance(database, 22)).outcome, (await instance(database, 22)).state) == (
            "refunded",
            "done",
        )
        assert "Ended by an operator, in the engine" not in await sentences(database, ORDER)


class TestAnyOrder:
    async def test_what_the_story_leads_to(self, database: Database) -> None:
        """Else the tests below would compare nothing with nothing."""
        await take_in(database, a_long_story().records)
        found, left = await case(database), await case(database, "dp-1")
        assert (found.state, found.outcome, found.process_instance_key) == ("done", "delivered", 12)
        assert (left.state, left.outcome) == ("done", "matched")
        async with database.sessions() as session:
            rows = await session.execute(select(Instance.key, Instance.case_id, Instance.outcome))
            assert sorted(tuple(row) for row in rows) == [
                (11, ORDER, "supplied"), (12, ORDER, "won"), (13, ORDER, "refunded"), (14, ORDER, None),
                (21, ORDER, "lost"), (22, ORDER, "refunded"), (31, ORDER, "delivered"),
            ]  # fmt: skip

    @pytest.mark.parametrize("size", [1, 2, 5])
    @pytest.mark.parametrize("seed", range(5))
    async def test_whatever_the_order_of_partitions_and_the_batches_the_rows_are_the_same(
        self, database: Database, size: int, seed: int
    ) -> None:
        records = a_long_story().records
        expected = await rows_of(database, records)
        assert await rows_of(database, shuffled(records, seed), size) == expected

    @pytest.mark.parametrize("half", [False, True])
    async def test_partitions_may_be_taken_in_side_by_side(self, database: Database, half: bool) -> None:
        """Each counts on what the others committed, and on nothing else."""
        records = a_long_story().records
        records = records[: len(records) // 2] if half else records
        expected = await rows_of(database, records)
        for _ in range(5):
            await empty(database)
            partitions = ([r for r in records if r["partitionId"] == partition] for partition in (1, 2, 3))
            await asyncio.gather(*(take_in(database, each, 1) for each in partitions))
            assert await projected(database, "recorded_at") == expected

    @pytest.mark.parametrize("upto", [4, 9, 12, 16, 100])
    async def test_a_rebuild_makes_the_same_rows(self, database: Database, upto: int) -> None:
        await take_in(database, a_long_story().records[:upto], 1)
        before = await projected(database)
        assert wrong(await rebuild(database)) == set()
        await run(database, f"TRUNCATE {', '.join(f'orderops.{name}' for name in PROJECTED)}")
        await rebuild(database)
        assert await projected(database) == before
