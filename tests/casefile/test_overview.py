"""Figures of the start page."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.casefile.own_database import empty
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.casefile.overview import DAYS, last_days

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
async def test_days_are_those_of_utc_wherever_the_database_is(own: Database, zone: str) -> None:
    """Also where the clocks were changed among them, on 29 March in Berlin."""
    await empty(own)
    times = [datetime(2026, 3, day, hour, 30, tzinfo=UTC) for day in (28, 29, 30) for hour in (0, 23)]
    async with own.transaction() as session:
        session.add_all(Case(id=str(at), process="fulfillment", state="done", opened_at=at) for at in times)
    async with own.transaction() as session:
        await session.execute(text(f"SET LOCAL timezone = '{zone}'"))
        days = await last_days(session, NOW)
    assert [each.day for each in days] == [NOW.date() - timedelta(days=ago) for ago in reversed(range(DAYS))]
    counted = {each.day: each.total for each in days if each.total}
    assert counted == {date(2026, 3, day): 2 for day in (28, 29, 30)}
