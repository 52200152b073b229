from collections.abc import Iterator

import pytest

from tests.processes.bench import Bench
from workers.casefile.db import Database
from workers.runtime import context


@pytest.fixture(autouse=True)
def no_job_afterwards() -> Iterator[None]:
    """Benches are at a job; tests that come later in the same loop are not."""
    yield
    context._current.set(None)


@pytest.fixture
async def bench(database: Database) -> Bench:
    """An order that was read from the shop: what every job but the first starts from."""
    bench = Bench(database)
    await bench.jobs.get_order(bench.id)
    return bench
