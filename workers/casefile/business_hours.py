"""Arithmetic over business hours: when so much working time has passed, and how much passes between two moments.

A day's hours are what the clock on the wall shows. Each year is laid out once, as spans between moments in UTC,
each with the working time of the year until its end. Every question after that is a search in them, however far
apart the moments are.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = 24 * 60
"""Minutes."""
YEARS = range(1970, 2101)
"""Moments outside these are refused: they are mistakes, and would only cost time."""
NO_TIME = timedelta()


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from the first minute of the day until just before the second: 540 to 1050 is 9:00 to 17:30."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= DAY:
            raise ValueError("A span begins before it ends, between 00:00 and 24:00.")


Spans = tuple[Span, ...]
ALL_DAY: Spans = (Span(0, DAY),)
ALWAYS: tuple[Spans, ...] = (ALL_DAY,) * 7


@dataclass(frozen=True)
class BusinessHours:
    """When we work. Moments come with any time zone and leave in UTC; one without a time zone is refused."""

    zone: ZoneInfo
    week: tuple[Spans, ...]
    """From Monday to Sunday; no span for a day that is closed."""
    holidays: str = ""
    """A country, or a country and its region, whose public holidays are closed: DE, DE-BE."""
    days: Mapping[date, Spans] = field(default_factory=dict, hash=False)
    """Days with hours of their own, or without any, whatever weekday or holiday they are."""
    _years: dict[int, "_Year"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.week) != 7:
            raise ValueError("A week has seven days.")
        if not any(self.week):
            raise ValueError("At least one day of the week has to be open.")
        for spans in (*self.week, *self.days.values()):
            if any(later.opens < earlier.closes for earlier, later in pairwise(spans)):
                raise ValueError("The spans of a day follow one another and do not overlap.")
        region(self.holidays)

    def add(self, start: datetime, working_time: timedelta) -> datetime:
        """The first moment at which so much working time has passed since `start`."""
        if working_time < NO_TIME:
            raise ValueError("Working time is not negative.")
        if not working_time:
            return _utc(start)
        year = self._local_year(start)
        goal = self._year(year).until(start) + working_time
        while goal > (total := self._year(year).total):
            goal -= total
            year += 1
        return self._year(year).moment(goal)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from `start` to `end`; negative when `end` is the earlier one."""
        if _utc(end) < _utc(start):
            return -self.between(end, start)
        first, last = self._local_year(start), self._local_year(end)
        before = sum((self._year(year).total for year in range(first, last)), NO_TIME)
        return before + self._year(last).until(end) - self._year(first).until(start)

    def _local_year(self, moment: datetime) -> int:
        return _utc(moment).astimezone(self.zone).year

    def _year(self, year: int) -> "_Year":
        if year not in self._years:
            if year not in YEARS:
                raise ValueError(f"Business hours are known for the years {YEARS.start} to {YEARS.stop - 1}.")
            self._years[year] = _Year.of(self._laid_out(year))
        return self._years[year]

    def _laid_out(self, year: int) -> Iterator[tuple[datetime, datetime]]:
        """Each span of a year in UTC. One that the clock jumped over is none."""
        closed = public_holidays(self.holidays, year)
        first = date(year, 1, 1)
        for number in range((date(year + 1, 1, 1) - first).days):
            day = first + timedelta(days=number)
            for span in self.days.get(day, () if day in closed else self.week[day.weekday()]):
                opens, closes = (_first_at(day, minute, self.zone) for minute in (span.opens, span.closes))
                if opens < closes:
                    yield opens, closes


@dataclass(frozen=True, slots=True)
class _Year:
    """The spans of one year, in their order."""

    opens: Sequence[datetime]
    closes: Sequence[datetime]
    through: Sequence[timedelta]
    """Working time of the year when each of them is over."""
    total: timedelta

    @classmethod
    def of(cls, spans: Iterable[tuple[datetime, datetime]]) -> "_Year":
        opens, closes, through, total = [], [], [], NO_TIME
        for start, end in spans:
            total += end - start
            opens.append(start)
            closes.append(end)
            through.append(total)
        return cls(opens, closes, through, total)

    def until(self, moment: datetime) -> timedelta:
        """Working time from the year's beginning to this moment of it."""
        index = bisect_right(self.opens, moment) - 1
        return NO_TIME if index < 0 else self.through[index] - max(self.closes[index] - _utc(moment), NO_TIME)

    def moment(self, worked: timedelta) -> datetime:
        """The first moment of the year before which so much of its working time lies."""
        index = bisect_left(self.through, worked)
        return self.closes[index] - (self.through[index] - worked)


def region(code: str) -> tuple[str, str | None]:
    """Country and region as the library calls them. Raises ValueError for one that it does not know."""
    if not code:
        return "", None
    from holidays import country_holidays  # noqa: PLC0415  # only who has holidays waits for it to load

    country, _, part = code.upper().partition("-")
    try:
        known = country_holidays(country if len(country) == 2 else "").subdivisions
    except NotImplementedError:
        raise ValueError(
            "has to be a country of two letters, such as DE, or one with its region, such as DE-BE"
        ) from None
    parts = {each.upper(): each for each in known}
    if part and part not in parts:
        raise ValueError(
            f"has to name a region of this country that the library knows: {', '.join(parts) or 'none'}"
        )
    return country, parts.get(part)


@lru_cache(maxsize=256)
def public_holidays(code: str, year: int) -> frozenset[date]:
    """The days of a year that are public holidays there; none for an empty code."""
    if not code:
        return frozenset()
    from holidays import country_holidays  # noqa: PLC0415

    country, part = region(code)
    return frozenset(country_holidays(country, subdiv=part, years=year))


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    return moment.astimezone(UTC)


def _first_at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The first moment at which the clock on the wall there shows this minute of this day, or a later one.

    Of an hour that comes twice that is the first; in an hour that is left out, the moment of the change.
    """
    shown = datetime.combine(day, time(), zone) + timedelta(minutes=minute)
    before, after = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before
    seconds = int((before - after).total_seconds())
    wall = shown.replace(tzinfo=None)
    steps = range(seconds + 1)
    late = bisect_left(
        steps, wall, key=lambda step: (after + timedelta(seconds=step)).astimezone(zone).replace(tzinfo=None)
    )
    return after + timedelta(seconds=late)
