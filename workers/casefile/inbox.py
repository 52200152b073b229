"""The inbox: what arrived from outside, once for ever, until the relay has published it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.db import DATABASE_AWAY, SCHEMA, Database
from workers.casefile.direct import Statement
from workers.casefile.models import Base, InboxRow
from workers.casefile.unmatched import MATCH_NEW

COUNTING_MS = 100
"""How long a repetition may wait to be counted: long for other deliveries, nothing for an engine that is away."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified message on its way to the engine."""

    source: str
    process: str
    message_name: str
    correlation_key: str
    time_to_live_ms: int
    variables: dict[str, Any]
    dedupe_key: str
    body_sha256: bytes
    trace_id: str
    matched: bool | None = None
    """False for what may be about nothing of ours, until an instance takes it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an arrival lies. `same_body` is False when the same thing was told before in other words."""

    inbox_id: int
    duplicate: bool
    same_body: bool


_INBOX = Base.metadata.tables[f"{SCHEMA}.inbox"]
_ADDED = (
    insert(_INBOX)
    .values({field.name: bindparam(field.name) for field in fields(Arrival)})
    .on_conflict_do_nothing()
    .returning(_INBOX.c.id)
    .cte("added")
)
_ADD = Statement(select(_ADDED.c.id))
_WAKE = Statement(select(func.pg_notify("inbox", text("''"))))


class Bell:
    """Wakes the relays when something was stored: once for all that came a moment ago.

    Not in the commit of what was stored: PostgreSQL commits transactions with notifications one after the other,
    and each of them waits for the disk. A ring that gets lost costs a second, until the relays look by themselves.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        """Waits for nothing."""
        self._again = True
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring(), name="bell")

    async def _ring(self) -> None:
        while self._again:
            self._again = False
            with suppress(*DATABASE_AWAY):
                await self._database.statement(_WAKE, {})


async def add(database: Database, arrival: Arrival) -> Receipt | None:
    """Store an arrival in one round trip, two when it may be unknown; None when its key is known already.

    Wakes nobody. Two at once wait for each other on the unique index.
    """
    receipt = _receipt(await database.statement(_ADD, _values(arrival)))
    if receipt is not None and arrival.matched is False:
        await database.statement(MATCH_NEW, {"inbox_id": receipt.inbox_id})
    return receipt


async def accept(session: AsyncSession, arrival: Arrival) -> Receipt:
    """Store an arrival in the caller's transaction and wake the relays, or count its repetition.

    Idempotent by `dedupe_key`, for ever.
    """
    if receipt := _receipt((await session.execute(_ADD.core, _values(arrival))).all()):
        await session.execute(_WAKE.core)
        if arrival.matched is False:
            await session.execute(MATCH_NEW.core, {"inbox_id": receipt.inbox_id})
        return receipt
    told = select(InboxRow.id, InboxRow.body_sha256).where(InboxRow.dedupe_key == arrival.dedupe_key)
    row = (await session.execute(told)).one()
    await _count(session, row.id)
    return Receipt(row.id, duplicate=True, same_body=row.body_sha256 == arrival.body_sha256)


async def accept_together(session: AsyncSession, arrivals: Sequence[Arrival]) -> Receipt:
    """The same of several that belong together; where the first of them lies."""
    receipts = [await accept(session, each) for each in arrivals]
    return receipts[0]


def _values(arrival: Arrival) -> dict[str, Any]:
    return {field.name: getattr(arrival, field.name) for field in fields(arrival)}


def _receipt(added: Sequence[Any]) -> Receipt | None:
    return Receipt(added[0].id, duplicate=False, same_body=True) if added else None


async def _count(session: AsyncSession, inbox_id: int) -> None:
    """Count a repetition, unless the relay is just publishing the row: an answer must not wait for the engine."""
    try:
        async with session.begin_nested():
            await session.execute(text(f"SET LOCAL lock_timeout = '{COUNTING_MS}ms'"))
            await session.execute(
                update(InboxRow).where(InboxRow.id == inbox_id).values(deliveries=InboxRow.deliveries + 1)
            )
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
