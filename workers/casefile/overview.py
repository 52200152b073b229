"""How the business stands: what is open, at risk and failing, in figures that are read from small indexes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ARRAY, ColumnElement, Text, extract, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.backlog import UNSETTLED_FOR
from workers.casefile.lists import (
    UNSETTLED,
    CasesWanted,
    TasksWanted,
    Whose,
    count_cases,
    count_tasks,
    up_to,
)
from workers.casefile.models import Case, Effect, InboxRow

SOON = timedelta(hours=24)
"""A task that is due within this time is at risk."""
DAYS = 30
"""How many days the picture shows."""
LOOKED_AT = 500
"""Cases that say how long is usual: the last so many that ended."""
STATES = ["open", "incident", "done", "terminated"]
AT_LEAST = timedelta(hours=1)
"""No case is older than usual before."""


@dataclass(frozen=True, slots=True)
class Day:
    """Cases that were opened on a day, by the state they are in now."""

    day: date
    states: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts end at lists.COUNTED + 1."""

    open: int
    stuck: int
    slow: int
    slow_before: datetime | None
    """Open cases that were opened before this are older than 95 of 100 that ended became."""
    tasks: int
    mine: int
    unclaimed: int
    overdue: int
    due_soon: int
    now: datetime
    inbox: int
    inbox_since: datetime | None
    refused: int
    unsettled: int
    days: Sequence[Day]


async def overview(session: AsyncSession, name: str, groups: Sequence[str]) -> Overview:
    """The figures for somebody of this name and these groups."""
    now = datetime.now(UTC)
    slow_before = await _slow_before(session, now)
    slow = CasesWanted(state="open", opened_before=slow_before)
    overdue = TasksWanted(Whose.ALL, name, groups, due_before=now)
    due_soon = TasksWanted(Whose.ALL, name, groups, due_before=now + SOON)
    waiting = InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None)
    effects = select(Effect.key).where(Effect.state.in_(UNSETTLED), Effect.intended_at < now - UNSETTLED_FOR)
    late = await count_tasks(session, overdue)
    return Overview(
        open=await count_cases(session, CasesWanted(state="open")),
        stuck=await count_cases(session, CasesWanted(state="incident")),
        slow=await count_cases(session, slow) if slow_before else 0,
        slow_before=slow_before,
        tasks=await count_tasks(session, TasksWanted(Whose.ALL, name, groups)),
        mine=await count_tasks(session, TasksWanted(Whose.MINE, name, groups)),
        unclaimed=await count_tasks(session, TasksWanted(Whose.UNCLAIMED, name, groups)),
        overdue=late,
        due_soon=max(await count_tasks(session, due_soon) - late, 0),
        now=now,
        inbox=await up_to(session, select(InboxRow.id).where(*waiting)),
        inbox_since=await session.scalar(
            select(InboxRow.received_at).where(*waiting).order_by(InboxRow.id).limit(1)
        ),
        refused=await up_to(session, select(InboxRow.id).where(InboxRow.refused_at.is_not(None))),
        unsettled=await up_to(session, effects),
        days=await _days(session, now),
    )


async def _slow_before(session: AsyncSession, now: datetime) -> datetime | None:
    """None while too few cases ended to say what is usual."""
    took = extract("epoch", Case.closed_at - Case.opened_at).label("took")
    last = select(took).where(Case.closed_at.is_not(None)).order_by(Case.closed_at.desc(), Case.id.desc())
    ended = last.limit(LOOKED_AT).subquery()
    usual = func.percentile_cont(0.95).within_group(ended.c.took)
    seconds, count = (await session.execute(select(usual, func.count()).select_from(ended))).one()
    return now - max(timedelta(seconds=float(seconds)), AT_LEAST) if count >= 20 else None


async def _days(session: AsyncSession, now: datetime) -> list[Day]:
    """The last days, the oldest first, those without cases included.

    Each number is counted on a range of an index: with many cases a third of the time of grouping them.
    """
    first = (now - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    day = func.generate_series(first, now, timedelta(days=1)).table_valued("begins").render_derived()
    state = func.unnest(literal(STATES, ARRAY(Text))).table_valued("state").render_derived()
    begins: ColumnElement[datetime] = day.c.begins
    of_day = Case.opened_at >= begins, Case.opened_at < begins + timedelta(days=1)
    number = select(func.count()).where(Case.state == state.c.state, *of_day).scalar_subquery()
    days = {
        first.date() + timedelta(days=each): Day(first.date() + timedelta(days=each), {}) for each in range(DAYS)
    }
    counts = select(begins, state.c.state, number).select_from(day.join(state, true()))
    for begun, name, counted in await session.execute(counts):
        if counted:
            days[begun.astimezone(UTC).date()].states[name] = counted
    return list(days.values())
