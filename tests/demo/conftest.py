"""An outside world for the parts of the demo."""

from collections.abc import AsyncIterator

import pytest

from workers.adapters.mock_world import MockWorld


@pytest.fixture(scope="session")
async def world(database_url: str) -> AsyncIterator[MockWorld]:
    async with MockWorld(database_url) as world:
        yield world
