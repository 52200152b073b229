"""Business hours by the clock: spans, weekends, holidays, daylight saving."""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workers.casefile.business_hours import ALL_DAY, ALWAYS, BusinessHours, Span, Spans, public_holidays

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: Spans = (Span(9 * 60, 17 * 60 + 30),)
SATURDAY: Spans = (Span(10 * 60, 14 * 60),)
WEEK = (*[OFFICE] * 5, SATURDAY, ())
SHOP = BusinessHours(BERLIN, WEEK)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """What the clock on the wall shows."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


class TestWithinAWeek:
    """2026-06-01 is a Monday."""

    @pytest.mark.parametrize(
        ("start", "worked", "moment"),
        [
            ("2026-06-01 09:00", 1, "2026-06-01 10:00"),
            ("2026-06-01 08:00", 1, "2026-06-01 10:00"),
            ("2026-06-01 17:00", 1, "2026-06-02 09:30"),
            ("2026-06-01 09:00", 8.5, "2026-06-01 17:30"),
            ("2026-06-01 17:30", 8.5, "2026-06-02 17:30"),
            ("2026-06-05 17:00", 1, "2026-06-06 10:30"),
            ("2026-06-06 13:00", 2, "2026-06-08 10:00"),
            ("2026-06-07 12:00", 0.5, "2026-06-08 09:30"),
            ("2026-06-01 00:00", 46.5, "2026-06-06 14:00"),
            ("2026-06-07 12:00", 0, "2026-06-07 12:00"),
        ],
    )
    def test_working_time_is_added(self, start: str, worked: float, moment: str) -> None:
        """The first moment at which so much has passed: a day that is used up ends in the evening."""
        assert SHOP.add(at(start), hours(worked)) == at(moment)

    @pytest.mark.parametrize(
        ("start", "end", "worked"),
        [
            ("2026-06-01 09:00", "2026-06-01 17:30", 8.5),
            ("2026-06-01 00:00", "2026-06-02 00:00", 8.5),
            ("2026-06-01 17:30", "2026-06-02 09:00", 0),
            ("2026-06-01 16:30", "2026-06-02 10:00", 2),
            ("2026-06-06 14:00", "2026-06-08 09:00", 0),
            ("2026-06-01 00:00", "2026-06-08 00:00", 46.5),
            ("2026-06-02 10:00", "2026-06-01 16:30", -2),
        ],
    )
    def test_working_time_between_is_told(self, start: str, end: str, worked: float) -> None:
        assert SHOP.between(at(start), at(end)) == hours(worked)

    def test_a_lunch_break_is_no_working_time(self) -> None:
        lunch = BusinessHours(BERLIN, ((Span(8 * 60, 12 * 60), Span(13 * 60, 17 * 60)),) * 7)
        assert lunch.add(at("2026-06-01 11:30"), hours(1)) == at("2026-06-01 13:30")
        assert lunch.between(at("2026-06-01 12:15"), at("2026-06-01 12:45")) == hours(0)

    def test_nights_are_two_spans_that_meet_at_midnight(self) -> None:
        night = BusinessHours(BERLIN, ((Span(0, 6 * 60), Span(22 * 60, 24 * 60)),) * 7)
        assert night.add(at("2026-06-01 22:00"), hours(8)) == at("2026-06-02 06:00")
        assert night.add(at("2026-12-31 23:00"), hours(2)) == at("2027-01-01 01:00")

    def test_moments_of_any_time_zone_leave_in_utc(self) -> None:
        asked = datetime(2026, 6, 1, 3, 0, tzinfo=ZoneInfo("America/New_York"))
        assert SHOP.add(asked, hours(1)).isoformat() == "2026-06-01T08:00:00+00:00"

    def test_always_is_plain_time(self) -> None:
        always = BusinessHours(BERLIN, ALWAYS)
        start = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)
        assert always.add(start, hours(1_000_000 / 60)) == start + hours(1_000_000 / 60)


class TestDaylightSaving:
    """2026 in Berlin: on March 29 two o'clock becomes three, on October 25 three becomes two."""

    @pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
    def test_a_day_has_as_many_hours_as_it_has(self, day: str, length: int) -> None:
        always = BusinessHours(BERLIN, ALWAYS)
        end = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        assert always.between(at(day), at(end)) == hours(length)

    @pytest.mark.parametrize(("day", "worked"), [("2026-03-29", 3), ("2026-10-25", 5)])
    def test_a_span_over_the_change_is_shorter_or_longer(self, day: str, worked: int) -> None:
        early = BusinessHours(BERLIN, ((Span(60, 5 * 60),),) * 7)
        assert early.between(at(day), at(f"{day} 12:00")) == hours(worked)
        assert early.add(at(day), hours(worked)) == at(f"{day} 05:00")

    def test_hours_on_the_wall_stay_the_same_over_the_change(self) -> None:
        assert SHOP.add(at("2026-03-27 17:00"), hours(5)) == at("2026-03-30 09:30")
        assert SHOP.add(at("2026-10-23 17:00"), hours(5)) == at("2026-10-26 09:30")

    def test_an_opening_time_that_is_left_out_is_the_moment_of_the_change(self) -> None:
        half = BusinessHours(BERLIN, ((Span(150, 5 * 60),),) * 7)
        assert half.between(at("2026-03-29"), at("2026-03-30")) == hours(2)
        assert half.add(at("2026-03-29"), timedelta(minutes=1)) == at("2026-03-29 03:01")

    def test_a_span_that_is_left_out_altogether_is_none(self) -> None:
        gone = BusinessHours(BERLIN, ((Span(125, 175),),) * 7)
        assert gone.between(at("2026-03-29"), at("2026-03-30")) == hours(0)
        assert gone.add(at("2026-03-29"), timedelta(minutes=1)) == at("2026-03-30 02:06")

    def test_an_opening_time_that_comes_twice_is_the_first(self) -> None:
        half = BusinessHours(BERLIN, ((Span(150, 5 * 60),),) * 7)
        assert half.between(at("2026-10-25"), at("2026-10-26")) == hours(3.5)

    def test_a_day_that_was_left_out_has_no_hours(self) -> None:
        """Samoa went from December 29 to 31 in 2011."""
        apia = ZoneInfo("Pacific/Apia")
        always = BusinessHours(apia, ALWAYS)
        assert always.between(at("2011-12-29", apia), at("2011-12-31", apia)) == hours(24)

    def test_midnight_may_be_left_out(self) -> None:
        """In São Paulo summer began at midnight, which became one o'clock."""
        paulo = ZoneInfo("America/Sao_Paulo")
        always = BusinessHours(paulo, ALWAYS)
        assert always.between(at("2018-11-03", paulo), at("2018-11-05", paulo)) == hours(47)


class TestDaysThatAreDifferent:
    def test_public_holidays_are_closed(self) -> None:
        germany = BusinessHours(BERLIN, WEEK, "DE")
        assert germany.add(at("2026-12-24 17:00"), hours(1)) == at("2026-12-28 09:30")
        assert germany.between(at("2026-05-01"), at("2026-05-02")) == hours(0)

    def test_those_of_a_region_too(self) -> None:
        """March 8, 2027, is a Monday; a holiday in Berlin."""
        for code, worked in [("DE", 8.5), ("DE-BE", 0), ("de-by", 8.5)]:
            region = BusinessHours(BERLIN, WEEK, code)
            assert region.between(at("2027-03-08"), at("2027-03-09")) == hours(worked), code

    def test_a_holiday_is_closed_as_long_as_the_day_is(self) -> None:
        """Where we are, not in UTC."""
        always = BusinessHours(BERLIN, ALWAYS, "DE")
        assert always.between(at("2026-04-30 23:00"), at("2026-05-02 01:00")) == hours(2)
        assert always.add(at("2026-04-30 23:00"), hours(1)) == at("2026-05-01 00:00")
        assert always.add(at("2026-05-01 08:00"), hours(1)) == at("2026-05-02 01:00")

    def test_days_can_have_hours_of_their_own_whatever_day_it_is(self) -> None:
        days: Mapping[date, Spans] = {
            date(2026, 12, 24): (Span(9 * 60, 12 * 60),),
            date(2026, 12, 28): (),
            date(2027, 1, 1): ALL_DAY,
        }
        own = BusinessHours(BERLIN, WEEK, "DE", days)
        assert own.between(at("2026-12-24"), at("2026-12-29")) == hours(3)
        assert own.between(at("2027-01-01"), at("2027-01-02")) == hours(24)

    def test_holidays_of_many_years_are_known(self) -> None:
        for year in (1991, 2026, 2050, 2100):
            assert date(year, 12, 25) in public_holidays("DE", year)


class TestRefused:
    @pytest.mark.parametrize(
        ("week", "words"),
        [
            (((),) * 7, "has to be open"),
            ((OFFICE,) * 5, "seven days"),
            (((Span(0, 100), Span(99, 200)),) * 7, "do not overlap"),
            (((Span(300, 400), Span(0, 100)),) * 7, "follow one another"),
        ],
    )
    def test_hours_that_make_no_sense(self, week: tuple[Spans, ...], words: str) -> None:
        with pytest.raises(ValueError, match=words):
            BusinessHours(BERLIN, week)

    @pytest.mark.parametrize(("opens", "closes"), [(0, 0), (600, 540), (-1, 10), (0, 1441)])
    def test_spans_that_are_none(self, opens: int, closes: int) -> None:
        with pytest.raises(ValueError, match="begins before it ends"):
            Span(opens, closes)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("Germany", "two letters"),
            ("XX", "two letters"),
            ("DE-XX", "BB, BE, BW"),
            ("SE-O", "knows: none"),
        ],
    )
    def test_places_that_nobody_knows(self, code: str, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            BusinessHours(BERLIN, WEEK, code)

    def test_moments_without_a_time_zone(self) -> None:
        naive = datetime(2026, 6, 1)  # noqa: DTZ001  # that is the point
        with pytest.raises(ValueError, match="needs a time zone"):
            SHOP.add(naive, hours(1))
        with pytest.raises(ValueError, match="needs a time zone"):
            SHOP.between(at("2026-06-01"), naive)

    def test_working_time_below_nothing(self) -> None:
        with pytest.raises(ValueError, match="not negative"):
            SHOP.add(at("2026-06-01"), hours(-1))

    def test_years_that_are_mistakes(self) -> None:
        """They would cost time only; and what never comes is not searched for ever."""
        with pytest.raises(ValueError, match="1970 to 2100"):
            SHOP.between(datetime(1, 1, 2, tzinfo=UTC), at("2026-06-01"))
        with pytest.raises(ValueError, match="1970 to 2100"):
            SHOP.add(at("2100-12-31"), hours(10_000))


def test_years_apart_are_as_quick_as_hours() -> None:
    start, end = at("2020-01-01"), at("2030-01-01")
    worked = SHOP.between(start, end)
    begun = time.process_time()
    for _ in range(100):
        assert SHOP.between(start, end) == worked
        assert SHOP.add(start, worked) == at("2029-12-31 17:30")
    assert (time.process_time() - begun) / 200 < 0.001
