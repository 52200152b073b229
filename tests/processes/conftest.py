import pytest

from tests.processes.bench import Bench
from workers.casefile.db import Database


@pytest.fixture
async def bench(database: Database) -> Bench:
    """An order that was read from the shop: what every job but the first starts from."""
    bench = Bench(database)
    await bench.jobs.get_order(bench.id)
    return bench
