"""Business hours as people write them in settings.

The hours of a week: `mon-fri 09:00-17:30; sat 10:00-14:00`, several spans a day as `mon 08:00-12:00 13:00-17:00`,
or `always`. Days that differ: `2026-12-24 09:00-12:00; 2026-12-31`, without hours closed. What is wrong raises
ValueError with a text that says what would be right, and not what was written.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workers.casefile.business_hours import ALWAYS, DAY, BusinessHours, Span, Spans, region

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_LIKE = 'has to be like "mon-fri 09:00-17:30; sat 10:00-14:00", or "always"'
DAYS_LIKE = 'has to be days like "2026-12-24; 2026-12-31 09:00-12:00", those without hours closed'
SPAN_LIKE = "hours go from earlier to later, from 00:00 to 24:00: a night is two spans, until 24:00 and from 00:00"


def business_hours(zone: str, week: str, holidays: str, days: str) -> BusinessHours:
    """Of these settings."""
    return BusinessHours(parse_zone(zone), parse_week(week), parse_holidays(holidays), parse_days(days))


def parse_zone(text: str) -> ZoneInfo:
    """A time zone by its name in the IANA database."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("has to be the name of a time zone, such as Europe/Berlin or UTC") from None


def parse_week(text: str) -> tuple[Spans, ...]:
    """From Monday to Sunday. A weekday that is not named is closed."""
    if text.strip().lower() == "always":
        return ALWAYS
    week: dict[str, Spans] = {}
    for part in _parts(text):
        names, *spans = part.lower().split()
        for name in _weekdays(names):
            if name in week or not spans:
                raise ValueError(f"{HOURS_LIKE}, each weekday once and with its hours")
            week[name] = _spans(spans, HOURS_LIKE)
    if not week:
        raise ValueError(f"{HOURS_LIKE}: at least one weekday has to be open")
    return tuple(week.get(name, ()) for name in WEEKDAYS)


def parse_holidays(text: str) -> str:
    """A country, or a country and its region; empty or `none` for no holidays."""
    code = text.strip().upper()
    code = "" if code == "NONE" else code
    region(code)
    return code


def parse_days(text: str) -> Mapping[date, Spans]:
    """Days with hours of their own, and closed ones."""
    days: dict[date, Spans] = {}
    for part in _parts(text):
        day, *spans = part.split()
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII):
            raise ValueError(DAYS_LIKE)
        try:
            when = date.fromisoformat(day)
        except ValueError:
            raise ValueError(f"{DAYS_LIKE}: one of them is in no calendar") from None
        if when in days:
            raise ValueError(f"{DAYS_LIKE}, each day once")
        days[when] = _spans(spans, DAYS_LIKE)
    return days


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in re.split("[;,]", text) if part.strip())


def _weekdays(names: str) -> Iterable[str]:
    """Of `mon` or `mon-fri`; they may go round the end of the week."""
    first, _, last = names.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise ValueError(f"{HOURS_LIKE}, with weekdays called {', '.join(WEEKDAYS)}")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return (WEEKDAYS[(start + step) % 7] for step in range((end - start) % 7 + 1))


def _spans(texts: Iterable[str], like: str) -> Spans:
    spans = sorted(_span(text, like) for text in texts)
    if any(later.opens < earlier.closes for earlier, later in pairwise(spans)):
        raise ValueError(f"{like}: the hours of a day do not overlap")
    return tuple(spans)


def _span(text: str, like: str) -> Span:
    found = re.fullmatch(r"(\d\d?):([0-5]\d)-(\d\d?):([0-5]\d)", text, re.ASCII)
    if not found:
        raise ValueError(like)
    opens, closes = (int(found[hour]) * 60 + int(found[hour + 1]) for hour in (1, 3))
    if not opens < closes <= DAY:
        raise ValueError(f"{like}: {SPAN_LIKE}")
    return Span(opens, closes)
