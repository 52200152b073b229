"""The inbox: what arrived from outside, once for ever, until the relay has published it."""

from dataclasses import dataclass, fields
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from workers.casefile.db import SCHEMA
from workers.casefile.models import Base, InboxRow

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
_ADD = select(_ADDED.c.id, func.pg_notify("inbox", text("''")))
"""Stores what is new and wakes the relays: one round trip."""


async def add(connection: AsyncConnection | AsyncSession, arrival: Arrival) -> Receipt | None:
    """Store an arrival, and wake the relays when it is committed; None when its key is known already.

    Two at once wait for each other on the unique index.
    """
    values = {field.name: getattr(arrival, field.name) for field in fields(arrival)}
    row = (await connection.execute(_ADD, values)).one_or_none()
    return None if row is None else Receipt(row.id, duplicate=False, same_body=True)


async def accept(session: AsyncSession, arrival: Arrival) -> Receipt:
    """Store an arrival in the caller's transaction, or count its repetition.

    Idempotent by `dedupe_key`, for ever.
    """
    if receipt := await add(session, arrival):
        return receipt
    told = select(InboxRow.id, InboxRow.body_sha256).where(InboxRow.dedupe_key == arrival.dedupe_key)
    row = (await session.execute(told)).one()
    await _count(session, row.id)
    return Receipt(row.id, duplicate=True, same_body=row.body_sha256 == arrival.body_sha256)


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
