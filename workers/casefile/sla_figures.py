"""How support stands to what was promised, in figures: clocks, automation, what people changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, DateTime, and_, bindparam, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.finding_models import TicketAnalysis, TicketAnswer, TicketLabel, TicketOutlook
from workers.casefile.sla import Priority, Standing
from workers.casefile.sla_clock import Reading, State

DAYS = 30
"""How far back decisions and corrections are counted."""
AS_SAID = {"auto_reply": "send", "auto_refund": "refund", "escalate": "escalate"}
"""What is decided where people do as the gate said; `ask_human` says nothing."""
DECISIONS = ("draft", "decision")
LABELS = ("intent", "safety", "anger")


class Stand(StrEnum):
    """Of a clock against its target."""

    MET = "met"
    IN_TIME = "in_time"
    PAUSED = "paused"
    AT_RISK = "at_risk"
    BREACHED = "breached"


class ClockName(StrEnum):
    """The three clocks of a ticket."""

    FIRST_RESPONSE = "first_response"
    UPDATE = "update"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a clock of a ticket shows, and when it will show something else if nothing happens."""

    priority: Priority
    clock: ClockName
    stand: Stand
    risky_from: datetime | None
    """While it is in time."""
    due_at: datetime | None
    """While it runs."""
    took: timedelta | None
    """Working time, once it ended; None of updates."""


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """One clock of all tickets of a priority."""

    priority: Priority
    clock: ClockName
    stands: Mapping[Stand, int]
    median: timedelta | None
    """Working time that half of those that ended took at most; None while none ended, and of updates."""
    nine_tenths: timedelta | None

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.stands.values())


@dataclass(frozen=True, slots=True)
class Answered:
    """Tickets by the day of their last decision (UTC)."""

    day: date
    by_itself: int
    """Nobody was asked, from the first decision to the last."""
    by_people: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_itself + self.by_people


@dataclass(frozen=True, slots=True)
class Override:
    """How often people saw something otherwise."""

    what: str
    """draft, decision, or a label: intent, safety, anger."""
    changed: int
    of: int

    @property
    def share(self) -> float | None:
        """None where there was nothing to change."""
        return self.changed / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of tickets that are not closed, and of the last days' decisions."""

    at: datetime
    clocks: Sequence[ClockFigures]
    answered: Sequence[Answered]
    overrides: Sequence[Override]

    @property
    def automation(self) -> float | None:
        """The share of tickets that were answered without a person."""
        total = sum(day.total for day in self.answered)
        return sum(day.by_itself for day in self.answered) / total if total else None


def outlooks_of(standing: Standing) -> tuple[Outlook, ...]:
    """Of the three clocks of a ticket."""
    readings = ((name, getattr(standing, name)) for name in ClockName)
    return tuple(
        Outlook(
            standing.priority,
            name,
            stand_of(reading),
            reading.at_risk_from,
            reading.due_at,
            reading.used if reading.ended and name is not ClockName.UPDATE else None,
        )
        for name, reading in readings
    )


def stand_of(reading: Reading) -> Stand:
    """What a clock's reading comes to."""
    if reading.state is State.RUNNING:
        return Stand.AT_RISK if reading.at_risk else Stand.IN_TIME
    return Stand(reading.state.value)


def _number(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(*conditions)


_NOW = bindparam("now", type_=DateTime(timezone=True))
_RUNS = TicketOutlook.stand.in_([Stand.IN_TIME, Stand.AT_RISK])
_STANDS: ColumnElement[str] = case(
    (and_(_RUNS, TicketOutlook.due_at <= _NOW), Stand.BREACHED),
    (and_(_RUNS, TicketOutlook.risky_from <= _NOW), Stand.AT_RISK),
    else_=TicketOutlook.stand,
)
"""As it is by now, if nothing happened since the outlook."""
_CLOCKS = select(
    TicketOutlook.priority,
    TicketOutlook.clock,
    *(_number(_STANDS.in_([stand])).label(stand) for stand in Stand),
    func.percentile_cont([0.5, 0.9]).within_group(TicketOutlook.took).label("within"),
).group_by(TicketOutlook.priority, TicketOutlook.clock)


async def figures(session: AsyncSession, now: datetime) -> Figures:
    """All of them, as of then."""
    first = _first_day(now)
    return Figures(
        at=now,
        clocks=await clock_figures(session, now),
        answered=await _answered(session, first),
        overrides=[*await _decided(session, first), *await _labelled(session, first)],
    )


def nothing_yet(now: datetime) -> Figures:
    """Before anything was counted."""
    return Figures(
        at=now,
        clocks=[],
        answered=[Answered(day, 0, 0) for day in _days(_first_day(now))],
        overrides=[Override(what, 0, 0) for what in (*DECISIONS, *LABELS)],
    )


async def clock_figures(session: AsyncSession, now: datetime) -> list[ClockFigures]:
    """By priority and clock, the most urgent first; those that no ticket has are left out."""
    rows = {(row.priority, row.clock): row for row in await session.execute(_CLOCKS, {"now": now})}
    return [
        _clock(priority, name, rows[priority, name])
        for priority in Priority
        for name in ClockName
        if (priority, name) in rows
    ]


def _clock(priority: Priority, name: ClockName, row: Any) -> ClockFigures:
    stands = {stand: number for stand in Stand if (number := getattr(row, stand))}
    median, nine_tenths = row.within or (None, None)
    return ClockFigures(priority, name, stands, median, nine_tenths)


def _first_day(now: datetime) -> datetime:
    return (now.astimezone(UTC) - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(first: datetime) -> list[date]:
    return [first.date() + timedelta(days=each) for each in range(DAYS)]


async def _answered(session: AsyncSession, first: datetime) -> list[Answered]:
    """The last days, the oldest first, those without tickets included."""
    by_itself = func.bool_and(TicketAnswer.decided_by.startswith("process:")).label("by_itself")
    last = func.max(TicketAnswer.at).label("last")
    tickets = (
        select(TicketAnswer.ticket_id, last, by_itself)
        .where(TicketAnswer.at >= first)
        .group_by(TicketAnswer.ticket_id)
        .subquery()
    )
    day = func.date(func.timezone("UTC", tickets.c.last)).label("day")
    rows = await session.execute(select(day, tickets.c.by_itself, func.count()).group_by(day, tickets.c.by_itself))
    counted = {(begun, alone): number for begun, alone, number in rows}
    return [Answered(each, counted.get((each, True), 0), counted.get((each, False), 0)) for each in _days(first)]


async def _decided(session: AsyncSession, first: datetime) -> list[Override]:
    by_person = ~TicketAnswer.decided_by.startswith("process:")
    drafted = and_(TicketAnswer.draft != "", TicketAnswer.reply != "")
    said = tuple_(TicketAnswer.route, TicketAnswer.decision).in_(list(AS_SAID.items()))
    row = (
        await session.execute(
            select(
                _number(drafted, TicketAnswer.reply != TicketAnswer.draft),
                _number(drafted),
                _number(TicketAnswer.route.in_(AS_SAID), ~said),
                _number(TicketAnswer.route.in_(AS_SAID)),
            ).where(TicketAnswer.at >= first, by_person)
        )
    ).one()
    return [Override("draft", row[0], row[1]), Override("decision", row[2], row[3])]


async def _labelled(session: AsyncSession, first: datetime) -> list[Override]:
    """Of messages that people had before them: those of tickets that they decided about."""
    seen = select(TicketAnswer.ticket_id).where(
        TicketAnswer.at >= first, ~TicketAnswer.decided_by.startswith("process:")
    )
    looked_at = TicketAnalysis.at >= first, TicketAnalysis.ticket_id.in_(seen)
    total = await session.scalar(select(func.count()).select_from(TicketAnalysis).where(*looked_at))
    changed = await session.execute(
        select(TicketLabel.label, func.count()).where(TicketLabel.at >= first).group_by(TicketLabel.label)
    )
    numbers = {row[0]: row[1] for row in changed}
    return [Override(label, numbers.get(label, 0), max(total or 0, numbers.get(label, 0))) for label in LABELS]
