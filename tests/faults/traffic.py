"""Paid orders at a fixed rate, whatever becomes of the answers, and counting what they became."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
from sqlalchemy import func, select

from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor
from workers.adapters.mock_books import SupplierOrderRow
from workers.adapters.mock_shop import MockShop
from workers.casefile.models import InboxRow
from workers.casefile.record_models import Instance, Record

RATE = 50
BOUGHT_OF = 10
"""One order in so many is bought; the others were cancelled in the shop meanwhile, which costs the engine little:
two cores supply about ten orders a second, and 3,000 of them must come to rest while the test waits."""
REPEATED_OF = 7
"""One webhook in so many is delivered twice more, half a second and three seconds later."""
DELIVERED_AT_MOST = 60


@dataclass
class Traffic:
    """Webhooks of paid orders."""

    floor: Floor
    orders: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    took: list[float] = field(default_factory=list)
    """Seconds from sending a webhook to its answer."""
    other_answers: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    _sent: int = 0
    _before: int = 0
    """Instances with keys up to this were there before."""

    async def seed(self, number: int) -> None:
        """Put the orders into the shop; the webhooks will tell of them as they were when they were paid."""
        self._before = await self._number(select(func.max(Record.process_instance_key)))
        self.orders = [an_order() for _ in range(number)]
        shop, limited = MockShop(self.floor.world), asyncio.Semaphore(8)

        async def one(index: int, order: dict[str, Any]) -> None:
            gone = {} if index % BOUGHT_OF == 0 else {"cancelled_at": "2026-03-02T10:00:00Z"}
            async with limited:
                await shop.seed_order({**order, **gone})

        await asyncio.gather(*(one(*item) for item in enumerate(self.orders)))

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver at RATE until told to stop or out of orders, and wait for every answer."""
        began, under_way = time.monotonic(), []
        first = self._sent
        while not stop.is_set() and self._sent < len(self.orders):
            under_way.append(asyncio.create_task(self._send(self._sent)))
            self._sent += 1
            await asyncio.sleep(began + (self._sent - first) / RATE - time.monotonic())
        await asyncio.gather(*under_way)

    async def _send(self, number: int) -> None:
        await self._deliver(self.orders[number])
        if number % REPEATED_OF == 0:
            for pause in (0.5, 2.5):
                await asyncio.sleep(pause)
                await self._deliver(self.orders[number])

    async def _deliver(self, order: dict[str, Any]) -> None:
        """Deliver until it is acknowledged, as the shop does; what comes instead is counted."""
        for _ in range(DELIVERED_AT_MOST):
            self.deliveries += 1
            began = time.monotonic()
            try:
                answer = await self.floor.deliver("orders-paid", order)
            except httpx.TransportError as error:  # no answer is none, whatever became of the connection
                self.other_answers[type(error).__name__] += 1
                continue
            self.took.append(time.monotonic() - began)
            if answer.is_success:
                self.acknowledged.add(str(order["id"]))
                return
            self.other_answers[str(answer.status_code)] += 1
            await asyncio.sleep(1)

    @property
    def refused(self) -> set[str]:
        """Answers that were neither 2xx nor merely late."""
        return {answer for answer in self.other_answers if answer.isdecimal()}

    @property
    def to_be_bought(self) -> set[str]:
        """Acknowledged orders that are still wanted."""
        return {str(order["id"]) for order in self.orders[::BOUGHT_OF]} & self.acknowledged

    async def come_to_rest(self, seconds: float) -> None:
        """Wait until every acknowledged order was fulfilled, or will not be. Nobody sends anything here."""
        ended = select(func.count(Instance.case_id.distinct())).where(
            Instance.case_id.in_(self.acknowledged), Instance.process == "fulfillment", Instance.state == "done"
        )
        deadline = time.monotonic() + seconds
        while (done := await self._number(ended)) < len(self.acknowledged):
            assert time.monotonic() < deadline, f"{done} of {len(self.acknowledged)} cases ended in {seconds} s"
            await asyncio.sleep(0.2)

    async def instances(self) -> Counter[str]:
        """Order id → process instances that the engine says it started for it. Waits for nothing."""
        started = select(Record.process_instance_key).where(
            Record.process == "fulfillment",
            Record.process_instance_key > self._before,
            Record.element_type == "PROCESS",
            Record.intent == "ELEMENT_ACTIVATED",
        )
        ids = select(Instance.key, Instance.case_id).where(Instance.case_id.in_(self.acknowledged))
        async with self.floor.app.database.sessions() as session:
            keys = list(await session.scalars(started))
            known = {row.key: row.case_id for row in await session.execute(ids)}
        return Counter(known.get(key, f"instance {key} of no acknowledged order") for key in keys)

    async def books(self) -> Counter[str]:
        """Order id → orders in the suppliers' own books."""
        rows = await self.floor.world.rows(select(SupplierOrderRow))
        placed = Counter(row.reference.removeprefix("orderops-") for row in rows)
        ours = {str(order["id"]) for order in self.orders}
        return Counter({order: number for order, number in placed.items() if order in ours})

    async def unpublished(self) -> int:
        """Rows that wait in the inbox."""
        return await self._number(
            select(func.count()).where(InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None))
        )

    async def _number(self, query: Any) -> int:
        async with self.floor.app.database.sessions() as session:
            return int(await session.scalar(query) or 0)


@contextmanager
def only_warnings() -> Iterator[None]:
    """Three lines of log for each of 3,000 orders say nothing here, and take time."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(wrapper_class=before)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
