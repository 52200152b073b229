"""What one job type does to the others, and to whoever asked for fewer calls."""

import asyncio
import statistics
import time
from datetime import timedelta
from itertools import pairwise
from typing import NoReturn

import orjson
import pytest
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest, CreateProcessInstanceWithResultRequest

from tests.engine.small import Small, until
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.errors import RateLimited
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

RATE = 15
"""Instances a second of the process that is measured."""
NOISE = 0.05
"""Seconds that this machine itself is worth."""


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
    small: Small, gateway: MisbehavingGateway, full: bool
) -> None:
    """The same type of job is measured in turns: alone, and with every slot of a second type taken for good while
    a third fails again and again. Medians of several rounds, from the start of an instance to its end."""
    busy = Busy()

    async def quick(shopify_order_id: str) -> None:
        pass

    async def poison(shopify_order_id: str) -> NoReturn:
        raise RuntimeError("always")

    slow, bad = Small(small.client), Small(small.client)
    await slow.deploy()
    await bad.deploy()
    jobs = [
        Job(f"{small.id}.first", quick),
        Job(f"{small.id}.second", quick),
        Job(f"{slow.id}.first", busy.do),
        Job(f"{bad.id}.first", poison),
    ]
    alone, troubled = [], []
    async with ours(gateway.address, *jobs):
        await latencies(small, 2)
        for _ in range(5 if full else 3):
            alone.append(p99(await latencies(small, 10 if full else 1.5)))
            await slow.start(range(64))
            await bad.start(range(20))
            await until(lambda: busy.running == 32)
            troubled.append(p99(await latencies(small, 10 if full else 1.5)))
            assert busy.running == 32
            busy.released.set()
            await until(lambda: not busy.running)
            busy.released.clear()
    before, after = statistics.median(alone), statistics.median(troubled)
    figures = f"p99 alone {before * 1000:.0f} ms, beside trouble {after * 1000:.0f} ms: {after / before:.2f} times"
    print(figures)  # noqa: T201  # figures for whoever runs with -rP
    assert after <= 2 * before + NOISE, figures


async def latencies(small: Small, seconds: float) -> list[float]:
    """Seconds from start to end of instances that are started at a steady rate."""

    async def one(order: int) -> float:
        await asyncio.sleep(order / RATE)
        variables = orjson.dumps({"shopify_order_id": str(order), "total": order}).decode()
        request = CreateProcessInstanceRequest(bpmnProcessId=small.id, version=-1, variables=variables)
        began = time.perf_counter()
        await small.client.gateway.CreateProcessInstanceWithResult(
            CreateProcessInstanceWithResultRequest(request=request, requestTimeout=20_000), timeout=20
        )
        return time.perf_counter() - began

    return await asyncio.gather(*(one(order) for order in range(int(seconds * RATE))))


def p99(values: list[float]) -> float:
    """What 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]
