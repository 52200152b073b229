"""Whatever the hours and wherever they are: adding and telling apart agree, and neither goes backwards."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.casefile.business_hours import DAY, BusinessHours, Span, Spans

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]
"""Changes of an hour, of half an hour, at midnight, and none."""


def _spans(edges: list[int]) -> Spans:
    """Of minutes in their order, two and two."""
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(Span(*pair) for pair in pairs)


def worked_in(week: tuple[Spans, ...]) -> int:
    return sum(span.closes - span.opens for spans in week for span in spans)


days = st.lists(st.integers(0, DAY), max_size=6, unique=True).map(sorted).map(_spans)
calendars = st.builds(
    BusinessHours,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    week=st.tuples(*[days] * 7).filter(lambda week: worked_in(week) >= 5 * 60),
    holidays=st.sampled_from(["", "DE-BE", "US"]),
    days=st.dictionaries(st.dates(date(2018, 1, 1), date(2019, 12, 31)), days, max_size=5),
)
moments = st.datetimes(datetime(2018, 1, 1), datetime(2019, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
near_changes = st.builds(
    lambda day, second: datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(seconds=second),
    st.sampled_from(["2018-03-25", "2018-10-28", "2018-11-04", "2019-03-10", "2019-04-07", "2018-12-31"]),
    st.integers(-DAY * 60, DAY * 60),
)
anywhen = moments | near_changes
working_times = st.timedeltas(timedelta(), timedelta(hours=30))


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, worked=working_times)
def test_between_is_what_was_added(hours: BusinessHours, start: datetime, worked: timedelta) -> None:
    assert hours.between(start, hours.add(start, worked)) == worked


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, end=anywhen)
def test_adding_what_lies_between_leads_to_the_end_or_to_where_work_stopped_before_it(
    hours: BusinessHours, start: datetime, end: datetime
) -> None:
    start, end = sorted((start, end))
    reached = hours.add(start, hours.between(start, end))
    assert start <= reached <= end
    assert hours.between(reached, end) == timedelta()


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, worked=working_times)
def test_nothing_earlier_would_have_been_enough(hours: BusinessHours, start: datetime, worked: timedelta) -> None:
    reached = hours.add(start, worked)
    assert reached == start or hours.between(start, reached - timedelta(microseconds=1)) < worked


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, first=working_times, second=working_times)
def test_adding_twice_is_adding_the_sum(
    hours: BusinessHours, start: datetime, first: timedelta, second: timedelta
) -> None:
    assert hours.add(hours.add(start, first), second) == hours.add(start, first + second)


@settings(max_examples=50, deadline=None)
@given(hours=calendars, three=st.tuples(anywhen, anywhen, anywhen))
def test_parts_sum_up_whatever_their_order(
    hours: BusinessHours, three: tuple[datetime, datetime, datetime]
) -> None:
    one, two, last = three
    assert hours.between(one, two) + hours.between(two, last) == hours.between(one, last)


@settings(max_examples=50, deadline=None)
@given(hours=calendars, moments=st.tuples(anywhen, anywhen), worked=st.tuples(working_times, working_times))
def test_later_or_longer_never_ends_earlier(
    hours: BusinessHours, moments: tuple[datetime, datetime], worked: tuple[timedelta, timedelta]
) -> None:
    early, late = sorted(moments)
    short, long = sorted(worked)
    assert hours.add(early, short) <= hours.add(late, long)


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, end=anywhen)
def test_no_more_is_worked_than_time_passes(hours: BusinessHours, start: datetime, end: datetime) -> None:
    start, end = sorted((start, end))
    assert timedelta() <= hours.between(start, end) <= end - start


@settings(max_examples=50, deadline=None)
@given(hours=calendars, start=anywhen, minutes=st.integers(0, 3 * DAY))
def test_it_is_the_minutes_that_the_wall_shows_as_open(
    hours: BusinessHours, start: datetime, minutes: int
) -> None:
    """Counted one by one, where no clock is changed on the way."""
    start = start.replace(second=0, microsecond=0)
    shown = [(start + timedelta(minutes=minute)).astimezone(hours.zone) for minute in range(minutes + 1)]
    if len({moment.utcoffset() for moment in shown}) > 1:
        return
    plain = BusinessHours(hours.zone, hours.week)
    assert plain.between(start, start + timedelta(minutes=minutes)) == timedelta(
        minutes=sum(_open(plain, moment) for moment in shown[:-1])
    )


def _open(hours: BusinessHours, moment: datetime) -> bool:
    minute = moment.hour * 60 + moment.minute
    return any(span.opens <= minute < span.closes for span in hours.week[moment.weekday()])
