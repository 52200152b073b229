import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from workers.adapters.mock_world import MockWorld
from workers.runtime.settings import load_settings


@pytest.fixture(scope="session")
async def world(database_url: str) -> AsyncIterator[MockWorld]:
    """The mocked outside world with no latency and callers that give up at once."""
    async with MockWorld(database_url, latency=timedelta(0), timeout=timedelta(milliseconds=20)) as world:
        yield world


@pytest.fixture
def unique() -> str:
    """An id that nobody else uses: tests share the books and keep apart by their ids."""
    return str(uuid.uuid4().int % 10**15)


@pytest.fixture
def stack_settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    """Commands find the session's PostgreSQL."""
    for name, text in {"DATABASE_URL": database_url, "LINK_SECRET": "x", "RECORDS_PASSWORD": "x"}.items():
        monkeypatch.setenv(f"ORDEROPS_{name}", text)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()
