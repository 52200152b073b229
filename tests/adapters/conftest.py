import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from workers.adapters.mock_world import MockWorld


@pytest.fixture(scope="session")
async def world(database_url: str) -> AsyncIterator[MockWorld]:
    """The mocked outside world with no latency and callers that give up at once."""
    async with MockWorld(database_url, latency=timedelta(0), timeout=timedelta(milliseconds=20)) as world:
        yield world


@pytest.fixture
def unique() -> str:
    """An id that nobody else uses: tests share the books and keep apart by their ids."""
    return str(uuid.uuid4().int % 10**15)
