"""The books of the SLA clock: what happened to tickets. What is due is told by casefile.sla, from these alone."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import sla
from workers.casefile.business_hours import BusinessHours
from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.finding_models import TicketEvent
from workers.casefile.sla import Event, Happened, Priority, Standing, Targets
from workers.casefile.sla_clock import Rules

_NOTED = ("ticket_id", "key", "what", "at", "priority", "first_response", "update", "resolution")
_NOTE = Statement(insert(TicketEvent).values({name: bindparam(name) for name in _NOTED}).on_conflict_do_nothing())
_EVENTS = Statement(select(TicketEvent.__table__).where(TicketEvent.ticket_id == bindparam("ticket_id")))


class TicketClocks:
    """The clocks of all tickets, by the hours that support works."""

    def __init__(self, database: Database, hours: BusinessHours, rules: Rules | None = None) -> None:
        self._database = database
        self._hours = hours
        self._rules = rules or Rules()

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
        return sla.standing(events_of(rows), self._hours, now or datetime.now(UTC), self._rules)

    async def standing_in(
        self, session: AsyncSession, ticket_id: str, now: datetime | None = None
    ) -> Standing | None:
        """What a ticket's clocks show, in the caller's transaction."""
        return await standing_of(session, ticket_id, self._hours, now, self._rules)


async def standing_of(
    session: AsyncSession,
    ticket_id: str,
    hours: BusinessHours,
    now: datetime | None = None,
    rules: Rules | None = None,
) -> Standing | None:
    """The same in the caller's transaction."""
    rows = await session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket_id))
    return sla.standing(events_of(rows), hours, now or datetime.now(UTC), rules)


def events_of(rows: Iterable[Any]) -> list[Event]:
    """Rows of ticket_events, as the clock reads them."""
    return [Event(row.number, row.at, Happened(row.what), _targets(row)) for row in rows]


def _targets(row: TicketEvent) -> Targets | None:
    if row.priority is None or row.first_response is None or row.update is None or row.resolution is None:
        return None
    return Targets(Priority(row.priority), row.first_response, row.update, row.resolution)
