"""The board of the SLA clock: counted as something happens, the same as everything counted anew."""

import asyncio
import random
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from api.live import Changes
from tests.api.ticket_story import ALWAYS, answered
from tests.casefile.own_database import run
from tests.casefile.test_sla import HIGH, LOW, NORMAL, OPENED, SHOP, at, hours, stands
from workers.casefile import sla_board
from workers.casefile.db import Database
from workers.casefile.finding_models import TicketEvent, TicketOutlook
from workers.casefile.sla import Happened, Priority, Targets
from workers.casefile.sla_board import SlaBoard
from workers.casefile.sla_figures import ClockFigures, ClockName, Figures, Stand, outlooks_of
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_erasure import erase
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written

TARGETS = {"high": HIGH, "normal": NORMAL, "low": LOW}


class Desk:
    """Tickets that are written, what happens to them, and the board."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clocks = TicketClocks(database, SHOP)
        self.tickets = Tickets(database)
        self.board = SlaBoard(database, SHOP)

    async def ticket(self, *steps: str, targets: Targets = NORMAL) -> str:
        """Opened, then steps told as `2026-06-01 09:00 we_replied` or `2026-06-01 09:00 high`."""
        number = f"chat-{uuid.uuid4().hex}"
        await self.tickets.take(
            Written(number, "m-1", Channel.CHAT, f"{number}@example.com", "Ada", "A lamp", "Where is it?")
        )
        await self.clocks.note(number, "opened", Happened.OPENED, targets=targets, at=at(OPENED))
        for key, step in enumerate(steps):
            await self.tell(number, str(key), step)
        return number

    async def tell(self, number: str, key: str, step: str) -> None:
        when, what = at(step[:16]), step[17:]
        targets = TARGETS.get(what)
        happened = Happened.PRIORITY_CHANGED if targets else Happened(what)
        await self.clocks.note(number, key, happened, targets=targets, at=when)

    async def counted(self, now: str | None = None) -> None:
        while await self.board.count(at(now) if now else None):
            pass

    async def drawn(self, now: str) -> dict[tuple[Priority, ClockName], ClockFigures]:
        await self.counted(now)
        drawn = await self.board.draw(at(now))
        assert drawn is not None
        async with self.database.sessions() as session:
            assert await sla_board.shown(session) == drawn
        return {(each.priority, each.clock): each for each in drawn.clocks}

    async def outlooks(self) -> list[tuple[Any, ...]]:
        columns = [each for each in TicketOutlook.__table__.c if each.name not in {"risky_from", "due_at"}]
        rows = select(*columns).order_by(TicketOutlook.ticket_id, TicketOutlook.clock)
        async with self.database.sessions() as session:
            return [tuple(row) for row in await session.execute(rows)]

    async def waiting(self) -> int:
        uncounted = select(func.count()).select_from(TicketEvent).where(~TicketEvent.counted)
        async with self.database.sessions() as session:
            return await session.scalar(uncounted) or 0


@pytest.fixture
async def desk(own: Database) -> Desk:
    """With nothing on it."""
    await run(own, "TRUNCATE orderops.ticket_events, orderops.ticket_outlooks, orderops.sla_board")
    return Desk(own)


class TestClocks:
    async def test_they_are_counted_by_priority_and_clock_the_most_urgent_first(self, desk: Desk) -> None:
        await desk.ticket()
        await desk.ticket("2026-06-01 10:00 we_replied")
        await desk.ticket("2026-06-01 10:00 we_replied", "2026-06-01 10:30 waiting_for_customer")
        await desk.ticket(targets=HIGH)
        told = await desk.drawn("2026-06-01 12:30")
        assert next(iter(told)) == (Priority.HIGH, ClockName.FIRST_RESPONSE)
        assert told[Priority.HIGH, ClockName.FIRST_RESPONSE].stands == {Stand.BREACHED: 1}
        assert told[Priority.NORMAL, ClockName.FIRST_RESPONSE].stands == {Stand.AT_RISK: 1, Stand.MET: 2}
        assert told[Priority.NORMAL, ClockName.RESOLUTION].stands == {Stand.IN_TIME: 2, Stand.PAUSED: 1}

    async def test_times_are_those_of_clocks_that_ended_late_or_not(self, desk: Desk) -> None:
        await desk.ticket()
        for when in ("2026-06-01 10:00", "2026-06-01 11:00", "2026-06-02 10:00"):
            await desk.ticket(f"{when} we_replied")
        first, update, resolution = (await desk.drawn("2026-06-03 12:00")).values()
        assert (first.median, first.total) == (hours(2), 4)
        assert first.nine_tenths is not None
        assert hours(7) < first.nine_tenths < hours(9)
        assert (update.median, resolution.median) == (None, None)

    async def test_without_tickets_there_are_none(self, desk: Desk) -> None:
        assert await desk.drawn(OPENED) == {}

    @pytest.mark.parametrize(
        "moment",
        ["2026-06-01 09:30", "2026-06-01 12:30", "2026-06-01 13:00", "2026-06-02 09:30", "2026-06-05 12:00"],
    )
    async def test_what_was_counted_once_tells_how_it_is_later(self, desk: Desk, moment: str) -> None:
        """So that a ticket to which nothing happens is counted once."""
        for steps in ((), ("2026-06-01 09:10 we_replied",), ("2026-06-01 09:10 waiting_for_customer",)):
            number = await desk.ticket(*steps)
            await desk.counted("2026-06-01 09:15")
            told = await desk.drawn(moment)
            now = {(each.priority, each.clock): {each.stand: 1} for each in outlooks_of(stands(moment, *steps))}
            assert {key: each.stands for key, each in told.items()} == now
            await desk.tell(number, "end", f"{moment} closed")


class TestKeeping:
    async def test_before_the_first_time_there_is_a_board_without_figures(self, desk: Desk) -> None:
        async with desk.database.sessions() as session:
            found = await sla_board.shown(session)
        assert (found.clocks, found.automation) == ([], None)
        assert {each.total for each in found.answered} == {0}

    async def test_closed_and_erased_tickets_leave_it(self, desk: Desk) -> None:
        closed, erased, kept = [await desk.ticket() for _ in range(3)]
        await desk.counted()
        await desk.tell(closed, "closed", "2026-06-02 09:00 closed")
        async with desk.database.transaction() as session:
            await erase(session, [erased])
        await desk.tell(erased, "late", "2026-06-02 09:00 we_replied")
        await desk.counted()
        assert {row[0] for row in await desk.outlooks()} == {kept}

    async def test_erased_while_it_is_counted_a_ticket_leaves_it_all_the_same(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number, loop = await desk.ticket(), asyncio.get_running_loop()
        seen = SlaBoard._seen  # in a thread, between reading and writing

        async def erased() -> None:
            async with desk.database.transaction() as session:
                await erase(session, [number])

        def meanwhile(board: SlaBoard, *told: Any) -> Any:
            erasing.append(asyncio.run_coroutine_threadsafe(erased(), loop))
            time.sleep(0.5)
            return seen(board, *told)

        erasing: list[Any] = []
        with monkeypatch.context() as during:
            during.setattr(SlaBoard, "_seen", meanwhile)
            await desk.board.count()
        await asyncio.gather(*map(asyncio.wrap_future, erasing))
        await desk.counted()
        assert await desk.outlooks() == []

    async def test_whatever_happens_in_between_it_is_as_if_counted_at_the_end(self, desk: Desk) -> None:
        chance, other = random.Random(7), SlaBoard(desk.database, SHOP)
        numbers = [await desk.ticket(targets=chance.choice(list(TARGETS.values()))) for _ in range(12)]
        happenings = ["we_replied", "customer_wrote", "waiting_for_customer", "solved", "reopened", "high", "low"]
        for key in range(60):
            step = f"2026-06-{chance.randint(1, 9):02} 1{chance.randint(0, 9)}:00 {chance.choice(happenings)}"
            telling = desk.tell(chance.choice(numbers), str(key), step)
            await asyncio.gather(telling, *(each.count() for each in (desk.board, other) if chance.random() < 0.7))
        await desk.counted()
        kept = await desk.outlooks()
        await run(desk.database, "UPDATE orderops.ticket_events SET counted = false")
        await desk.counted()
        assert kept == await desk.outlooks()
        assert len(kept) == len(numbers) * len(ClockName)

    async def test_other_hours_count_everything_anew(self, desk: Desk) -> None:
        await desk.ticket("2026-06-02 10:00 we_replied")
        before = await desk.drawn("2026-06-03 12:00")
        desk.board = SlaBoard(desk.database, ALWAYS)
        after = await desk.drawn("2026-06-03 12:00")
        key = Priority.NORMAL, ClockName.FIRST_RESPONSE
        assert (before[key].median, after[key].median) == (hours(9), hours(25))
        assert await desk.waiting() == 0

    async def test_ended_in_the_middle_the_next_one_counts_it(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = await desk.ticket()

        def killed(*_: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as during:
            during.setattr(SlaBoard, "_seen", killed)
            with pytest.raises(asyncio.CancelledError):
                await desk.board.count()
        assert await desk.waiting() == 1
        await desk.counted()
        assert {row[0] for row in await desk.outlooks()} == {number}

    async def test_more_than_a_batch_is_counted_by_and_by(self, desk: Desk) -> None:
        desk.board = SlaBoard(desk.database, SHOP, batch=2)
        number = await desk.ticket(*[f"2026-06-01 1{hour}:00 we_replied" for hour in range(5)])
        counted = [await desk.board.count() for _ in range(4)]
        assert (counted, {row[0] for row in await desk.outlooks()}) == ([2, 2, 2, 0], {number})


class TestLive:
    async def test_pages_are_told_when_figures_are_others(self, desk: Desk) -> None:
        changes = Changes(desk.database)
        await changes.require()
        with changes.watch(None) as page:
            assert [await desk.drawn(OPENED), await page.changed(5)] == [{}, True]
            assert [await desk.drawn(OPENED), await page.changed(0.3)] == [{}, False]
            await answered(desk.database, await desk.ticket())
            await desk.drawn(datetime.now(UTC).strftime("%Y-%m-%d %H:%M"))
            assert await page.changed(5)
        await changes.close()


def test_what_is_stored_is_what_was_drawn() -> None:
    """With every kind of value."""
    drawn = Figures(
        at=at(OPENED).astimezone(UTC),
        clocks=[ClockFigures(Priority.LOW, ClockName.UPDATE, {Stand.MET: 1}, hours(1.5), None)],
        answered=[],
        overrides=[],
    )
    stored = sla_board.FIGURES.dump_python(drawn, mode="json")
    assert sla_board.FIGURES.validate_python(stored) == drawn
