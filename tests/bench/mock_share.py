"""How much of worker and PostgreSQL is the mocked outside world's: the calls of one order, alone."""

import time
from datetime import timedelta
from typing import Any

from tests.bench.usage import cpu_seconds
from tests.engine.orders import an_order
from workers.adapters.mock_events import MockEventBus
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.events import Event
from workers.ports.ledger import Posting


async def mock_share(database_url: str, postgres: int, calls: int) -> dict[str, float]:
    """CPU milliseconds per order: in the worker (`mock_in_worker`) and in PostgreSQL (`mock_in_postgres`).

    `postgres` is the process of PostgreSQL, which nobody else may use meanwhile.
    """
    orders = [an_order() for _ in range(calls)]
    async with MockWorld(database_url, 1, latency=timedelta(0)) as world:
        shop = MockShop(world)
        for order in orders:
            await shop.seed_order(order)
        before, postgres_before = time.process_time(), cpu_seconds(postgres)
        for order in orders:
            await _one_order(world, shop, order)
        spent, postgres_spent = time.process_time() - before, cpu_seconds(postgres) - postgres_before
    return {
        "mock_in_worker": round(1000 * spent / calls, 2),
        "mock_in_postgres": round(1000 * postgres_spent / calls, 2),
    }


async def _one_order(world: MockWorld, shop: MockShop, order: dict[str, Any]) -> None:
    """What the happy path asks of the outside world."""
    suppliers = MockSuppliers(world)
    known = await shop.get_order(str(order["id"]))
    offers = await suppliers.get_offers(known.id, known.lines, known.shipping_address.country)
    cost, seller = offers[0].cost, offers[0].supplier
    await suppliers.place_order(seller, f"orderops-{known.id}", known.lines, known.shipping_address, cost)
    await MockLedger(world).book(Posting(f"cogs:{known.id}", "COGS", cost, known.id, "bench"))
    await MockEventBus(world).publish(Event(f"bench:{known.id}", "bench", {"cost": cost.minor}))
