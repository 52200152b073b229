"""The worker host on a real broker."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import grpc
import pytest

from tests.engine.shop_floor import Floor
from tests.engine.small import Small, serving, until, waiting
from workers.runtime.encoding import MAX_BYTES
from workers.runtime.engine import Engine
from workers.runtime.errors import RateLimited
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Handler, Job
from workers.runtime.native.stack import Stack

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Anything:
    total: str


@pytest.fixture
async def small(engine: Stack) -> AsyncIterator[Small]:
    async with Engine(engine.grpc_address, engine.rest_url) as client:
        process = Small(client)
        await process.deploy()
        yield process


async def test_every_job_of_three_hundred_instances_is_done_once(small: Small) -> None:
    async with serving(small.client, small.jobs()):
        await small.start(range(300))
        await small.all_done(300)
    assert small.first == small.second == Counter(str(order) for order in range(300))


async def test_jobs_that_were_there_before_the_worker_are_done(small: Small) -> None:
    """No stream ever pushes them: the poll fetches them."""
    await small.start(range(40))
    async with serving(small.client, small.jobs()):
        await small.all_done(40, seconds=10)


async def test_more_jobs_than_slots_are_all_done_within_bounds(small: Small) -> None:
    """What the stream cannot take at once goes back to the engine and comes by the poll."""
    running, most = 0, 0

    async def slow(shopify_order_id: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        small.second[shopify_order_id] += 1

    jobs = [small.jobs()[0], Job(f"{small.id}.second", slow, max_running=4)]
    async with serving(small.client, jobs):
        await small.start(range(200))
        await small.all_done(200)
    assert most <= 4
    assert set(small.second.values()) == {1}


async def test_no_call_is_made_earlier_than_the_other_side_asked_for(small: Small) -> None:
    calls: list[float] = []

    async def limited(shopify_order_id: str) -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise RateLimited("slow down", timedelta(seconds=0.5))

    async with serving(small.client, [Job(f"{small.id}.first", limited)]):
        await small.start(range(1))
        await until(lambda: len(calls) == 3)
    waits = [later - earlier for earlier, later in pairwise(calls)]
    assert min(waits) >= 0.5


async def test_a_handler_slower_than_its_time_out_runs_once_among_two_workers(small: Small) -> None:
    async def slow(shopify_order_id: str) -> None:
        small.second[shopify_order_id] += 1
        await asyncio.sleep(4)

    jobs = [Job(f"{small.id}.first", slow, timeout=timedelta(seconds=1))]
    async with serving(small.client, jobs), serving(small.client, jobs):
        await small.start(range(5))
        await until(lambda: len(small.second) == 5)
        await asyncio.sleep(5)
    assert set(small.second.values()) == {1}


async def test_the_host_goes_on_by_itself_after_the_broker_was_killed(
    small: Small, native_engine: Stack, floor: Floor
) -> None:
    async with serving(small.client, small.jobs()):
        await small.start(range(20))
        await small.all_done(20)
        os.kill(native_engine.pid("broker-1"), signal.SIGKILL)
        await start_until_taken(small, range(20, 21))
        await small.all_done(21, seconds=15)
        await start_until_taken(small, range(21, 40))
        await small.all_done(40)
    await floor.catch_up()  # later tests go by its time


async def start_until_taken(small: Small, orders: range) -> None:
    """Two instances for one order do no harm here. A gateway may lose its broker once more while it comes back."""
    async with asyncio.timeout(90):
        while True:
            try:
                return await small.start(orders)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.5)


async def test_sigterm_finishes_what_is_under_way_and_nothing_runs_twice(small: Small, engine: Stack) -> None:
    await small.start(range(32))
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.small_worker", engine.grpc_address, f"{small.id}.first", "3"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    lines = [(await worker.stdout.readline()).split() for _ in range(32)]
    assert {line[0] for line in lines} == {b"begun"}
    worker.terminate()
    rest, _ = await asyncio.wait_for(worker.communicate(), 30)
    assert worker.returncode == 0
    assert Counter(line.split()[0] for line in rest.splitlines()) == {b"done": 32}
    assert await waiting(small.client, f"{small.id}.first") == 0


async def test_what_a_stopping_worker_cannot_finish_another_gets_at_once(small: Small) -> None:
    began = asyncio.Event()

    async def endless(shopify_order_id: str) -> None:
        began.set()
        await asyncio.Event().wait()

    host, stop = host_of(small, endless, drain_seconds=0.5), asyncio.Event()
    task = asyncio.create_task(host.run(stop))
    await small.start(range(1))
    await began.wait()
    stop.set()
    await task
    async with serving(small.client, small.jobs()):
        await small.all_done(1, seconds=5)


def host_of(small: Small, handler: Handler, drain_seconds: float) -> Host:
    job = Job(f"{small.id}.first", handler)
    return Host([job], GrpcJobGateway(small.client.channel), drain_seconds=drain_seconds)


async def test_the_largest_result_is_accepted_by_the_engine(small: Small) -> None:
    """What the encoder lets pass must not be refused afterwards."""
    text = "x" * (MAX_BYTES - 20)

    async def large(shopify_order_id: str) -> Anything:
        return Anything(text)

    async with serving(small.client, [Job(f"{small.id}.first", large)]):
        await small.start(range(1))
        await until_async(lambda: waiting(small.client, f"{small.id}.second"))


async def until_async(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # what is waited for happens in the engine
            await asyncio.sleep(0.1)
