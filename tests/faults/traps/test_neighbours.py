"""What one job type does to the others, and to whoever asked for fewer calls."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import NoReturn

import orjson
import pytest
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest, CreateProcessInstanceWithResultRequest

from tests.engine.small import Small, patiently, until
from tests.faults.traps.books import Books
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.casefile.db import Database
from workers.casefile.journal import Journal
from workers.runtime.errors import RateLimited
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

RATE = 15
"""Instances a second of the process that is measured."""
MOST = 2
"""So many times the p99 may be what it is alone."""


class Busy:
    """How many handlers ran at once."""

    def __init__(self) -> None:
        self.running, self.most = 0, 0
        self.released = asyncio.Event()

    async def do(self, shopify_order_id: str) -> dict[str, str]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.released.wait()
        finally:
            self.running -= 1
        return {}


class TestMoreJobsThanSlots:
    async def test_plain_pyzeebe_streams_them_past_its_limit(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        busy = Busy()
        async with plain(gateway.address, Job(f"{small.id}.first", busy.do, max_running=10)):
            await until(lambda: gateway.asked("StreamActivatedJobs"))
            await asyncio.sleep(0.5)
            await small.start(range(96))
            await until(lambda: busy.running > 60)
            busy.released.set()
            await asyncio.sleep(1)

    async def test_our_host_keeps_to_it(self, small: Small, gateway: MisbehavingGateway) -> None:
        busy = Busy()
        async with ours(gateway.address, Job(f"{small.id}.first", busy.do, max_running=10)):
            await asyncio.sleep(0.5)
            await small.start(range(96))
            await until(lambda: busy.running == 10)
            await asyncio.sleep(1)
            busy.released.set()
            await until(lambda: sum(call.passed for call in gateway.asked("CompleteJob")) == 96)
        assert busy.most == 10


class TestAskedForFewerCalls:
    """The other side answers 429 with a Retry-After of 1 s."""

    async def test_plain_pyzeebe_calls_again_at_once_and_ends_in_an_incident(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        calls: list[float] = []

        async def limited(shopify_order_id: str) -> dict[str, str]:
            calls.append(time.monotonic())
            raise RateLimited("slow down", timedelta(seconds=1))

        async with plain(gateway.address, Job(f"{small.id}.first", limited)):
            await small.start(range(1))
            await until(gateway.incidents)
        assert len(calls) == 3
        assert min(later - earlier for earlier, later in pairwise(calls)) < 1

    async def test_our_host_waits_so_long_and_burns_no_retry(
        self, small: Small, gateway: MisbehavingGateway, full: bool
    ) -> None:
        calls: list[float] = []
        times = 4 if full else 2

        async def limited(shopify_order_id: str) -> None:
            calls.append(time.monotonic())
            if len(calls) <= times:
                raise RateLimited("slow down", timedelta(seconds=1))

        async with ours(gateway.address, Job(f"{small.id}.first", limited)):
            await small.start(range(1))
            await until(lambda: gateway.asked("CompleteJob"), 60)
        assert len(calls) == times + 1
        assert min(later - earlier for earlier, later in pairwise(calls)) >= 1
        assert {call.request.retries for call in gateway.asked("FailJob")} == {3}


async def test_a_slow_adapter_and_a_poison_job_do_not_slow_down_the_others(
    small: Small, gateway: MisbehavingGateway, database: Database, full: bool
) -> None:
    """The same two jobs are measured in turns, from the start of an instance to its end: alone, and beside a type
    whose supplier answers nobody and one that fails again and again. Every effect is journalled, in one journal on
    one pool of connections. Medians of several rounds; the best of three, machines are busy."""
    journal = Journal(database)
    first, second, hanging = (Books(journal, kind) for kind in ("first", "second", "hanging"))

    async def poison(shopify_order_id: str) -> NoReturn:
        raise RuntimeError("always")

    slow, bad = Small(small.client), Small(small.client)
    await slow.deploy()
    await bad.deploy()
    jobs = [
        Job(f"{small.id}.first", first.buy_once),
        Job(f"{small.id}.second", second.buy_once),
        Job(f"{slow.id}.first", hanging.buy_once),
        Job(f"{bad.id}.first", poison),
    ]
    crowds = (range(number, number + 64) for number in itertools.count(step=64))
    orders, ratios = itertools.count(), list[float]()
    seconds = 10 if full else 2
    async with ours(gateway.address, *jobs):
        await latencies(small, 2, orders)
        while len(ratios) < 3 and min(ratios, default=MOST) >= MOST:
            alone, troubled = list[float](), list[float]()
            for _ in range(5 if full else 3):
                alone.append(p99(await latencies(small, seconds, orders)))
                hanging.answers.clear()
                await slow.start(next(crowds))
                await bad.start(range(20))
                await until(lambda: hanging.hanging > 0)
                troubled.append(p99(await latencies(small, seconds, orders)))
                assert hanging.hanging > 0
                hanging.answers.set()
                await until(lambda: not hanging.hanging)
            before, after = statistics.median(alone), statistics.median(troubled)
            ratios.append(after / before)
            print(f"p99 alone {before * 1000:.0f} ms, beside trouble {after * 1000:.0f} ms")  # noqa: T201  # figures
    assert min(ratios) <= MOST, ratios
    assert {*first.sold.values(), *second.sold.values()} == {1}


async def latencies(small: Small, seconds: float, orders: Iterator[int]) -> list[float]:
    """Seconds from start to end of instances that are started at a steady rate."""

    async def one(number: int) -> float:
        await asyncio.sleep(number / RATE)
        order = next(orders)
        variables = orjson.dumps({"shopify_order_id": str(order), "total": order}).decode()
        request = CreateProcessInstanceRequest(bpmnProcessId=small.id, version=-1, variables=variables)
        waited_for = CreateProcessInstanceWithResultRequest(request=request, requestTimeout=60_000)
        began = time.perf_counter()
        await patiently(lambda: small.client.gateway.CreateProcessInstanceWithResult(waited_for, timeout=60))
        return time.perf_counter() - began

    return await asyncio.gather(*(one(number) for number in range(int(seconds * RATE))))


def p99(values: list[float]) -> float:
    """What 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]
