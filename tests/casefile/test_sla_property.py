"""Whatever happens to a ticket, in whatever order it is told: what the clocks promise holds."""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.casefile.business_hours import BusinessHours, Span
from workers.casefile.sla import Event, Happened, Priority, Standing, Targets, standing
from workers.casefile.sla_clock import Reading, State

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = BusinessHours(BERLIN, (*[(Span(9 * 60, 17 * 60),)] * 5, (Span(10 * 60, 14 * 60),), ()), "DE")
BEGIN = datetime(2026, 10, 22, 15, tzinfo=BERLIN)
"""A Thursday; clocks change on Sunday."""
MINUTE = timedelta(minutes=1)

targets = st.builds(
    lambda priority, minutes: Targets(priority, *(each * MINUTE for each in sorted(minutes))),
    st.sampled_from(Priority),
    st.tuples(*[st.integers(1, 60 * 40)] * 3),
)
after_opening = st.sampled_from(sorted(set(Happened) - {Happened.OPENED}))


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """An opening and what came of it, in the order of time."""
    events = [Event(0, BEGIN, Happened.OPENED, draw(targets))]
    for number, (minutes, what) in enumerate(
        draw(st.lists(st.tuples(st.integers(0, 60 * 48), after_opening), max_size=8)), start=1
    ):
        told = draw(targets) if what is Happened.PRIORITY_CHANGED else None
        events.append(Event(number, events[-1].at + minutes * MINUTE, what, told))
    return events


def stands(events: list[Event], now: datetime | None = None) -> Standing:
    found = standing(events, SHOP, now or max(each.at for each in events))
    assert found
    return found


def readings(found: Standing) -> tuple[Reading, ...]:
    return found.first_response, found.update, found.resolution


def at_once(events: list[Event], what: Happened, told: Targets | None = None) -> list[Event]:
    return [*events, Event(len(events), events[-1].at, what, told)]


@settings(deadline=None)
@given(events=stories(), seed=st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(events: list[Event], seed: random.Random) -> None:
    told = [*events, *seed.choices(events, k=3)]
    seed.shuffle(told)
    assert stands(told) == stands(events)


@settings(deadline=None)
@given(events=stories(), told=targets)
def test_a_change_of_priority_breaches_nothing_at_once(events: list[Event], told: Targets) -> None:
    for before, after in zip(
        readings(stands(events)), readings(stands(at_once(events, Happened.PRIORITY_CHANGED, told))), strict=True
    ):
        assert after.used == before.used
        assert after.breached_at == before.breached_at
        assert (after.state is State.BREACHED) <= (before.state is State.BREACHED)


@settings(deadline=None)
@given(events=stories())
def test_nothing_is_breached_by_reopening(events: list[Event]) -> None:
    reopened = stands(at_once(at_once(events, Happened.SOLVED), Happened.REOPENED))
    for reading in (reopened.update, reopened.resolution):
        assert reading.state is State.RUNNING
        assert reading.left > timedelta()


@settings(deadline=None)
@given(events=stories(), minutes=st.integers(0, 60 * 24 * 30))
def test_what_was_breached_stays_so_in_the_record(events: list[Event], minutes: int) -> None:
    now = events[-1].at + minutes * MINUTE
    for cut in range(1, len(events) + 1):
        for early, late in zip(readings(stands(events[:cut])), readings(stands(events, now)), strict=True):
            assert early.breached_at in {None, late.breached_at}


@settings(deadline=None)
@given(events=stories())
def test_a_clock_that_runs_is_breached_when_it_is_due_and_not_before(events: list[Event]) -> None:
    for name in ("first_response", "update", "resolution"):
        reading: Reading = getattr(stands(events), name)
        if reading.state is State.RUNNING and reading.due_at:
            then = getattr(stands(events, reading.due_at), name)
            assert (then.state, then.due_at, then.left) == (State.BREACHED, reading.due_at, timedelta())
            assert getattr(stands(events, reading.due_at - MINUTE / 60), name).state is State.RUNNING


@settings(deadline=None)
@given(events=stories())
def test_a_clock_is_at_risk_when_it_said_and_not_before(events: list[Event]) -> None:
    for name in ("first_response", "update", "resolution"):
        reading: Reading = getattr(stands(events), name)
        if reading.at_risk_from:
            assert getattr(stands(events, reading.at_risk_from), name).at_risk
            assert not getattr(stands(events, reading.at_risk_from - MINUTE / 60), name).at_risk


@settings(deadline=None)
@given(events=stories(), minutes=st.integers(0, 60 * 24 * 30))
def test_what_stands_still_is_not_due_and_uses_nothing(events: list[Event], minutes: int) -> None:
    still = stands(at_once(events, Happened.WAITING_FOR_CUSTOMER))
    later = stands(at_once(events, Happened.WAITING_FOR_CUSTOMER), events[-1].at + minutes * MINUTE)
    for before, after in ((still.update, later.update), (still.resolution, later.resolution)):
        assert before.due_at is None
        assert before == after
