"""Sets the mocked outside world up for a plan."""

import asyncio
from collections.abc import Iterable

from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_catalogue import SUPPLIERS
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.runtime.demo.plan import Plan, Planned, Trouble

_AT_ONCE = 10

_AT_PLACING = {
    Trouble.SOLD_OUT_LATE: (Kind.OUT_OF_STOCK, 1),
    Trouble.ANSWER_LOST: (Kind.ANSWER_LOST, 1),
    Trouble.ERROR_AFTER: (Kind.ERROR_AFTER, 1),
    Trouble.BUSY: (Kind.UNAVAILABLE, 2),
}


async def set_up(world: MockWorld, plan: Plan) -> None:
    """Put every order into the shop and its troubles into the suppliers' behaviour."""
    await world.prepare()
    waiting = iter(plan.orders)
    await asyncio.gather(*(_set_up_some(world, waiting) for _ in range(_AT_ONCE)))


async def _set_up_some(world: MockWorld, waiting: Iterable[Planned]) -> None:
    shop = MockShop(world)
    for planned in waiting:
        await shop.seed_order(planned.order)
        for trouble in planned.troubles:
            await _arrange(world, planned.case_id, trouble)


async def _arrange(world: MockWorld, case_id: str, trouble: Trouble) -> None:
    if trouble in _AT_PLACING:
        kind, times = _AT_PLACING[trouble]
        await misbehave(world, "supplier.place_order", kind, case_id, times=times)
    elif trouble is Trouble.SOLD_OUT:
        cheapest = await _cheapest(world, case_id)
        await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, case_id, cheapest, times=1)
    elif trouble in {Trouble.NONE_LEFT_REFUND, Trouble.NONE_LEFT_WAIT}:
        for supplier in SUPPLIERS:
            await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, case_id, supplier, times=1)


async def _cheapest(world: MockWorld, case_id: str) -> str:
    order = await MockShop(world).get_order(case_id)
    offers = await MockSuppliers(world).get_offers(case_id, order.lines, order.shipping_address.country)
    return min(offers, key=lambda offer: offer.cost.minor).supplier if offers else "aliexpress"
