"""How a ticket stands to what was promised: first response, updates, resolution.

Pure functions: the ticket's events, in whatever order they came and however often, lead to what each clock shows.

* First response counts from the opening, whatever happens, until our first reply, by a person or a program.
* Update counts after that, while it is our turn: from our last reply, or the message that gave us the turn again.
* Resolution counts from the opening, while it is our turn, until the ticket is solved; on after reopening.

It is our turn unless we wait for the customer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from workers.casefile.business_hours import NO_TIME, BusinessHours
from workers.casefile.sla_clock import Clock, Reading, Rules


class Priority(StrEnum):
    """Of a ticket."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Happened(StrEnum):
    """What the clocks have to know of a ticket."""

    OPENED = "opened"
    CUSTOMER_WROTE = "customer_wrote"
    WE_REPLIED = "we_replied"
    WAITING_FOR_CUSTOMER = "waiting_for_customer"
    CUSTOMER_ANSWERED = "customer_answered"
    PRIORITY_CHANGED = "priority_changed"
    SOLVED = "solved"
    REOPENED = "reopened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Targets:
    """Working time that a priority gives each clock."""

    priority: Priority
    first_response: timedelta
    update: timedelta
    resolution: timedelta

    def __post_init__(self) -> None:
        if min(self.first_response, self.update, self.resolution) <= NO_TIME:
            raise ValueError("A target is some working time, more than none.")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a ticket."""

    number: int
    """Of the event within its ticket: the same number is the same event."""
    at: datetime
    what: Happened
    targets: Targets | None = None
    """With `opened` and `priority_changed`."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        if (self.what in {Happened.OPENED, Happened.PRIORITY_CHANGED}) != (self.targets is not None):
            raise ValueError("Targets come with the opening and with a change of priority, and with nothing else.")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the clocks of a ticket show at one moment."""

    priority: Priority
    first_response: Reading
    update: Reading
    resolution: Reading

    @property
    def due_at(self) -> datetime | None:
        """What falls due first; None while everything stands still."""
        readings = (self.first_response, self.update, self.resolution)
        return min((each.due_at for each in readings if each.due_at), default=None)


def standing(
    events: Iterable[Event], hours: BusinessHours, now: datetime, rules: Rules | None = None
) -> Standing | None:
    """What the clocks show now; None for a ticket that was not opened.

    Clocks of different machines differ: what happened before the opening counts as at the opening, and what
    happened after `now` has happened by now.
    """
    rules = rules or Rules()
    ordered = sorted({each.number: each for each in events}.values(), key=lambda each: (each.at, each.number))
    opened = next(((each.at, each.targets) for each in ordered if each.what is Happened.OPENED), None)
    if opened is None or opened[1] is None:
        return None
    at = opened[0].astimezone(UTC)
    ticket = _Ticket.opened(opened[1]).counting(at)
    for event in ordered:
        at = max(at, event.at.astimezone(UTC))
        ticket = _after(ticket.forward(at, hours), event, rules).counting(at)
    ticket = ticket.forward(max(at, now.astimezone(UTC)), hours)
    clocks = (ticket.first_response, ticket.update, ticket.resolution)
    return Standing(ticket.targets.priority, *(each.read(hours, rules) for each in clocks))


@dataclass(frozen=True, slots=True)
class _Ticket:
    """As the events so far left it."""

    targets: Targets
    first_response: Clock
    update: Clock
    resolution: Clock
    waiting: bool = False
    solved: bool = False
    unanswered: bool = False
    """The customer wrote since our last reply."""

    @classmethod
    def opened(cls, targets: Targets) -> "_Ticket":
        of = Clock.of
        return cls(targets, of(targets.first_response), of(targets.update), of(targets.resolution))

    def forward(self, at: datetime, hours: BusinessHours) -> "_Ticket":
        return replace(
            self,
            first_response=self.first_response.forward(at, hours),
            update=self.update.forward(at, hours),
            resolution=self.resolution.forward(at, hours),
        )

    def counting(self, at: datetime) -> "_Ticket":
        """Which clocks count from now on."""
        our_turn = None if self.waiting or self.solved else at
        return replace(
            self,
            first_response=self.first_response.counting(at),
            update=self.update.counting(our_turn if self.first_response.ended else None),
            resolution=self.resolution.counting(our_turn),
        )

    def we_replied(self) -> "_Ticket":
        update = self.update.anew(self.targets.update)
        return replace(self, first_response=self.first_response.end(), update=update, unanswered=False)

    def customer_wrote(self) -> "_Ticket":
        """Ends the waiting. Whoever writes again is not due later for it."""
        turns = self.waiting and not self.unanswered
        update = self.update.anew(self.targets.update) if turns else self.update
        return replace(self, update=update, waiting=False, unanswered=True)

    def done(self) -> "_Ticket":
        return replace(
            self,
            first_response=self.first_response.end(),
            update=self.update.end(),
            resolution=self.resolution.end(),
            waiting=False,
            solved=True,
        )

    def reopened(self, rules: Rules) -> "_Ticket":
        update = self.update.anew(self.targets.update)
        resolution = self.resolution.reopen(self.targets.resolution, rules)
        return replace(self, update=update, resolution=resolution, solved=False, unanswered=True)

    def retargeted(self, targets: Targets, rules: Rules) -> "_Ticket":
        return replace(
            self,
            targets=targets,
            first_response=self.first_response.retarget(targets.first_response, rules),
            update=self.update.retarget(targets.update, rules),
            resolution=self.resolution.retarget(targets.resolution, rules),
        )


def _after(ticket: _Ticket, event: Event, rules: Rules) -> _Ticket:
    """Messages and waiting do not touch a ticket that is solved: it has to be reopened."""
    match event.what:
        case Happened.PRIORITY_CHANGED if event.targets:
            ticket = ticket.retargeted(event.targets, rules)
        case Happened.REOPENED if ticket.solved:
            ticket = ticket.reopened(rules)
        case Happened.SOLVED | Happened.CLOSED if not ticket.solved:
            ticket = ticket.done()
        case Happened.WE_REPLIED if not ticket.solved:
            ticket = ticket.we_replied()
        case Happened.CUSTOMER_WROTE | Happened.CUSTOMER_ANSWERED if not ticket.solved:
            ticket = ticket.customer_wrote()
        case Happened.WAITING_FOR_CUSTOMER if not ticket.solved:
            ticket = replace(ticket, waiting=True)
    return ticket
