"""Orders a second, end to end: webhook, inbox, relay, engine, jobs with their journal, record stream, case file.

Everything runs on this machine, the sender too. Orders have good addresses and are in stock; so many are kept open
that the engine is never idle, and no more than it takes without refusing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text

from tests.bench.engine_metrics import records_written
from tests.bench.ground import Ground
from tests.bench.mock_share import mock_share
from tests.bench.usage import Meter, medians
from tests.bench.webhooks import Delivery, Door, new_orders
from workers.casefile.db import Database
from workers.casefile.models import Incident
from workers.casefile.record_models import Instance
from workers.runtime.errors import UserError

OPEN = 64
"""Orders kept open. Up to a second's worth is done already, but not yet told by the record stream."""
OPEN_COLD = 16
"""The same for the short form, whose engine is slow: the first of 64 would take its whole time."""
MOST_A_SECOND = 120
"""For so many orders a second there are enough in the shop."""
LOOK_EVERY = 0.1
DRAIN_SECONDS = 60


@dataclass(frozen=True)
class Window:
    """The time that is measured, and what was used in it."""

    began: datetime
    ended: datetime
    cpu: dict[str, float]
    records: Counter[str]

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.ended - self.began).total_seconds()


async def measure(ground: Ground) -> dict[str, Any]:
    """The figures of this part. Raises UserError when an order did not end as supplied."""
    open_orders = OPEN_COLD if ground.lengths.quick else OPEN
    database = Database(ground.stack.database_url, 10)
    try:
        lengths = ground.lengths
        count = int((lengths.warm + lengths.rounds * lengths.window) * MOST_A_SECOND) + open_orders
        ground.say(f"Putting {count} orders into the shop")
        deliveries = await new_orders(database, ground.secret, count)
        feed = Feed(ground, database, deliveries, open_orders)
        windows = await feed.run()
        mock = await mock_share(ground.stack.database_url, ground.pids["postgres"], 30 if lengths.quick else 200)
        rounds = [await _figures(database, window, mock) for window in windows]
        by_round = " ".join(f"{figures['orders_per_s']:g}" for figures in rounds)
        return {**medians(rounds), "orders_per_s_by_round": by_round}
    finally:
        await database.close()


class Feed:
    """Keeps orders coming while the engine takes them."""

    def __init__(self, ground: Ground, database: Database, deliveries: list[Delivery], most_open: int) -> None:
        self.sent: list[str] = []
        self._ground = ground
        self._database = database
        self._waiting: Iterator[Delivery] = iter(deliveries)
        self._most_open = most_open
        self._door = Door(ground.stack.api_url)

    async def run(self) -> list[Window]:
        """Warm up, measure round by round, and wait until every order that was sent is supplied."""
        lengths = self._ground.lengths
        try:
            self._ground.say(f"Orders: warming up for {lengths.warm:.0f} s")
            await self._keep_coming(lengths.warm)
            windows = []
            for number in range(lengths.rounds):
                self._ground.say(f"Orders: round {number + 1} of {lengths.rounds}, {lengths.window:.0f} s")
                windows.append(await self._measured(lengths.window))
            await self._drain()
        finally:
            self._door.close()
        return windows

    async def _measured(self, seconds: float) -> Window:
        management = self._ground.stack.management_url
        before = await asyncio.to_thread(records_written, management)
        meter = Meter(self._ground.pids)
        began = datetime.now(UTC)
        await self._keep_coming(seconds)
        ended = datetime.now(UTC)
        _, cpu = meter.read()
        after = await asyncio.to_thread(records_written, management)
        return Window(began, ended, cpu, after - before)

    async def _keep_coming(self, seconds: float) -> None:
        """For so long, and until another order is done, at most a minute."""
        ends = time.monotonic() + seconds
        before = done = await self._done()
        while (now := time.monotonic()) < ends or (done == before and now < ends + 60):
            done = await self._done()
            room = self._most_open - (len(self.sent) - done)
            await asyncio.gather(*(self._send() for _ in range(room)))
            await asyncio.sleep(max(now + LOOK_EVERY - time.monotonic(), 0))

    async def _send(self) -> None:
        delivery = next(self._waiting)
        self.sent.append(delivery.case_id)
        status = await self._door.deliver(delivery)
        if status != 200:
            raise UserError(f"A webhook was answered {status}.", hint="The api's log says why.")

    async def _done(self) -> int:
        """Orders of this feed whose fulfillment has ended."""
        if not self.sent:
            return 0
        async with self._database.connection() as connection:
            ended = select(func.count()).where(
                Instance.case_id >= self.sent[0], Instance.process == "fulfillment", Instance.state == "done"
            )
            return await connection.scalar(ended) or 0

    async def _drain(self) -> None:
        ends = time.monotonic() + DRAIN_SECONDS
        while (done := await self._done()) < len(self.sent):
            if time.monotonic() > ends:
                async with self._database.connection() as connection:
                    why = await connection.scalar(select(Incident.message).limit(1))
                raise UserError(
                    f"{len(self.sent) - done} of {len(self.sent)} orders were not supplied "
                    f"({why or 'no incident'}).",
                    hint="Figures of a run that loses orders would mean nothing.",
                )
            await asyncio.sleep(LOOK_EVERY)


async def _figures(database: Database, window: Window, mock: dict[str, float]) -> dict[str, Any]:
    between = {"began": window.began, "ended": window.ended}
    async with database.connection() as connection:
        ids = (await connection.scalars(text(SUPPLIED).bindparams(**between))).all()
        took = (await connection.execute(text(TIMES).bindparams(ids=ids))).one()
        steps = (await connection.execute(text(STEPS).bindparams(ids=ids))).all()
    supplied = len(ids)
    if not supplied:
        raise UserError(
            "Not one order was supplied while it was measured.",
            hint="The logs of the stack say more; measure with fewer orders or for longer.",
        )
    cpu = {name: round(1000 * seconds / supplied, 2) for name, seconds in window.cpu.items()}
    per_order = {kind: round(count / supplied, 1) for kind, count in window.records.most_common()}
    return {
        "orders_per_s": round(supplied / window.seconds, 1),
        "orders": supplied,
        "seconds": round(window.seconds, 1),
        "broker_cpu_ms_per_order": cpu["broker"],
        "cpu_ms_per_order": {**cpu, **mock},
        "cores_used": round(sum(window.cpu.values()) / window.seconds, 2),
        "order_p50_s": round(float(took.p50), 2),
        "order_p99_s": round(float(took.p99), 2),
        "webhook_to_instance_p50_s": round(float(took.start50), 3),
        "webhook_to_instance_p99_s": round(float(took.start99), 3),
        "records_per_order": round(sum(window.records.values()) / supplied, 1),
        "records_per_order_by_kind": {kind: each for kind, each in per_order.items() if each >= 0.5},
        "step_ms": {step.element_id: round(float(step.ms), 1) for step in steps},
    }


SUPPLIED = """
SELECT payload->>'shopify_order_id' FROM mock.events
WHERE name = 'supplier_order_placed' AND published_at BETWEEN :began AND :ended
"""
"""Orders whose purchase was announced, by the last job of an order, in the window."""

TIMES = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - received_at)) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - received_at)) AS p99,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - received_at)) AS start50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - received_at)) AS start99
FROM orderops.instances JOIN orderops.inbox ON inbox.correlation_key = case_id AND message_name = 'order_paid'
WHERE case_id = ANY(:ids) AND instances.process = 'fulfillment'
"""
"""Seconds from a webhook's arrival to the end of its instance, and to its start."""

STEPS = """
SELECT element_id, 1000 * avg(extract(epoch FROM completed - activated)) AS ms
FROM (SELECT element_id, records.process_instance_key,
             min(happened_at) FILTER (WHERE intent = 'ELEMENT_ACTIVATED') AS activated,
             max(happened_at) FILTER (WHERE intent = 'ELEMENT_COMPLETED') AS completed
      FROM orderops.records JOIN orderops.instances ON instances.key = process_instance_key
      WHERE case_id = ANY(:ids)
      GROUP BY element_id, records.process_instance_key) AS steps
GROUP BY element_id HAVING avg(extract(epoch FROM completed - activated)) > 0.0005 ORDER BY ms DESC
"""
"""Milliseconds between entering and leaving each element, on average."""
