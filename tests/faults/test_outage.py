"""The broker away or frozen under 50 webhooks a second: nothing lost, nothing twice, and work goes on unaided."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil
import pytest

from tests.engine.shop_floor import Floor
from tests.faults.own_broker import OwnBroker
from tests.faults.plain_worker import plain_worker
from tests.faults.traffic import RATE, Traffic, only_warnings, quantile

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

RESUMED_WITHIN = 15.0
ON_A_BUSY_MACHINE = 60.0
"""The short form runs where other work takes the processors away."""
SHOP_HANGS_UP = 5.0
TRY_AGAIN = {"503"}
"""What the api says, with Retry-After, when this process has no time for it: traffic, api and workers share it."""
MEBIBYTE = 2**20


@dataclass
class Outage:
    """What happened in one outage."""

    traffic: Traffic
    seconds: float
    patience: float
    """Seconds that work may take to go on."""
    backlog: int = 0
    """Rows that waited when the broker was ready again."""
    drained: float = 0.0
    """Seconds until none waited any more, though new ones came."""
    published: int = 0
    """Rows published in that time."""
    resumed: dict[str, float] = field(default_factory=dict)
    """Job type → seconds from ready until its stream or poll had succeeded."""
    first_bought: float = 0.0
    """Seconds from ready to the first new order in the suppliers' books."""
    grown: int = 0
    """Bytes that api, relay, workers and traffic in this process took more while the backlog grew."""
    instances: Counter[str] = field(default_factory=Counter)
    books: Counter[str] = field(default_factory=Counter)
    at_rest: float = 0.0
    plain_before: int = 0
    plain_after: int = 0
    plain_connected: bool = True

    def print(self, what: str) -> None:
        """The figures, for people."""
        took = self.traffic.took
        print(  # noqa: T201  # figures for people
            f"\n{what} for {self.seconds:.0f} s at {RATE} webhooks/s: {self.traffic.deliveries} deliveries of"
            f" {len(self.traffic.acknowledged)} orders acknowledged, {len(self.instances)} instances,"
            f" {sum(self.books.values())} of {len(self.traffic.to_be_bought)} supplier orders\n"
            f"  acknowledged: p50 {quantile(took, 0.5) * 1000:.0f} ms, p99 {quantile(took, 0.99) * 1000:.0f} ms,"
            f" max {max(took) * 1000:.0f} ms; other answers: {dict(self.traffic.other_answers) or 'none'}\n"
            f"  after ready: last of {len(self.resumed)} job types served again after"
            f" {max(self.resumed.values(), default=0):.1f} s, first job done after {self.first_bought:.1f} s;"
            f" backlog {self.backlog} rows, drained in {self.drained:.1f} s"
            f" ({self.published / max(self.drained, 0.1):.0f} rows/s), all at rest after {self.at_rest:.0f} s;"
            f" memory +{self.grown / MEBIBYTE:.0f} MiB"
        )


@asynccontextmanager
async def under_traffic(floor: Floor, orders: int, seconds: float, full: bool) -> AsyncIterator[Outage]:
    """Webhooks from a second before the block until a second after it, and what became of them all."""
    outage = Outage(Traffic(floor), seconds, RESUMED_WITHIN if full else ON_A_BUSY_MACHINE)
    await outage.traffic.seed(orders)
    stop = asyncio.Event()
    sending = asyncio.create_task(outage.traffic.run(stop))
    await asyncio.sleep(1)
    with only_warnings():
        yield outage
        asyncio.get_running_loop().call_later(1, stop.set)
        await sending
        await outage.traffic.come_to_rest(seconds=600)
    outage.instances, outage.books = await outage.traffic.instances(), await outage.traffic.books()


async def watch_the_return(
    outage: Outage, floor: Floor, job_types: Iterable[str] = (), started: float = math.inf
) -> None:
    """Called when the broker is ready: how soon everything works again, each of the job types included.

    What is heard since the broker was `started` is heard of the new one; streams may be there before all is ready.
    """
    began = time.monotonic()
    outage.backlog = await outage.traffic.unpublished()
    arrived = outage.traffic.deliveries
    known = sum((await outage.traffic.books()).values())
    waiting = set(job_types)
    while waiting or not outage.first_bought or not outage.drained:
        await asyncio.sleep(0.1)
        now = time.monotonic() - began
        assert now < 600, f"after {now:.0f} s still not served: {waiting}"
        for job_type in list(waiting):
            contact = floor.host.health[job_type].last_contact
            if contact and contact > started:
                outage.resumed[job_type] = max(contact - began, 0.0)
                waiting.discard(job_type)
        if not outage.first_bought and sum((await outage.traffic.books()).values()) > known:
            outage.first_bought = now
        if not outage.drained and await outage.traffic.unpublished() < RATE // 10:
            outage.drained = now
            outage.published = outage.backlog + outage.traffic.deliveries - arrived


@pytest.fixture(scope="module")
async def gone(floor: Floor, broker: OwnBroker, full: bool) -> Outage:
    seconds = 60 if full else 5
    orders = RATE * (seconds + (12 if full else 1))
    async with plain_worker(floor.app.engine, broker.grpc_address) as plain:
        await plain.give_work()
        assert await plain.did(1, seconds=30)
        async with under_traffic(floor, orders, seconds, full) as outage:
            memory = psutil.Process().memory_info().rss
            await broker.kill()
            await asyncio.sleep(seconds)
            outage.grown = psutil.Process().memory_info().rss - memory
            started = time.monotonic()
            await broker.start()
            began = time.monotonic()
            await watch_the_return(outage, floor, floor.host.health, started)
            outage.plain_before = plain.done
            await plain.give_work()
        outage.at_rest = time.monotonic() - began
        await plain.did(2, seconds=max(RESUMED_WITHIN - outage.at_rest, 0))
        outage.plain_after, outage.plain_connected = plain.done, plain.worker.zeebe_adapter.connected
    outage.print("broker gone")
    return outage


class TestABrokerGone:
    """Killed with -9, and started again after a minute."""

    async def test_plain_pyzeebe_never_works_again(self, gone: Outage) -> None:
        """Twelve types fail once, the limit of ten is for all of them together, and the channel is closed."""
        assert (gone.plain_before, gone.plain_after) == (1, 1)
        assert not gone.plain_connected

    async def test_every_acknowledged_webhook_becomes_exactly_one_instance(self, gone: Outage) -> None:
        assert len(gone.traffic.acknowledged) >= RATE * gone.seconds
        assert gone.instances == Counter(gone.traffic.acknowledged)

    async def test_every_wanted_order_is_once_in_the_suppliers_own_books(self, gone: Outage) -> None:
        assert gone.books == Counter(gone.traffic.to_be_bought)

    async def test_no_webhook_is_refused_for_good_and_hardly_any_kept_waiting(self, gone: Outage) -> None:
        """Repetitions of rows that the relay is just publishing included."""
        assert gone.traffic.refused <= TRY_AGAIN
        assert quantile(gone.traffic.took, 0.9) < SHOP_HANGS_UP

    async def test_every_job_type_is_served_again_unaided(self, gone: Outage) -> None:
        assert len(gone.resumed) >= 12
        assert max(gone.resumed.values()) <= gone.patience
        assert gone.first_bought <= gone.patience

    async def test_what_waits_takes_no_memory(self, gone: Outage) -> None:
        assert gone.grown < 64 * MEBIBYTE


@pytest.fixture(scope="module")
async def frozen(floor: Floor, broker: OwnBroker, full: bool) -> Outage:
    seconds = 20 if full else 3
    async with under_traffic(floor, RATE * (seconds + (4 if full else 1)), seconds, full) as outage:
        memory = psutil.Process().memory_info().rss
        broker.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            broker.thaw()
        began = time.monotonic()
        outage.grown = psutil.Process().memory_info().rss - memory
        await watch_the_return(outage, floor)  # what waits in an open poll was never cut off
    outage.at_rest = time.monotonic() - began
    outage.print("broker frozen")
    return outage


class TestABrokerFrozen:
    """Stopped with SIGSTOP: connections stay open, calls are swallowed, and some take effect after it goes on."""

    async def test_every_acknowledged_webhook_becomes_exactly_one_instance(self, frozen: Outage) -> None:
        """What was swallowed and repeated counts once, by its message id."""
        assert frozen.instances == Counter(frozen.traffic.acknowledged)
        assert frozen.books == Counter(frozen.traffic.to_be_bought)

    async def test_no_webhook_is_refused_for_good_and_hardly_any_kept_waiting(self, frozen: Outage) -> None:
        assert frozen.traffic.refused <= TRY_AGAIN
        assert quantile(frozen.traffic.took, 0.9) < SHOP_HANGS_UP

    async def test_work_goes_on_unaided(self, frozen: Outage) -> None:
        assert frozen.first_bought <= frozen.patience
