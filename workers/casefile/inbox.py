"""The inbox: what arrived from outside, once for ever, until the relay has published it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import InboxRow


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

    Idempotent by `dedupe_key`, for ever: a repetition counts a delivery and changes nothing else. Two at once
    wait for each other on the unique index.
    """
    stored = insert(InboxRow).values(
        source=arrival.source,
        process=arrival.process,
        message_name=arrival.message_name,
        correlation_key=arrival.correlation_key,
        message_id=arrival.dedupe_key,
        time_to_live_ms=arrival.time_to_live_ms,
        variables=arrival.variables,
        dedupe_key=arrival.dedupe_key,
        body_sha256=arrival.body_sha256,
        trace_id=arrival.trace_id,
    )
    counted = stored.on_conflict_do_update(
        index_elements=[InboxRow.dedupe_key], set_={"deliveries": InboxRow.deliveries + 1}
    ).returning(InboxRow.id, InboxRow.deliveries, InboxRow.body_sha256)
    row = (await session.execute(counted)).one()
    duplicate = row.deliveries > 1
    if not duplicate:
        await session.execute(select(func.pg_notify("inbox", text("''"))))
    return Receipt(row.id, duplicate, row.body_sha256 == arrival.body_sha256)
