"""Results that the engine cannot take: the effect happens once, and a person is told what to do."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest

from tests.engine.small import Small, until
from tests.faults.traps.books import Books
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

ITSELF: dict[str, Any] = {}
ITSELF["again"] = ITSELF
UNTELLABLE: Mapping[str, Any] = {
    "a Decimal": Decimal("1.10"),
    "a date": datetime(2026, 1, 1, tzinfo=UTC),
    "an object": object(),
    "itself": ITSELF,
    "5 MB, more than a gRPC message may have": "x" * 5_000_000,
    "3 MB, more than the engine can write at once": "x" * 3_000_000,
    "a number that is none": nan,
    "half a character": "\ud800",
}
HALF = list(UNTELLABLE).index("half a character")
SOON = timedelta(seconds=1)


class Buyer:
    """Buys, and has a result for each order that cannot be told."""

    def __init__(self, books: Books) -> None:
        self.runs = Counter[str]()
        self._books = books
        self._values = list(UNTELLABLE.values())

    async def do(self, shopify_order_id: str) -> dict[str, Any]:
        self.runs[shopify_order_id] += 1
        await self._books.buy(shopify_order_id)
        return {"value": self._values[int(shopify_order_id)]}


async def test_plain_pyzeebe_works_again_at_every_time_out_and_tells_nobody(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    """And half a character gets into the process."""
    buyer = Buyer(books)
    async with plain(gateway.address, Job(f"{small.id}.first", buyer.do, timeout=SOON)):
        await small.start(range(len(UNTELLABLE)))
        rest = [str(order) for order in range(len(UNTELLABLE)) if order != HALF]
        await until(lambda: all(buyer.runs[order] > 3 for order in rest))
    assert not gateway.asked("FailJob")
    assert sum(call.passed for call in gateway.asked("CompleteJob")) == 1


async def test_our_host_works_once_and_makes_one_incident_that_says_what_to_do(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    buyer = Buyer(books)
    async with ours(gateway.address, Job(f"{small.id}.first", buyer.do, timeout=SOON)):
        await small.start(range(len(UNTELLABLE)))
        await until(lambda: len(gateway.incidents()) == len(UNTELLABLE))
        await asyncio.sleep(3 * SOON.total_seconds())
    assert set(buyer.runs.values()) == set(books.sold.values()) == {1}
    assert len(gateway.incidents()) == len(UNTELLABLE)
    for message in gateway.incidents():
        assert message.startswith("The work was done but its result cannot be stored: ")
        assert message.endswith(
            "Correct the handler, then retry: it finds its effect done and does not repeat it."
        )
