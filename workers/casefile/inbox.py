"""The inbox: what arrived from outside, once for ever, until the relay has published it."""

from dataclasses import dataclass
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import InboxRow

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


async def accept(session: AsyncSession, arrival: Arrival) -> Receipt:
    """Store an arrival in the caller's transaction, and wake the relays when it commits.

    Idempotent by `dedupe_key`, for ever: a repetition at most counts a delivery. Two at once wait for each other
    on the unique index.
    """
    stored = insert(InboxRow).values(
        source=arrival.source,
        process=arrival.process,
        message_name=arrival.message_name,
        correlation_key=arrival.correlation_key,
        time_to_live_ms=arrival.time_to_live_ms,
        variables=arrival.variables,
        dedupe_key=arrival.dedupe_key,
        body_sha256=arrival.body_sha256,
        trace_id=arrival.trace_id,
    )
    inbox_id = await session.scalar(stored.on_conflict_do_nothing().returning(InboxRow.id))
    if inbox_id is not None:
        await session.execute(select(func.pg_notify("inbox", text("''"))))
        return Receipt(inbox_id, duplicate=False, same_body=True)
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
