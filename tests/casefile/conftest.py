"""What tests of commands share."""

from collections.abc import Iterator

import pytest

from workers.runtime.settings import load_settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    """As an operator of this database has them."""
    for name, text in {"DATABASE_URL": database_url, "LINK_SECRET": "x", "RECORDS_PASSWORD": "x"}.items():
        monkeypatch.setenv(f"ORDEROPS_{name}", text)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()
