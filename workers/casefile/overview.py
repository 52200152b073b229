"""How the business stands: what is open, at risk and failing, in figures that are read from small indexes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, extract, func, literal, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.backlog import UNSETTLED_FOR
from workers.casefile.lists import (
    UNSETTLED,
    CasesWanted,
    TasksWanted,
    Whose,
    number_of,
    number_of_cases,
    number_of_tasks,
)
from workers.casefile.models import Case, Effect, InboxRow
from workers.casefile.unmatched import unmatched

SOON = timedelta(hours=24)
"""A task that is due within this time is at risk."""
DAYS = 30
"""How many days the picture shows."""
LOOKED_AT = 500
"""Cases that say how long is usual: the last so many that ended."""
STATES = ["open", "incident", "done", "terminated"]
_DAY: ColumnElement[timedelta] = literal_column("interval '24 hours'")
"""Added to a time, PostgreSQL's day is one of the session's time zone: of 23 hours now and then."""
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
    unmatched: int
    """Messages that no instance has taken, and that nothing of ours has the number of."""
    unsettled: int
    days: Sequence[Day]


async def overview(session: AsyncSession, name: str, groups: Sequence[str]) -> Overview:
    """The figures for somebody of this name and these groups."""
    now = datetime.now(UTC)
    slow_before = await _slow_before(session, now)
    figures = (await session.execute(_figures(now, slow_before, name, groups))).one()
    days = await last_days(session, now)
    return Overview(**figures._mapping, now=now, slow_before=slow_before, days=days)


def _figures(now: datetime, slow_before: datetime | None, name: str, groups: Sequence[str]) -> Select[Any]:
    """One statement for all of them: the way there and back costs more than what it finds."""
    slow = CasesWanted(state="open", opened_before=slow_before)
    overdue = number_of_tasks(TasksWanted(Whose.ALL, name, groups, due_before=now))
    due_soon = number_of_tasks(TasksWanted(Whose.ALL, name, groups, due_before=now + SOON))
    waiting = InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None)
    first = select(InboxRow.received_at).where(*waiting).order_by(InboxRow.id).limit(1)
    unsettled = select(Effect.key).where(Effect.state.in_(UNSETTLED), Effect.intended_at < now - UNSETTLED_FOR)
    return select(
        number_of_cases(CasesWanted(state="open")).label("open"),
        number_of_cases(CasesWanted(state="incident")).label("stuck"),
        (number_of_cases(slow) if slow_before else literal(0)).label("slow"),
        number_of_tasks(TasksWanted(Whose.ALL, name, groups)).label("tasks"),
        number_of_tasks(TasksWanted(Whose.MINE, name, groups)).label("mine"),
        number_of_tasks(TasksWanted(Whose.UNCLAIMED, name, groups)).label("unclaimed"),
        overdue.label("overdue"),
        func.greatest(due_soon - overdue, 0).label("due_soon"),
        number_of(select(InboxRow.id).where(*waiting)).label("inbox"),
        first.scalar_subquery().label("inbox_since"),
        number_of(select(InboxRow.id).where(InboxRow.refused_at.is_not(None))).label("refused"),
        number_of(select(InboxRow.id).where(unmatched())).label("unmatched"),
        number_of(unsettled).label("unsettled"),
    )


async def _slow_before(session: AsyncSession, now: datetime) -> datetime | None:
    """None while too few cases ended to say what is usual."""
    took = extract("epoch", Case.closed_at - Case.opened_at).label("took")
    last = select(took).where(Case.closed_at.is_not(None)).order_by(Case.closed_at.desc(), Case.id.desc())
    ended = last.limit(LOOKED_AT).subquery()
    usual = func.percentile_cont(0.95).within_group(ended.c.took)
    seconds, count = (await session.execute(select(usual, func.count()).select_from(ended))).one()
    return now - max(timedelta(seconds=float(seconds)), AT_LEAST) if count >= 20 else None


async def last_days(session: AsyncSession, now: datetime) -> list[Day]:
    """The last days of UTC, the oldest first, those without cases included.

    Each number is counted on a range of an index: with many cases a third of the time of grouping them.
    """
    first = (now - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    day = func.generate_series(first, now, _DAY).table_valued("begins").render_derived()
    state = func.unnest(literal(STATES, ARRAY(Text))).table_valued("state").render_derived()
    begins: ColumnElement[datetime] = day.c.begins
    of_day = Case.opened_at >= begins, Case.opened_at < begins + _DAY
    number = select(func.count()).where(Case.state == state.c.state, *of_day).scalar_subquery()
    days = {
        first.date() + timedelta(days=each): Day(first.date() + timedelta(days=each), {}) for each in range(DAYS)
    }
    counts = select(begins, state.c.state, number).select_from(day.join(state, true()))
    for begun, name, counted in await session.execute(counts):
        if counted:
            days[begun.astimezone(UTC).date()].states[name] = counted
    return list(days.values())
