"""Bodies of what is said of the SLA clock."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from workers.casefile.sla import Priority
from workers.casefile.sla_figures import ClockFigures, ClockName, Figures, Stand


class ClockInfo(BaseModel):
    """One clock of all tickets of a priority that are not closed."""

    priority: Priority
    clock: ClockName
    stands: dict[Stand, int] = Field(examples=[{"met": 12, "in_time": 5, "breached": 1}])
    median_seconds: int | None = Field(description="Working time that half of those that ended took at most.")
    nine_tenths_seconds: int | None


class AnsweredInfo(BaseModel):
    """Tickets by the day of their last decision (UTC)."""

    day: date
    by_itself: int
    by_people: int


class OverrideInfo(BaseModel):
    """How often people saw something otherwise than the analysis, the draft or the gate."""

    what: str = Field(examples=["draft"], description="draft, decision, intent, safety or anger")
    changed: int
    of: int


class SlaInfo(BaseModel):
    """How support stands to what was promised."""

    at: datetime
    clocks: list[ClockInfo]
    answered: list[AnsweredInfo] = Field(description="Of the last 30 days, the oldest first.")
    automation: float | None = Field(description="Share of these tickets that nobody was asked about.")
    overrides: list[OverrideInfo]


def sla_info(figures: Figures) -> SlaInfo:
    """As programs read it."""
    return SlaInfo(
        at=figures.at,
        clocks=[_clock(each) for each in figures.clocks],
        answered=[
            AnsweredInfo(day=each.day, by_itself=each.by_itself, by_people=each.by_people)
            for each in figures.answered
        ],
        automation=figures.automation,
        overrides=[OverrideInfo(what=each.what, changed=each.changed, of=each.of) for each in figures.overrides],
    )


def _clock(figures: ClockFigures) -> ClockInfo:
    return ClockInfo(
        priority=figures.priority,
        clock=figures.clock,
        stands={stand: figures.stands.get(stand, 0) for stand in Stand},
        median_seconds=None if figures.median is None else int(figures.median.total_seconds()),
        nine_tenths_seconds=None if figures.nine_tenths is None else int(figures.nine_tenths.total_seconds()),
    )
