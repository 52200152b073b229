"""The figures of the SLA clock, ready to be read: a page of them costs the same with ten tickets and with 100,000.

What the clocks of a ticket show changes when something happens to it, and with time in a way that is known before.
So each ticket to which something happened is counted once, a moment later, and the figures of all are drawn by one
statement. Any number may keep the board; one at a time does. A killed one leaves what it had not committed to the
next.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import sla
from workers.casefile.business_hours import BusinessHours
from workers.casefile.db import Database
from workers.casefile.finding_models import SlaBoardRow, TicketEvent, TicketOutlook
from workers.casefile.records import CHANNEL
from workers.casefile.sla import Event, Happened
from workers.casefile.sla_clock import Rules
from workers.casefile.sla_figures import Figures, figures, nothing_yet, outlooks_of
from workers.casefile.ticket_clocks import events_of
from workers.casefile.ticket_models import Ticket, TicketState

BATCH = 500
"""Events counted in one transaction: a tenth of a second."""
FIGURES = TypeAdapter(Figures)
_NEWS = (
    select(TicketEvent.number)
    .where(~TicketEvent.counted)
    .order_by(TicketEvent.number)
    .limit(bindparam("batch", type_=BigInteger()))
)
_COUNT = (
    update(TicketEvent)
    .where(TicketEvent.number.in_(_NEWS))
    .values(counted=True)
    .returning(TicketEvent.ticket_id)
    .execution_options(synchronize_session=False)
)
_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtextextended("sla_board", 0)))
_BOARD = select(SlaBoardRow).where(SlaBoardRow.id == 1)
_LATEST = select(func.max(TicketEvent.number)).group_by(TicketEvent.ticket_id)
_ANEW = (
    update(TicketEvent)
    .where(TicketEvent.number.in_(_LATEST))
    .values(counted=False)
    .execution_options(synchronize_session=False)
)
_TELL = select(func.pg_notify(CHANNEL, bindparam("what")))


class SlaBoard:
    """Kept by the hours that support works."""

    def __init__(
        self, database: Database, hours: BusinessHours, rules: Rules | None = None, batch: int = BATCH
    ) -> None:
        self._database = database
        self._batch = batch
        self._hours = hours
        self._rules = rules or Rules()
        self._counted_by = f"{hours!r} {self._rules!r}"

    async def count(self, now: datetime | None = None) -> int:
        """Count tickets to which something happened; how many. None are left when it is none, or another one is
        at it."""
        moment = now or datetime.now(UTC)
        return await self._database.run(lambda session: self._count(session, moment))

    async def draw(self, now: datetime | None = None) -> Figures | None:
        """The figures of all that was counted, for everybody to read; pages are told when they are others. None
        when another one is at it."""
        moment = now or datetime.now(UTC)
        return await self._database.run(lambda session: self._draw(session, moment))

    async def _count(self, session: AsyncSession, now: datetime) -> int:
        if not await session.scalar(_LOCK):
            return 0
        await self._begin(session)
        tickets = set(await session.scalars(_COUNT, {"batch": self._batch}))
        if tickets:
            told = await self._told(session, tickets)
            rows = await asyncio.to_thread(self._rows, told, now)
            await session.execute(delete(TicketOutlook).where(TicketOutlook.ticket_id.in_(tickets)))
            if rows:
                await session.execute(insert(TicketOutlook), rows)
        return len(tickets)

    async def _begin(self, session: AsyncSession) -> None:
        """Other hours or rules than those that it was counted by: everything is counted anew."""
        board = await session.scalar(_BOARD)
        if board is None or board.counted_by != self._counted_by:
            first = upsert(SlaBoardRow).values(id=1, counted_by=self._counted_by)
            await session.execute(
                first.on_conflict_do_update(
                    index_elements=[SlaBoardRow.id], set_={"counted_by": first.excluded.counted_by}
                )
            )
            await session.execute(_ANEW)

    @staticmethod
    async def _told(session: AsyncSession, tickets: Collection[str]) -> Mapping[str, Sequence[Event]]:
        """What happened to those that are not closed."""
        here = select(Ticket.id).where(Ticket.id.in_(tickets), Ticket.state != TicketState.CLOSED)
        rows = await session.scalars(
            select(TicketEvent).where(TicketEvent.ticket_id.in_(here)).order_by(TicketEvent.ticket_id)
        )
        return {ticket_id: events_of(each) for ticket_id, each in groupby(rows, attrgetter("ticket_id"))}

    def _rows(self, told: Mapping[str, Sequence[Event]], now: datetime) -> list[dict[str, object]]:
        standings = (
            (ticket_id, sla.standing(events, self._hours, now, self._rules))
            for ticket_id, events in told.items()
            if not any(event.what is Happened.CLOSED for event in events)
        )
        return [
            {
                "ticket_id": ticket_id,
                "clock": outlook.clock,
                "priority": outlook.priority,
                "stand": outlook.stand,
                "risky_from": outlook.risky_from,
                "due_at": outlook.due_at,
                "took": outlook.took,
            }
            for ticket_id, standing in standings
            if standing is not None
            for outlook in outlooks_of(standing)
        ]

    async def _draw(self, session: AsyncSession, now: datetime) -> Figures | None:
        if not await session.scalar(_LOCK):
            return None
        await self._begin(session)
        before, drawn = await shown(session), await figures(session, now)
        values = {"figures": FIGURES.dump_python(drawn, mode="json")}
        await session.execute(update(SlaBoardRow).where(SlaBoardRow.id == 1).values(values))
        if replace(before, at=now) != drawn:
            await session.execute(_TELL, {"what": "sla"})
        return drawn


async def shown(session: AsyncSession) -> Figures:
    """The figures as they were drawn last; `at` says when."""
    board = await session.scalar(_BOARD)
    if board is None or board.figures is None:
        return nothing_yet(datetime.now(UTC))
    return FIGURES.validate_python(board.figures)
