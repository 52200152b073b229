"""The figures of the SLA clock, ready to be read: a page of them costs the same with ten tickets and with 100,000.

What the clocks of a ticket show changes when something happens to it, and with time in a way that is known before.
So each ticket to which something happened is counted once, a moment later, and the figures of all are drawn by one
statement. Any number may keep the board; one at a time does. A killed one leaves what it had not committed to the
next.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, BigInteger, Text, any_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import sla
from workers.casefile.business_hours import BusinessHours
from workers.casefile.db import Database
from workers.casefile.finding_models import SlaBoardRow, TicketEvent
from workers.casefile.projection.tables import Tables, given, table
from workers.casefile.records import CHANNEL
from workers.casefile.sla import Event, Happened
from workers.casefile.sla_clock import Rules
from workers.casefile.sla_figures import Figures, Outlook, figures, nothing_yet, outlooks_of
from workers.casefile.ticket_clocks import events_of
from workers.casefile.ticket_models import Ticket, TicketState

BATCH = 500
"""Events counted in one transaction: a tenth of a second."""
FIGURES = TypeAdapter(Figures)
_EVENTS, _OUTLOOKS = table("ticket_events"), table("ticket_outlooks")
_NEWS = (
    select(TicketEvent.number)
    .where(~TicketEvent.counted)
    .order_by(TicketEvent.number)
    .limit(bindparam("batch", type_=BigInteger()))
)
_COUNT = update(_EVENTS).where(_EVENTS.c.number.in_(_NEWS)).values(counted=True).returning(_EVENTS.c.ticket_id)
_tickets = any_(bindparam("tickets", type_=ARRAY(Text())))
_TOLD = (
    select(_EVENTS)
    .join(Ticket, Ticket.id == _EVENTS.c.ticket_id)
    .where(_EVENTS.c.ticket_id == _tickets, Ticket.state != TicketState.CLOSED)
    .order_by(_EVENTS.c.ticket_id)
)
_FORGET = delete(_OUTLOOKS).where(_OUTLOOKS.c.ticket_id == _tickets)
_seen = given(_OUTLOOKS, *_OUTLOOKS.c.keys())
_SEE = insert(_OUTLOOKS).from_select(_seen.c.keys(), select(*_seen.c))
_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtextextended("sla_board", 0)).label("ours"))
_BOARD = select(SlaBoardRow).where(SlaBoardRow.id == 1)
_SHOWN = select(_OUTLOOKS.c.ticket_id)
_LATEST = select(func.max(_EVENTS.c.number)).where(_EVENTS.c.ticket_id.in_(_SHOWN)).group_by(_EVENTS.c.ticket_id)
_ANEW = update(_EVENTS).where(_EVENTS.c.number.in_(_LATEST)).values(counted=False)
_TELL = select(func.pg_notify(CHANNEL, "sla"))


class SlaBoard:
    """Kept by the hours that support works."""

    def __init__(
        self, database: Database, hours: BusinessHours, rules: Rules | None = None, batch: int = BATCH
    ) -> None:
        self._database = database
        self.batch = batch
        self._hours = hours
        self._rules = rules or Rules()
        self._counted_by = f"{hours!r} {self._rules!r}"
        self._begun = False

    async def count(self, now: datetime | None = None) -> int:
        """Count tickets to which something happened; gives of how many events. There may be more when it is a
        whole batch; none when another one is at it."""
        await self._begin()
        async with self._database.direct() as connection, connection.transaction():
            tables = Tables(connection)
            [lock] = await tables.find(_LOCK, {})
            if not lock.ours:
                return 0
            news = await tables.find(_COUNT, {"batch": self.batch})
            if not news:
                return 0
            tickets = list({row.ticket_id for row in news})
            rows = await tables.find(_TOLD, {"tickets": tickets})
            told = {ticket_id: events_of(each) for ticket_id, each in groupby(rows, attrgetter("ticket_id"))}
            seen = await asyncio.to_thread(self._seen, told, now or datetime.now(UTC))
            await tables.find(_FORGET, {"tickets": tickets})
            await tables.put(_SEE, seen)
        return len(news)

    async def draw(self, now: datetime | None = None) -> Figures | None:
        """The figures of all that was counted, for everybody to read; pages are told when they are others. None
        when another one is at it."""
        await self._begin()
        moment = now or datetime.now(UTC)
        return await self._database.run(lambda session: _draw(session, moment))

    async def _begin(self) -> None:
        """Once: with other hours or rules than those that it was counted by, all is counted anew."""
        if self._begun:
            return
        new = upsert(SlaBoardRow).values(id=1, counted_by=self._counted_by)
        board = new.on_conflict_do_update(
            index_elements=[SlaBoardRow.id],
            set_={"counted_by": new.excluded.counted_by},
            where=SlaBoardRow.counted_by != new.excluded.counted_by,
        )

        async def work(session: AsyncSession) -> None:
            if await session.scalar(board.returning(SlaBoardRow.id)):
                await session.execute(_ANEW)

        await self._database.run(work)
        self._begun = True

    def _seen(self, told: Mapping[str, Sequence[Event]], now: datetime) -> list[dict[str, Any]]:
        """What the clocks show of tickets that are not closed."""
        standings = (
            (ticket_id, sla.standing(events, self._hours, now, self._rules))
            for ticket_id, events in told.items()
            if not any(event.what is Happened.CLOSED for event in events)
        )
        return [
            _row(ticket_id, outlook)
            for ticket_id, standing in standings
            if standing is not None
            for outlook in outlooks_of(standing)
        ]


def _row(ticket_id: str, outlook: Outlook) -> dict[str, Any]:
    return {
        "ticket_id": ticket_id,
        "clock": outlook.clock,
        "priority": outlook.priority,
        "stand": outlook.stand,
        "risky_from": outlook.risky_from,
        "due_at": outlook.due_at,
        "took": None if outlook.took is None else f"{outlook.took.total_seconds()} s",
    }


async def _draw(session: AsyncSession, now: datetime) -> Figures | None:
    if not await session.scalar(_LOCK):
        return None
    before, drawn = await shown(session), await figures(session, now)
    values = {"figures": FIGURES.dump_python(drawn, mode="json")}
    await session.execute(update(SlaBoardRow).where(SlaBoardRow.id == 1).values(values))
    if replace(before, at=now) != drawn:
        await session.execute(_TELL)
    return drawn


async def shown(session: AsyncSession) -> Figures:
    """The figures as they were drawn last; `at` says when."""
    board = await session.scalar(_BOARD)
    if board is None or board.figures is None:
        return nothing_yet(datetime.now(UTC))
    return FIGURES.validate_python(board.figures)
