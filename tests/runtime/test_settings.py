"""Settings are read once, and what is wrong with them is said."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workers.runtime.errors import UserError
from workers.runtime.settings import Settings, load_settings

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """All that is required."""
    monkeypatch.setenv("ORDEROPS_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("ORDEROPS_LINK_SECRET", "links")
    monkeypatch.setenv("ORDEROPS_RECORDS_PASSWORD", "records")
    return monkeypatch


def loaded() -> Settings:
    """As a new process would."""
    return load_settings.__wrapped__()


class TestHoursOfTheSlaClock:
    def test_without_a_word_they_are_those_of_a_german_office(self, environment: pytest.MonkeyPatch) -> None:
        hours = loaded().business_hours()
        assert hours.add(datetime(2026, 12, 24, 17, tzinfo=BERLIN), timedelta(hours=1)) == datetime(
            2026, 12, 28, 9, 30, tzinfo=BERLIN
        )

    def test_all_of_them_can_be_set(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("ORDEROPS_SLA_TIME_ZONE", "America/New_York")
        environment.setenv("ORDEROPS_SLA_HOURS", "always")
        environment.setenv("ORDEROPS_SLA_HOLIDAYS", "")
        environment.setenv("ORDEROPS_SLA_CLOSED_DAYS", "2026-12-24")
        hours = loaded().business_hours()
        assert (str(hours.zone), hours.holidays) == ("America/New_York", "")
        assert hours.days == {date(2026, 12, 24): ()}

    @pytest.mark.parametrize(
        ("key", "wrong", "right"),
        [
            ("ORDEROPS_SLA_TIME_ZONE", "CEST/MEZ", "such as Europe/Berlin"),
            ("ORDEROPS_SLA_HOURS", "9to5", '"mon-fri 09:00-17:30; sat 10:00-14:00", or "always"'),
            ("ORDEROPS_SLA_HOLIDAYS", "Germany", "such as DE-BE"),
            ("ORDEROPS_SLA_CLOSED_DAYS", "24.12.", '"2026-12-24; 2026-12-31 09:00-12:00"'),
        ],
    )
    def test_what_is_wrong_names_the_key_and_what_would_be_right(
        self, environment: pytest.MonkeyPatch, key: str, wrong: str, right: str
    ) -> None:
        environment.setenv(key, wrong)
        with pytest.raises(UserError) as raised:
            loaded()
        assert f"{key} (" in str(raised.value)
        assert right in str(raised.value)
        assert wrong not in str(raised.value)


def test_what_is_missing_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("ORDEROPS_LINK_SECRET")
    environment.setenv("ORDEROPS_API_PORT", "no")
    with pytest.raises(UserError, match=r"wrong: ORDEROPS_API_PORT, ORDEROPS_LINK_SECRET\."):
        loaded()
