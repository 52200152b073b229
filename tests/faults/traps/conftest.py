"""What fault tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.containers import Containers
from tests.engine.small import Small
from tests.faults.traps.books import Books
from tests.faults.traps.gateway import MisbehavingGateway, misbehaving_gateway
from workers.casefile.db import Database
from workers.casefile.journal import Journal
from workers.runtime.engine import Engine
from workers.runtime.native.stack import Stack


@pytest.fixture
async def small(engine: Stack | Containers) -> AsyncIterator[Small]:
    """A process of its own, and a client that reaches the engine whatever the gateway does."""
    async with Engine(engine.grpc_address, engine.rest_url) as client:
        process = Small(client)
        await process.deploy()
        yield process


@pytest.fixture
async def gateway(engine: Stack | Containers) -> AsyncIterator[MisbehavingGateway]:
    """What workers are pointed at."""
    async with misbehaving_gateway(engine.grpc_address) as gateway:
        yield gateway


@pytest.fixture
def books(database: Database) -> Books:
    """A supplier to buy from, through the real journal."""
    return Books(Journal(database))
