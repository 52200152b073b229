"""Being told to stop while jobs are running. That 32 of them are finished and none runs twice is in
tests/engine/test_host.py."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest

from tests.engine.small import Small, until
from tests.faults.traps import stuck_worker
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.host import DRAIN_SECONDS, GIVE_BACK_SECONDS
from workers.runtime.jobs import Job
from workers.runtime.signals import HARD_STOP_SECONDS

pytestmark = pytest.mark.engine

EXITING = 5.0
"""Seconds that this machine may take to end a process."""


async def test_plain_pyzeebe_does_not_stop_while_jobs_come(
    small: Small, gateway: MisbehavingGateway, full: bool
) -> None:
    """It waits for its queue to be empty, and the stream goes on filling it."""

    async def do(shopify_order_id: str) -> dict[str, str]:
        await asyncio.sleep(2)  # long beside the pauses between two starts, on a busy machine too
        return {}

    async with plain(gateway.address, Job(f"{small.id}.first", do)) as worker, load(small):
        await until(lambda: gateway.asked("CompleteJob"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worker.worker.stop(), 30 if full else 3)
        assert not worker.ended


async def test_plain_pyzeebe_does_not_stop_while_a_handler_hangs(
    small: Small, gateway: MisbehavingGateway, full: bool
) -> None:
    began = asyncio.Event()

    async def do(shopify_order_id: str) -> dict[str, str]:
        began.set()
        await asyncio.sleep(stuck_worker.LONG)
        return {}

    async with plain(gateway.address, Job(f"{small.id}.first", do)) as worker:
        await small.start(range(1))
        await began.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worker.worker.stop(), HARD_STOP_SECONDS if full else 1)


async def test_our_host_stops_while_jobs_come_and_nothing_runs_twice(
    small: Small, gateway: MisbehavingGateway
) -> None:
    runs = Counter[str]()

    async def do(shopify_order_id: str) -> None:
        runs[shopify_order_id] += 1
        await asyncio.sleep(0.5)

    job = Job(f"{small.id}.first", do)
    async with load(small):
        for worker in range(1, 4):
            async with ours(gateway.address, job):
                await until(lambda: len(runs) > 10 * worker)  # noqa: B023  # called in this turn only
                stopping = time.monotonic()
            assert time.monotonic() - stopping < EXITING
    assert set(runs.values()) == {1}


@asynccontextmanager
async def load(small: Small) -> AsyncIterator[None]:
    """About twenty instances a second."""

    async def start() -> None:
        for order in range(10_000):
            await small.start(range(order, order + 1))
            await asyncio.sleep(0.04)

    starting = asyncio.create_task(start())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting


class TestAWorkerProcess:
    """Told by SIGTERM; the short form has shorter limits."""

    @pytest.fixture
    def limits(self, full: bool) -> tuple[float, float]:
        """Seconds for the drain, and for everything."""
        return (DRAIN_SECONDS, HARD_STOP_SECONDS) if full else (0.5, 4.0)

    async def test_what_hangs_is_stopped_and_the_jobs_are_free_at_once(
        self, small: Small, gateway: MisbehavingGateway, limits: tuple[float, float]
    ) -> None:
        await small.start(range(32))
        async with working(small, gateway, "waits", limits, jobs=32) as worker:
            assert await told_to_stop(worker) < limits[0] + GIVE_BACK_SECONDS + EXITING
            assert worker.returncode == 0
        done = Counter[str]()

        async def do(shopify_order_id: str) -> None:
            done[shopify_order_id] += 1

        async with ours(gateway.address, Job(f"{small.id}.first", do)):
            await until(lambda: len(done) == 32, 30)
        assert {call.request.retries for call in gateway.asked("FailJob")} == {3}

    async def test_what_cannot_be_stopped_holds_up_no_exit(
        self, small: Small, gateway: MisbehavingGateway, limits: tuple[float, float]
    ) -> None:
        async def exits(how: str) -> None:
            process = Small(small.client)
            await process.deploy()
            await process.start(range(1))
            async with working(process, gateway, how, limits) as worker:
                assert await told_to_stop(worker) < limits[1] + EXITING

        await asyncio.gather(*map(exits, ("ignores_being_stopped", "blocks_a_thread", "blocks_everything")))

    async def test_an_engine_that_is_away_holds_up_no_exit(
        self, small: Small, gateway: MisbehavingGateway, limits: tuple[float, float]
    ) -> None:
        await small.start(range(4))
        async with working(small, gateway, stuck_worker.ends_soon.__name__, limits, jobs=4) as worker:
            with gateway.refusing(code=grpc.StatusCode.UNAVAILABLE):
                assert await told_to_stop(worker) < limits[1] + EXITING


@asynccontextmanager
async def working(
    small: Small, gateway: MisbehavingGateway, how: str, limits: tuple[float, float], jobs: int = 1
) -> AsyncIterator[Process]:
    """A worker process whose handlers have begun with this many jobs."""
    drain, limit = map(str, limits)
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.traps.stuck_worker"),
        *(gateway.address, f"{small.id}.first", how, drain, limit),
        stdout=PIPE,
    )
    try:
        assert worker.stdout is not None
        async with asyncio.timeout(60):
            for _ in range(jobs):
                assert (await worker.stdout.readline()).startswith(b"begun")
        yield worker
    finally:
        if worker.returncode is None:
            worker.kill()
        await worker.communicate()


async def told_to_stop(worker: Process) -> float:
    """Seconds until it has ended."""
    told = time.monotonic()
    worker.terminate()
    await asyncio.wait_for(worker.communicate(), 60)
    return time.monotonic() - told
