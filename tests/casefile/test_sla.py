"""How tickets stand to what was promised: pausing, priorities, reopening, holidays, daylight saving."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workers.casefile.business_hours import ALWAYS, BusinessHours, Span
from workers.casefile.sla import Event, Happened, Priority, Standing, Targets, standing
from workers.casefile.sla_clock import Reading, Rules, State

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = BusinessHours(BERLIN, (*[(Span(9 * 60, 17 * 60),)] * 5, (), ()), "DE-BE")
NORMAL = Targets(Priority.NORMAL, timedelta(hours=4), timedelta(hours=8), timedelta(hours=24))
HIGH = Targets(Priority.HIGH, timedelta(hours=1), timedelta(hours=2), timedelta(hours=8))
LOW = Targets(Priority.LOW, timedelta(hours=8), timedelta(hours=16), timedelta(hours=80))
OPENED = "2026-06-01 09:00"
"""A Monday, with no holiday near."""


def at(text: str) -> datetime:
    """What the clock on our wall shows."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def story(*steps: str, targets: Targets = NORMAL) -> list[Event]:
    """Events told as `2026-06-01 09:00 we_replied` or `2026-06-01 09:00 high`."""
    by_priority = {each.priority.value: each for each in (HIGH, NORMAL, LOW)}
    told = [(step[:16], step[17:]) for step in steps]
    return [
        Event(0, at(OPENED), Happened.OPENED, targets),
        *(
            Event(number, at(when), Happened.PRIORITY_CHANGED, by_priority[what])
            if what in by_priority
            else Event(number, at(when), Happened(what))
            for number, (when, what) in enumerate(told, start=1)
        ),
    ]


def stands(now: str, *steps: str, targets: Targets = NORMAL, rules: Rules | None = None) -> Standing:
    found = standing(story(*steps, targets=targets), SHOP, at(now), rules)
    assert found
    return found


def shown(reading: Reading) -> tuple[str, datetime | None]:
    return reading.state.value, reading.due_at


class TestFirstResponse:
    def test_it_counts_from_the_opening(self) -> None:
        reading = stands("2026-06-01 10:00").first_response
        assert shown(reading) == ("running", at("2026-06-01 13:00"))
        assert (reading.used, reading.left, reading.at_risk) == (hours(1), hours(3), False)

    def test_our_first_reply_ends_it(self) -> None:
        reading = stands(
            "2026-06-09 10:00", "2026-06-01 11:00 we_replied", "2026-06-05 11:00 we_replied"
        ).first_response
        assert shown(reading) == ("met", None)
        assert (reading.used, reading.breached_at) == (hours(2), None)

    def test_waiting_does_not_pause_it(self) -> None:
        reading = stands("2026-06-01 12:00", "2026-06-01 10:00 waiting_for_customer").first_response
        assert shown(reading) == ("running", at("2026-06-01 13:00"))

    def test_it_is_breached_at_the_moment_it_is_due(self) -> None:
        assert stands("2026-06-01 12:59").first_response.state is State.RUNNING
        reading = stands("2026-06-01 13:00").first_response
        assert shown(reading) == ("breached", at("2026-06-01 13:00"))
        assert (reading.breached_at, reading.left) == (at("2026-06-01 13:00"), hours(0))

    def test_a_late_reply_leaves_it_breached(self) -> None:
        reading = stands("2026-06-02 10:00", "2026-06-01 14:00 we_replied").first_response
        assert shown(reading) == ("breached", None)
        assert (reading.used, reading.breached_at) == (hours(5), at("2026-06-01 13:00"))

    def test_who_solves_without_a_reply_has_answered(self) -> None:
        assert stands("2026-06-09 10:00", "2026-06-01 10:00 solved").first_response.state is State.MET


class TestUpdate:
    def test_nothing_is_to_be_told_before_the_first_reply(self) -> None:
        assert shown(stands("2026-06-01 12:00", "2026-06-01 11:00 customer_wrote").update) == ("paused", None)

    def test_after_our_reply_the_next_is_due_while_it_is_our_turn(self) -> None:
        reading = stands("2026-06-01 12:00", "2026-06-01 11:00 we_replied").update
        assert shown(reading) == ("running", at("2026-06-02 11:00"))

    def test_each_reply_begins_the_next_turn(self) -> None:
        reading = stands("2026-06-02 12:00", "2026-06-01 11:00 we_replied", "2026-06-02 10:00 we_replied").update
        assert shown(reading) == ("running", at("2026-06-03 10:00"))
        assert reading.used == hours(2)

    def test_while_we_wait_nothing_is_due(self) -> None:
        steps = ("2026-06-01 11:00 we_replied", "2026-06-01 11:05 waiting_for_customer")
        assert shown(stands("2026-06-20 12:00", *steps).update) == ("paused", None)

    @pytest.mark.parametrize("what", ["customer_wrote", "customer_answered"])
    def test_the_customers_answer_begins_our_turn(self, what: str) -> None:
        steps = (
            "2026-06-01 11:00 we_replied",
            "2026-06-01 11:05 waiting_for_customer",
            f"2026-06-09 10:00 {what}",
        )
        assert shown(stands("2026-06-09 12:00", *steps).update) == ("running", at("2026-06-10 10:00"))

    def test_who_writes_again_is_not_due_later(self) -> None:
        steps = (
            "2026-06-01 11:00 we_replied",
            "2026-06-01 11:00 waiting_for_customer",
            "2026-06-02 10:00 customer_answered",
            "2026-06-02 16:00 customer_wrote",
        )
        assert stands("2026-06-02 16:30", *steps).update.due_at == at("2026-06-03 10:00")

    def test_waiting_without_a_reply_does_not_forget_what_was_asked(self) -> None:
        """The customer asked, and we made it their turn without a word: when they write, the old time goes on."""
        steps = (
            "2026-06-01 10:00 we_replied",
            "2026-06-01 11:00 customer_wrote",
            "2026-06-01 13:00 waiting_for_customer",
            "2026-06-02 09:00 customer_answered",
        )
        assert stands("2026-06-02 09:00", *steps).update.left == hours(5)

    def test_a_breach_stays_in_the_record(self) -> None:
        reading = stands("2026-06-03 09:00", "2026-06-01 10:00 we_replied", "2026-06-02 16:00 we_replied").update
        assert shown(reading) == ("running", at("2026-06-03 16:00"))
        assert reading.breached_at == at("2026-06-02 10:00")


class TestResolution:
    def test_it_stands_still_while_we_wait(self) -> None:
        steps = ("2026-06-01 11:00 we_replied", "2026-06-01 13:00 waiting_for_customer")
        reading = stands("2026-06-08 12:00", *steps).resolution
        assert shown(reading) == ("paused", None)
        assert (reading.used, reading.left) == (hours(4), hours(20))

    def test_it_goes_on_with_what_was_left(self) -> None:
        steps = ("2026-06-01 13:00 waiting_for_customer", "2026-06-08 15:00 customer_answered")
        reading = stands("2026-06-08 16:00", *steps).resolution
        assert shown(reading) == ("running", at("2026-06-11 11:00"))
        assert reading.used == hours(5)

    @pytest.mark.parametrize("what", ["solved", "closed"])
    def test_who_is_done_has_met_it(self, what: str) -> None:
        found = stands("2026-07-01 12:00", "2026-06-03 16:00 we_replied", f"2026-06-03 16:00 {what}")
        assert shown(found.resolution) == ("met", None)
        assert found.due_at is None

    def test_it_is_breached_while_nobody_does_anything(self) -> None:
        reading = stands("2026-06-04 10:00", "2026-06-01 10:00 we_replied").resolution
        assert shown(reading) == ("breached", at("2026-06-03 17:00"))
        assert (reading.used, reading.breached_at) == (hours(25), at("2026-06-03 17:00"))

    def test_solved_after_it_was_due_is_breached(self) -> None:
        """On the same evening, too: it was due at five."""
        assert stands("2026-06-04 10:00", "2026-06-03 18:00 solved").resolution.state is State.BREACHED

    def test_what_was_breached_and_waits_is_not_due(self) -> None:
        reading = stands("2026-06-20 10:00", "2026-06-04 10:00 waiting_for_customer").resolution
        assert shown(reading) == ("breached", None)

    def test_messages_after_the_solution_change_nothing(self) -> None:
        before = stands("2026-06-09 10:00", "2026-06-02 10:00 solved")
        after = ("customer_wrote", "we_replied", "waiting_for_customer", "customer_answered", "closed")
        assert (
            stands("2026-06-09 10:00", "2026-06-02 10:00 solved", *(f"2026-06-03 10:00 {each}" for each in after))
            == before
        )


class TestAtRisk:
    def test_it_is_when_a_quarter_is_left(self) -> None:
        assert [stands(f"2026-06-01 {now}").first_response.at_risk for now in ("11:59", "12:00", "13:00")] == [
            False,
            True,
            False,
        ]

    def test_when_it_will_be_is_told(self) -> None:
        assert stands("2026-06-01 10:00").first_response.at_risk_from == at("2026-06-01 12:00")
        assert stands("2026-06-01 12:00").first_response.at_risk_from is None

    def test_what_waits_is_not(self) -> None:
        reading = stands("2026-06-20 10:00", "2026-06-03 16:00 waiting_for_customer").resolution
        assert (reading.left, reading.at_risk, reading.at_risk_from) == (hours(1), False, None)


class TestPriority:
    def test_what_was_used_stays_used(self) -> None:
        reading = stands("2026-06-01 14:00", "2026-06-01 13:00 high").resolution
        assert shown(reading) == ("running", at("2026-06-01 17:00"))
        assert (reading.used, reading.left) == (hours(5), hours(3))

    def test_a_change_breaches_nothing_by_itself(self) -> None:
        """3 h used of 4 h; the new target is 1 h."""
        found = stands("2026-06-01 12:00", "2026-06-01 12:00 high")
        assert shown(found.first_response) == ("running", at("2026-06-01 12:30"))
        assert found.priority is Priority.HIGH
        reading = stands("2026-06-01 12:30", "2026-06-01 12:00 high").first_response
        assert (reading.state, reading.breached_at) == (State.BREACHED, at("2026-06-01 12:30"))

    def test_grace_is_working_time(self) -> None:
        reading = stands("2026-06-02 20:00", "2026-06-02 20:00 high").resolution
        assert shown(reading) == ("running", at("2026-06-03 09:30"))

    def test_grace_is_never_more_than_what_was_left(self) -> None:
        reading = stands("2026-06-01 12:50", "2026-06-01 12:50 high").first_response
        assert shown(reading) == ("running", at("2026-06-01 13:00"))

    def test_grace_is_never_more_than_the_new_target(self) -> None:
        rules = Rules(grace=hours(3))
        reading = stands("2026-06-01 11:30", "2026-06-01 11:30 high", rules=rules).first_response
        assert reading.left == hours(1)

    def test_there_and_back_gains_nothing(self) -> None:
        steps = (
            "2026-06-01 12:00 high",
            "2026-06-01 12:10 normal",
            "2026-06-01 12:20 high",
            "2026-06-01 12:20 normal",
        )
        reading = stands("2026-06-01 12:20", *steps).first_response
        assert shown(reading) == ("running", at("2026-06-01 13:00"))

    def test_the_same_once_more_changes_nothing(self) -> None:
        steps = ("2026-06-01 12:00 high", "2026-06-01 12:10 high")
        assert stands("2026-06-01 12:15", *steps).first_response.due_at == at("2026-06-01 12:30")

    def test_what_was_breached_has_time_again_and_stays_in_the_record(self) -> None:
        steps = ("2026-06-01 14:00 low",)
        reading = stands("2026-06-01 15:00", *steps).first_response
        assert shown(reading) == ("running", at("2026-06-01 17:00"))
        assert reading.breached_at == at("2026-06-01 13:00")
        assert (
            stands("2026-06-02 15:00", *steps, "2026-06-01 16:00 we_replied").first_response.state
            is State.BREACHED
        )

    def test_what_is_overdue_gets_no_grace(self) -> None:
        reading = stands("2026-06-01 15:00", "2026-06-01 14:00 high").first_response
        assert shown(reading) == ("breached", at("2026-06-01 13:00"))

    def test_while_it_waits_it_goes_on_waiting(self) -> None:
        steps = (
            "2026-06-01 13:00 waiting_for_customer",
            "2026-06-02 13:00 high",
            "2026-06-03 09:00 customer_answered",
        )
        reading = stands("2026-06-03 09:00", *steps).resolution
        assert shown(reading) == ("running", at("2026-06-03 13:00"))


class TestReopening:
    def test_it_goes_on_with_what_was_left(self) -> None:
        steps = ("2026-06-01 13:00 solved", "2026-06-08 09:00 reopened")
        reading = stands("2026-06-08 10:00", *steps).resolution
        assert shown(reading) == ("running", at("2026-06-10 13:00"))
        assert reading.used == hours(5)

    def test_half_of_the_target_is_left_at_least(self) -> None:
        """Solved an hour before it was due."""
        steps = ("2026-06-03 16:00 solved", "2026-06-08 09:00 reopened")
        reading = stands("2026-06-08 09:00", *steps).resolution
        assert shown(reading) == ("running", at("2026-06-09 13:00"))
        assert (reading.left, reading.used, reading.at_risk) == (hours(12), hours(23), False)

    def test_what_was_breached_runs_again_and_stays_in_the_record(self) -> None:
        steps = ("2026-06-05 09:00 solved", "2026-06-08 09:00 reopened")
        reading = stands("2026-06-08 09:00", *steps).resolution
        assert shown(reading) == ("running", at("2026-06-09 13:00"))
        assert reading.breached_at == at("2026-06-03 17:00")
        assert stands("2026-06-09 10:00", *steps, "2026-06-08 10:00 solved").resolution.state is State.BREACHED

    def test_of_the_priority_it_has_by_then(self) -> None:
        steps = ("2026-06-03 09:00 solved", "2026-06-04 09:00 high", "2026-06-08 09:00 reopened")
        found = stands("2026-06-08 09:00", *steps)
        assert (found.resolution.left, found.update.left) == (hours(4), hours(2))

    def test_we_owe_an_update_and_no_first_response(self) -> None:
        steps = ("2026-06-01 10:00 we_replied", "2026-06-01 13:00 solved", "2026-06-08 09:00 reopened")
        found = stands("2026-06-08 10:00", *steps)
        assert shown(found.update) == ("running", at("2026-06-08 17:00"))
        assert shown(found.first_response) == ("met", None)

    def test_what_is_open_cannot_be_reopened(self) -> None:
        plain = stands("2026-06-02 10:00")
        assert stands("2026-06-02 10:00", "2026-06-01 16:00 reopened") == plain


class TestTheCalendar:
    def test_holidays_are_no_working_time(self) -> None:
        """Opened on the eve of Good Friday 2026; Easter Monday is closed, too."""
        event = Event(1, at("2026-04-02 16:00"), Happened.OPENED, NORMAL)
        found = standing([event], SHOP, at("2026-04-06 12:00"))
        assert found
        assert found.first_response.due_at == at("2026-04-07 12:00")
        assert found.first_response.used == hours(1)

    @pytest.mark.parametrize(
        ("friday", "due"), [("2026-03-27", "2026-03-30 11:00"), ("2026-10-23", "2026-10-26 11:00")]
    )
    def test_changed_clocks_move_no_due_date(self, friday: str, due: str) -> None:
        found = standing([Event(1, at(f"{friday} 15:00"), Happened.OPENED, NORMAL)], SHOP, at(f"{friday} 15:00"))
        assert found
        assert found.due_at == at(due)
        assert found.due_at.tzinfo is UTC

    @pytest.mark.parametrize(("day", "used"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
    def test_who_is_always_open_works_as_long_as_the_day_is(self, day: date, used: int) -> None:
        start, end = at(f"{day} 00:00"), at(f"{day + timedelta(days=1)} 00:00")
        found = standing([Event(1, start, Happened.OPENED, LOW)], BusinessHours(BERLIN, ALWAYS), end)
        assert found
        assert found.resolution.used == hours(used)


class TestEvents:
    def test_a_ticket_that_was_not_opened_has_no_clocks(self) -> None:
        assert standing(story("2026-06-01 10:00 solved")[1:], SHOP, at(OPENED)) is None

    def test_the_first_opening_counts(self) -> None:
        again = Event(9, at("2026-06-02 09:00"), Happened.OPENED, HIGH)
        assert standing([*story(), again], SHOP, at("2026-06-02 09:00")) == stands("2026-06-02 09:00")

    def test_what_comes_from_before_the_opening_happened_at_it(self) -> None:
        """The clock of whoever told it is slow."""
        found = stands("2026-06-01 10:00", "2026-06-01 08:59 we_replied")
        assert found.first_response.state is State.MET
        assert found.update.due_at == at("2026-06-01 17:00")

    def test_what_comes_from_after_now_has_happened(self) -> None:
        found = stands("2026-06-01 10:00", "2026-06-01 10:01 we_replied")
        assert (found.first_response.state, found.first_response.used) == (State.MET, hours(61 / 60))

    def test_who_changes_the_priority_says_to_what(self) -> None:
        with pytest.raises(ValueError, match="Targets come with"):
            Event(1, at(OPENED), Happened.PRIORITY_CHANGED)
        with pytest.raises(ValueError, match="Targets come with"):
            Event(1, at(OPENED), Happened.SOLVED, HIGH)
        with pytest.raises(ValueError, match="time zone"):
            Event(1, datetime(2026, 6, 1), Happened.SOLVED)  # noqa: DTZ001

    def test_targets_are_more_than_none(self) -> None:
        with pytest.raises(ValueError, match="more than none"):
            Targets(Priority.LOW, hours(1), hours(0), hours(1))

    @pytest.mark.parametrize("rules", [{"grace": hours(0)}, {"reopened_share": 0}, {"risk_share": 1.5}])
    def test_rules_give_something(self, rules: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="above nothing"):
            Rules(**rules)  # type: ignore[arg-type]
