"""One clock of a ticket: what was used of a target, when it falls due, whether it was breached.

It counts from a moment on or stands still, and is brought forward from event to event. At the moment it falls due
it is breached, not only after it: timers that wait for that moment find it so.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from workers.casefile.business_hours import NO_TIME, BusinessHours


class State(StrEnum):
    """What a clock tells."""

    RUNNING = "running"
    PAUSED = "paused"
    """It is not our turn, or there is nothing yet to count."""
    MET = "met"
    BREACHED = "breached"
    """Overdue, or ended after it once was."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a clock gives besides its target."""

    grace: timedelta = timedelta(minutes=30)
    """Left after a change of priority at least, but never more than before it, nor than the new target."""
    reopened_share: float = 0.5
    """What is left of the target after reopening at least."""
    risk_share: float = 0.25
    """A clock with no more than this left of its target is at risk."""

    def __post_init__(self) -> None:
        if self.grace <= NO_TIME or not 0 < self.reopened_share <= 1 or not 0 < self.risk_share <= 1:
            raise ValueError("Grace and shares are above nothing, and shares not above one.")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock shows at one moment. Times are UTC."""

    state: State
    due_at: datetime | None
    """None while it stands still. In the past while it is overdue."""
    used: timedelta
    """Working time in all; of the update clock, since its turn began."""
    left: timedelta
    at_risk: bool
    """It runs, and little is left."""
    at_risk_from: datetime | None
    """When that will be, if nothing happens; None unless it runs and is not at risk."""
    breached_at: datetime | None
    """When it was breached first, whatever came afterwards."""
    ended: bool
    """What it was for has happened."""


@dataclass(frozen=True, slots=True)
class Clock:
    """As it was at the last event."""

    target: timedelta
    allowed: timedelta
    """More than the target where a change of priority gave grace."""
    used: timedelta = NO_TIME
    spent: timedelta = NO_TIME
    """Of what is allowed; less than was used where reopening forgave some."""
    since: datetime | None = None
    """It counts from here."""
    overdue_at: datetime | None = None
    breached_at: datetime | None = None
    ended: bool = False

    @classmethod
    def of(cls, target: timedelta) -> "Clock":
        """One that has not counted yet."""
        return cls(target, target)

    @property
    def left(self) -> timedelta:
        """Working time until it is breached."""
        return max(self.allowed - self.spent, NO_TIME)

    def forward(self, at: datetime, hours: BusinessHours) -> "Clock":
        """With what it counted until now."""
        if self.since is None:
            return self
        passed = hours.between(self.since, at)
        overdue_at = self.overdue_at
        if overdue_at is None and passed >= self.left:
            overdue_at = hours.add(self.since, self.left)
        return replace(
            self,
            used=self.used + passed,
            spent=self.spent + passed,
            since=at,
            overdue_at=overdue_at,
            breached_at=self.breached_at or overdue_at,
        )

    def counting(self, at: datetime | None) -> "Clock":
        """Counts from then on; with None it stands still."""
        return replace(self, since=None if self.ended else at)

    def end(self) -> "Clock":
        """What it was for has happened."""
        return replace(self, ended=True, since=None)

    def anew(self, target: timedelta) -> "Clock":
        """For the next turn, from nothing. What was breached stays in the record."""
        return replace(Clock.of(target), breached_at=self.breached_at)

    def retarget(self, target: timedelta, rules: Rules) -> "Clock":
        """Another target for the same work: what was used stays used. The change alone breaches nothing."""
        if self.ended:
            return self
        allowed = max(target, self.spent + min(rules.grace, self.left, target))
        return replace(self, target=target, allowed=allowed)._due_later()

    def reopen(self, target: timedelta, rules: Rules) -> "Clock":
        """Runs again with what was left, at least with a share of the target."""
        spent = min(self.spent, target * (1 - rules.reopened_share))
        return replace(self, target=target, allowed=target, spent=spent, ended=False)._due_later()

    def read(self, hours: BusinessHours, rules: Rules) -> Reading:
        """What it shows at the moment it was brought forward to."""
        state, left, risk = self._state(), self.left, self.target * rules.risk_share
        running = self.since if state is State.RUNNING else None
        due_at = (self.overdue_at or hours.add(self.since, left)) if self.since else None
        at_risk_from = hours.add(running, left - risk) if running and left > risk else None
        at_risk = running is not None and left <= risk
        return Reading(state, due_at, self.used, left, at_risk, at_risk_from, self.breached_at, self.ended)

    def _state(self) -> State:
        if self.ended:
            return State.BREACHED if self.breached_at else State.MET
        if self.overdue_at:
            return State.BREACHED
        return State.RUNNING if self.since else State.PAUSED

    def _due_later(self) -> "Clock":
        return self if self.left <= NO_TIME else replace(self, overdue_at=None)
