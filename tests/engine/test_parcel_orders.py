"""What is told of one parcel, in every order and again and again: one right end, and each effect once.

The outside world is as it is; only the order of the news about it differs. Delivered once is delivered: a
cancellation cannot undo it, and the goods are to come back instead. What it can still stop never arrives.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import func, select

from tests.engine.orders import an_order
from tests.engine.parcels import CARRIER, Ordered, a_tracking_number, ordered, patiently
from tests.engine.shop_floor import TOKEN, Floor
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.casefile.models import InboxRow
from workers.casefile.record_models import Instance
from workers.ports.carriers import ParcelState, Scan

pytestmark = pytest.mark.engine

Result = TypeVar("Result")

AT_ONCE = 6
"""So many deliveries are under way at a time: with many more, a small machine answers 503."""
EVENTS = ("placed", "shipped", "scan", "delivered", "cancelled")


@dataclass
class News:
    """One order whose parcel has gone its way, and what is still to be told of it."""

    order: Ordered
    number: str
    scans: dict[str, Scan]

    async def tell(self, event: str) -> None:
        match event:
            case "placed":
                answer = await patiently(self._placed)
                assert answer.status_code == 202, answer.text
            case "shipped":
                await self.order.says_shipped(self.number)
            case "cancelled":
                body = an_order(id=int(self.order.case_id), cancelled_at="2026-03-02T10:00:00Z")
                await patiently(lambda: self.order.floor.deliver("orders-cancelled", body))
            case _:
                await self.order.says_moved(self.number, self.scans[event])

    async def _placed(self) -> httpx.Response:
        """As fulfillment hands it over."""
        order = self.order
        payload = {
            "shopify_order_id": order.case_id,
            "supplier_order_id": order.supplier_order_id,
            "supplier": order.supplier,
            "reference": order.reference,
        }
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"placed-{order.case_id}"}
        return await order.floor.http.post("/processes/tracking/instances", json=payload, headers=headers)


def job(floor: Floor, job_type: str) -> Callable[..., Awaitable[Any]]:
    return next(job.handler for process in floor.app.processes for job in process.jobs if job.type == job_type)


async def gone_its_way(floor: Floor, states: dict[str, ParcelState]) -> News:
    """Bought, sent, scanned and cancelled in the world outside, and nobody has told us yet."""
    case_id = await MockShop(floor.world).seed_order(an_order())
    await job(floor, "fulfillment.get_order")(case_id)
    bought = await job(floor, "fulfillment.place_supplier_order")(case_id, "cj", 5_000, "EUR")
    order = Ordered(floor, case_id, "cj", bought.supplier_order_id, f"orderops-{case_id}")
    number = a_tracking_number()
    await MockSuppliers(floor.world).ship("cj", order.reference, number, CARRIER)
    scans = {
        event: await MockCarriers(floor.world).scan(CARRIER, number, state) for event, state in states.items()
    }
    await order.cancelled_in_shop()
    return News(order, number, scans)


async def a_few_at_once(work: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(one: Coroutine[Any, Any, Result]) -> Result:
        async with turn:
            return await one

    return await asyncio.gather(*map(in_turn, work))


async def told_in_every_order(floor: Floor, events: tuple[str, ...], states: dict[str, ParcelState]) -> list[News]:
    """One order for each order of the events; event by event, all orders side by side."""
    sequences = list(permutations(events))
    all_news = await a_few_at_once(gone_its_way(floor, states) for _ in sequences)
    for step in range(len(events)):
        telling = zip(all_news, sequences, strict=True)
        await a_few_at_once(news.tell(sequence[step]) for news, sequence in telling)
        await everything_published(floor)
    return all_news


async def everything_published(floor: Floor) -> None:
    """The engine has all that the inbox has."""
    waiting = select(func.count()).where(InboxRow.published_at.is_(None))

    async def none_waits() -> bool | None:
        async with floor.app.database.sessions() as session:
            return True if await session.scalar(waiting) == 0 else None

    await floor._eventually(none_waits, "the relay")


async def nothing_is_open(floor: Floor, case_id: str) -> None:
    """Wait until every instance of the case has ended."""
    query = select(func.count()).where(Instance.case_id == case_id, Instance.state == "open")

    async def none_is() -> bool | None:
        async with floor.app.database.sessions() as session:
            return True if await session.scalar(query) == 0 else None

    await floor._eventually(none_is, f"the end of all of case {case_id}")


async def assert_one_right_end(floor: Floor, all_news: list[News], outcome: str) -> None:
    ends = Counter([await news.order.ends() for news in all_news])
    assert ends == {outcome: len(all_news)}
    for news in all_news:
        assert await news.order.instances() == 1
        assert await news.order.fulfillments() == [news.number]
        assert len(await floor.mails(news.order.case_id, "tracking_on_the_way")) <= 1
        assert len(await news.order.announced("order_fulfilled")) <= 1
        assert await news.order.announced("shipping_delayed") == []
        assert len(await floor.bought(news.order.case_id)) == 1
        await nothing_is_open(floor, news.order.case_id)
        assert "orderops-return" in (await MockShop(floor.world).find_row(news.order.case_id)).tags


async def test_all_120_orders_of_five_events_end_delivered(floor: Floor) -> None:
    states = {"scan": ParcelState.IN_TRANSIT, "delivered": ParcelState.DELIVERED}
    all_news = await told_in_every_order(floor, EVENTS, states)
    assert len(all_news) == 120
    await assert_one_right_end(floor, all_news, "delivered")


async def test_all_24_orders_without_a_delivery_end_recalled(floor: Floor) -> None:
    events = tuple(event for event in EVENTS if event != "delivered")
    all_news = await told_in_every_order(floor, events, {"scan": ParcelState.IN_TRANSIT})
    assert len(all_news) == 24
    await assert_one_right_end(floor, all_news, "recalled")
    for news in all_news:
        assert (await MockCarriers(floor.world).track(CARRIER, news.number)).recalled


async def test_the_same_news_at_once_after_the_end_after_its_time_to_live_and_two_days_later_act_once(
    floor: Floor,
) -> None:
    order = await ordered(floor)
    number = await order.ships(told=False)
    answers = await asyncio.gather(*(order.says_shipped(number) for _ in range(5)))
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False, True, True, True, True]
    await order.on_the_way()
    moved = await order.scanned(number, ParcelState.IN_TRANSIT, told=False)
    await asyncio.gather(*(order.says_moved(number, moved) for _ in range(5)))
    await order.on_the_way(times=2)
    delivered = await order.scanned(number, ParcelState.DELIVERED, told=False)
    await asyncio.gather(*(order.says_moved(number, delivered) for _ in range(5)))
    assert await order.ends() == "delivered"
    for hours in (0, 48, 24 * 11):
        await floor.travel(hours=hours)
        again = [order.says_shipped(number), order.says_moved(number, moved), order.says_moved(number, delivered)]
        assert all(answer.json()["duplicate"] for answer in await asyncio.gather(*again))
    await everything_published(floor)
    assert await order.instances() == 1
    await nothing_is_open(floor, order.case_id)
    assert await order.fulfillments() == [number]
    assert len(await floor.mails(order.case_id, "tracking_on_the_way")) == 1
    assert len(await order.announced("order_fulfilled")) == 1
