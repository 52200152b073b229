"""What waits in the books: inbox rows for the engine, effects for their answer, jobs for a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, Float, cast, extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from workers.casefile.finding_models import SlaBoardRow
from workers.casefile.models import Effect, EffectState, InboxRow, TimelineEntry
from workers.casefile.record_models import RecordPosition, SetAside, WaitingJob
from workers.casefile.seal import UNSEALED

UNSETTLED_FOR = timedelta(minutes=1)
"""An effect that is intended or unknown for so long is not just under way."""
LONGEST_MS = 1_000
"""No look into the books may cost more than this."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Ages in seconds; 0 when nothing waits."""

    inbox_rows: int
    inbox_age: float
    unsettled: Mapping[str, int]
    """Effects older than a minute by state: intended, unknown."""
    unsettled_age: float
    waiting_jobs: Mapping[str, float]
    """Age of the oldest job that is not finished, by type."""
    unsealed_age: float
    """Of the oldest timeline entry without a seal."""
    set_aside: int
    """Records of the engine that nothing could be made of."""
    records_silent: Mapping[int, float]
    """Since the engine last sent records, by partition."""
    board_age: float
    """Since the figures of the SLA clock were drawn."""


async def backlog(session: AsyncSession) -> Backlog:
    """Count what waits; on partial indexes, so that it costs by what waits and not by what has ever been.

    In the caller's transaction: only there the limit holds.
    """
    await session.execute(text(f"SET LOCAL statement_timeout = '{LONGEST_MS}ms'"))
    waiting = InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None)
    oldest = select(_age(InboxRow.received_at)).where(*waiting).order_by(InboxRow.id).limit(1)
    rows = await session.scalar(select(func.count()).select_from(InboxRow).where(*waiting))
    age = await session.scalar(oldest)
    unsettled = (
        select(Effect.state, func.count(), func.max(_age(Effect.intended_at)))
        .where(
            Effect.state.in_([EffectState.INTENDED, EffectState.UNKNOWN]),
            Effect.intended_at < func.now() - UNSETTLED_FOR,
        )
        .group_by(Effect.state)
    )
    effects = (await session.execute(unsettled)).all()
    oldest_jobs = select(WaitingJob.type, func.max(_age(WaitingJob.created_at))).group_by(WaitingJob.type)
    jobs = (await session.execute(oldest_jobs)).all()
    unsealed = await session.scalar(select(func.max(_age(TimelineEntry.recorded_at))).where(UNSEALED))
    set_aside = await session.scalar(select(func.count()).select_from(SetAside))
    silent = (await session.execute(select(RecordPosition.partition, _age(RecordPosition.received_at)))).all()
    drawn_at = cast(SlaBoardRow.figures["at"].astext, DateTime(timezone=True))
    board = await session.scalar(select(_age(drawn_at)).select_from(SlaBoardRow))
    counts = {EffectState.INTENDED.value: 0, EffectState.UNKNOWN.value: 0}
    return Backlog(
        inbox_rows=rows or 0,
        inbox_age=max(age or 0.0, 0.0),
        unsettled=counts | {state: count for state, count, _ in effects},
        unsettled_age=max((age for *_, age in effects), default=0.0),
        waiting_jobs={job_type: max(age, 0.0) for job_type, age in jobs},
        unsealed_age=max(unsealed or 0.0, 0.0),
        set_aside=set_aside or 0,
        records_silent={partition: max(age, 0.0) for partition, age in silent},
        board_age=max(board or 0.0, 0.0),
    )


def _age(since: ColumnElement[datetime] | InstrumentedAttribute[datetime]) -> ColumnElement[float]:
    return cast(extract("epoch", func.now() - since), Float)
