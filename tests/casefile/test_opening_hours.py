"""Business hours as they are written in settings."""

from datetime import date

import pytest

from workers.casefile.business_hours import ALWAYS, Span, Spans
from workers.casefile.opening_hours import business_hours, parse_days, parse_holidays, parse_week, parse_zone

OFFICE: Spans = (Span(540, 1050),)
SATURDAY: Spans = (Span(600, 840),)


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("mon-fri 09:00-17:30; sat 10:00-14:00", (*[OFFICE] * 5, SATURDAY, ())),
        (" MON-FRI  9:00-17:30 ;", (*[OFFICE] * 5, (), ())),
        ("sat-mon 09:00-17:30", (OFFICE, (), (), (), (), OFFICE, OFFICE)),
        ("wed 13:00-17:00 08:00-12:00", ((), (), (Span(480, 720), Span(780, 1020)), (), (), (), ())),
        ("mon 00:00-06:00 22:00-24:00", ((Span(0, 360), Span(1320, 1440)), *[()] * 6)),
        ("Always", ALWAYS),
        ("mon-sun 00:00-24:00", ALWAYS),
    ],
)
def test_weeks_are_read(text: str, week: tuple[Spans, ...]) -> None:
    assert parse_week(text) == week


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one weekday"),
        ("never", "weekdays called mon, tue"),
        ("mon-fri", "with its hours"),
        ("mon-fr 09:00-17:00", "weekdays called mon, tue"),
        ("mon 9-17", "has to be like"),
        ("mon 09:00-17:60", "has to be like"),
        ("mon 22:00-06:00", "a night is two spans"),
        ("mon 09:00-24:30", "from 00:00 to 24:00"),
        ("mon-fri 09:00-17:00; tue 10:00-11:00", "each weekday once"),
        ("mon 09:00-12:00 11:00-13:00", "do not overlap"),
        ("mon ٠٩:00-17:00", "has to be like"),
    ],
)
def test_weeks_that_cannot_be_read_say_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_week(text)


def test_days_are_read() -> None:
    assert parse_days("2026-12-24 09:00-12:00; 2026-12-31, 2027-01-02") == {
        date(2026, 12, 24): (Span(540, 720),),
        date(2026, 12, 31): (),
        date(2027, 1, 2): (),
    }
    assert parse_days(" ") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("24.12.2026", "days like"),
        ("2026-02-29", "in no calendar"),
        ("2026-12-24; 2026-12-24 09:00-12:00", "each day once"),
        ("2026-12-24 12:00", "days like"),
    ],
)
def test_days_that_cannot_be_read_say_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_days(text)


@pytest.mark.parametrize("text", ["", "Berlin", "Europe", "../UTC", "/etc/passwd", "Europe/Berlin\x00"])
def test_time_zones_have_names(text: str) -> None:
    with pytest.raises(ValueError, match="name of a time zone"):
        parse_zone(text)


def test_holidays_are_those_of_a_place_or_none() -> None:
    assert [parse_holidays(text) for text in ("", "none", " de-be ", "US")] == ["", "", "DE-BE", "US"]


def test_all_of_it_makes_business_hours() -> None:
    hours = business_hours("Europe/Berlin", "mon-fri 09:00-17:30", "DE", "2026-12-24")
    assert (str(hours.zone), hours.week[0], hours.holidays) == ("Europe/Berlin", OFFICE, "DE")
    assert hours.days == {date(2026, 12, 24): ()}
