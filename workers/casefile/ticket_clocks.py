"""The books of the SLA clock: what happened to tickets. What is due is told by casefile.sla, from these alone."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import sla
from workers.casefile.business_hours import BusinessHours
from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.finding_models import TicketEvent
from workers.casefile.sla import Event, Happened, Priority, Standing, Targets
from workers.casefile.sla_clock import Rules
from workers.casefile.sla_figures import Outlook, outlooks_of
from workers.casefile.ticket_models import Ticket, TicketState

AT_MOST = 5_000
"""Tickets whose clocks are read together."""
_NOTED = ("ticket_id", "key", "what", "at", "priority", "first_response", "update", "resolution")
_NOTE = Statement(insert(TicketEvent).values({name: bindparam(name) for name in _NOTED}).on_conflict_do_nothing())
_LOOKED_AT = (
    select(Ticket.id)
    .where(Ticket.state != TicketState.CLOSED)
    .order_by(Ticket.state != TicketState.OPEN, Ticket.opened_at.desc())
    .limit(AT_MOST)
)
_NEWEST = (
    select(TicketEvent.ticket_id, func.max(TicketEvent.number))
    .where(TicketEvent.ticket_id.in_(_LOOKED_AT))
    .group_by(TicketEvent.ticket_id)
)
_NEVER: tuple[int, tuple[Outlook, ...]] = (0, ())
_EVENTS = Statement(select(TicketEvent.__table__).where(TicketEvent.ticket_id == bindparam("ticket_id")))


class TicketClocks:
    """The clocks of all tickets, by the hours that support works."""

    def __init__(self, database: Database, hours: BusinessHours, rules: Rules | None = None) -> None:
        self._database = database
        self._hours = hours
        self._rules = rules or Rules()
        self._seen: Mapping[str, tuple[int, tuple[Outlook, ...]]] = {}
        """By ticket, as of its last event."""

    @property
    def time_zone(self) -> str:
        """By whose clock the hours are meant, as the IANA database names it."""
        return self._hours.zone.key

    async def note(
        self,
        ticket_id: str,
        key: str,
        what: Happened,
        *,
        targets: Targets | None = None,
        at: datetime | None = None,
    ) -> None:
        """Something happened, now if nothing else is said. Once by `key` within the ticket."""
        row = {
            "ticket_id": ticket_id,
            "key": key,
            "what": what.value,
            "at": at or datetime.now(UTC),
            "priority": targets.priority.value if targets else None,
            "first_response": targets.first_response if targets else None,
            "update": targets.update if targets else None,
            "resolution": targets.resolution if targets else None,
        }
        await self._database.statement(_NOTE, row)

    async def standing(self, ticket_id: str, now: datetime | None = None) -> Standing | None:
        """What a ticket's clocks show; None for one that was not looked at yet."""
        rows = await self._database.statement(_EVENTS, {"ticket_id": ticket_id})
        return sla.standing(_events(rows), self._hours, now or datetime.now(UTC), self._rules)

    async def standing_in(
        self, session: AsyncSession, ticket_id: str, now: datetime | None = None
    ) -> Standing | None:
        """What a ticket's clocks show, in the caller's transaction."""
        return await standing_of(session, ticket_id, self._hours, now, self._rules)

    async def outlooks_in(self, session: AsyncSession) -> Sequence[Outlook]:
        """What the clocks of all tickets show that are not closed, in the caller's transaction. Of very many
        AT_MOST: open ones first, then the newest.

        Those to which something happened since the last look are computed, in a thread: 0.1 s for a thousand.
        """
        newest, before = (await session.execute(_NEWEST)).all(), self._seen
        seen = {ticket: before[ticket] for ticket, number in newest if before.get(ticket, _NEVER)[0] == number}
        changed = {ticket: number for ticket, number in newest if ticket not in seen}
        told = select(TicketEvent).where(TicketEvent.ticket_id.in_(changed)).order_by(TicketEvent.ticket_id)
        rows = await session.scalars(told) if changed else ()
        events = {ticket_id: _events(each) for ticket_id, each in groupby(rows, attrgetter("ticket_id"))}
        fresh = await asyncio.to_thread(self._looked_at, events)
        self._seen = seen | {ticket: (changed[ticket], outlooks) for ticket, outlooks in fresh.items()}
        return [outlook for _, outlooks in self._seen.values() for outlook in outlooks]

    def _looked_at(self, events: Mapping[str, Sequence[Event]]) -> dict[str, tuple[Outlook, ...]]:
        now = datetime.now(UTC)
        shown = {ticket: sla.standing(told, self._hours, now, self._rules) for ticket, told in events.items()}
        return {ticket: outlooks_of(standing) if standing else () for ticket, standing in shown.items()}


async def standing_of(
    session: AsyncSession,
    ticket_id: str,
    hours: BusinessHours,
    now: datetime | None = None,
    rules: Rules | None = None,
) -> Standing | None:
    """The same in the caller's transaction."""
    rows = await session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket_id))
    return sla.standing(_events(rows), hours, now or datetime.now(UTC), rules)


def _events(rows: Iterable[Any]) -> list[Event]:
    return [Event(row.number, row.at, Happened(row.what), _targets(row)) for row in rows]


def _targets(row: TicketEvent) -> Targets | None:
    if row.priority is None or row.first_response is None or row.update is None or row.resolution is None:
        return None
    return Targets(Priority(row.priority), row.first_response, row.update, row.resolution)
