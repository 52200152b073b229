"""What the demo reads from the outside world's own books."""

import uuid

from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_catalogue import SUPPLIERS
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.ports.values import Money, OrderLine
from workers.runtime.demo import books
from workers.runtime.demo.plan import Plan, planned


async def test_a_supplier_counts_as_sold_out_only_when_that_struck(database: Database, database_url: str) -> None:
    struck, untouched = (str(uuid.uuid4().int % 10**15) for _ in range(2))
    supplier = next(iter(SUPPLIERS))
    plan = Plan([planned({"id": name}, (), repeated=False, fresh=False) for name in (struck, untouched)])
    async with MockWorld(database_url) as world:
        for name in (struck, untouched):
            await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, name, supplier, times=1)
        line = OrderLine(sku="sku", title="Lamp", quantity=1, unit_price=Money(1000, "EUR"))
        await MockSuppliers(world).get_offers(struck, (line,), "DE")
        read = await books.read(database, world, plan)
    assert read.sold_out == {struck: {supplier}}
