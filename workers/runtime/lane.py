"""The lane of one job type: a stream that pushes, a slow poll for what no stream pushes, and a bounded number
of handlers at work.

Whoever brings a job waits for a free slot before looking for the next one. While all slots are taken the stream is
not read, so the engine stops pushing and keeps the jobs for other workers; the poll fetches what was put back.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import grpc
import structlog
from pyzeebe.proto.gateway_pb2 import ActivatedJob

from workers.runtime import tracing
from workers.runtime.dispatch import Dispatcher
from workers.runtime.gateway import JobGateway, Subscription
from workers.runtime.health import Health
from workers.runtime.jobs import Job
from workers.runtime.lease import EngineClock

log = structlog.get_logger()

POLL_MS = 30_000
"""How long the engine holds a poll that finds nothing."""
AT_ONCE = -1
SETTLED = 2.0
"""Seconds after which a stream that did not fail counts as open: an idle one never says so."""


class BackOff:
    """Jittered exponential waits of 0.1 to 5 s."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        """It worked."""
        self._failures = 0

    async def sleep(self) -> None:
        """Wait longer than the last time, by chance more or less."""
        longest = min(0.1 * 2 ** min(self._failures, 8), 5.0)
        self._failures += 1
        await asyncio.sleep(random.uniform(0.1, max(longest, 0.1)))  # noqa: S311  # spreads load


class Lane:
    """Fetches and does the jobs of one type until it is closed and drained."""

    def __init__(self, job: Job, gateway: JobGateway, worker: str) -> None:
        self.health = Health(job.type, job.max_running)
        self._job = job
        self._gateway = gateway
        self._dispatcher = Dispatcher(job, gateway)
        self._clock = EngineClock(job.timeout.total_seconds())
        self._slots = asyncio.Semaphore(job.max_running)
        self._running: set[asyncio.Task[None]] = set()
        self._held: dict[int, ActivatedJob] = {}
        """Ours but not begun: waiting for a slot."""
        self._wanted = Subscription(
            job_type=job.type,
            worker=worker,
            timeout_ms=int(job.timeout.total_seconds() * 1000),
            variables=self._dispatcher.arguments.names + (tracing.VARIABLES if tracing.on() else ()),
        )
        self._sources: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to fetch jobs."""
        self._sources = [
            asyncio.create_task(self._for_ever(way), name=f"{name} {self._job.type}")
            for name, way in (("stream", self._stream), ("poll", self._poll))
        ]

    async def close(self) -> None:
        """Fetch no more, and give back what was fetched but not begun."""
        for source in self._sources:
            source.cancel()
        await asyncio.gather(*self._sources, self._dispatcher.stop_waiting(), return_exceptions=True)
        held = list(self._held.values())
        self._held.clear()
        await asyncio.gather(*(self._dispatcher.give_back(raw) for raw in held))

    async def drain(self, limit: float, after: float) -> int:
        """Wait for the handlers at work; after `limit` seconds stop them, giving their jobs back.

        Returns how many did not even end within `after` more seconds.
        """
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=limit)
        if not late:
            return 0
        self._dispatcher.stop_handlers()
        _, stuck = await asyncio.wait(late, timeout=after)
        return len(stuck)

    async def _for_ever(self, way: Callable[[BackOff], Awaitable[None]]) -> None:
        """Nothing ends a source but closing the lane: not even a mistake of ours."""
        back_off = BackOff()
        while True:
            try:
                await way(back_off)
            except Exception:
                log.exception("source.crashed", job_type=self._job.type)
                await back_off.sleep()

    async def _stream(self, back_off: BackOff) -> None:
        """One stream from opening to end."""
        loop = asyncio.get_running_loop()
        settled = loop.call_later(SETTLED, self._stream_settled, back_off)
        asked = loop.time()
        status = grpc.StatusCode.OK
        try:
            async for raw in self._gateway.stream(self._wanted):
                now = loop.time()
                await self._begin(raw, self._clock.left(raw.deadline, now - asked))
                asked = loop.time()
        except grpc.aio.AioRpcError as error:
            status = error.code()
        finally:
            unsettled = loop.time() < settled.when()
            settled.cancel()
        if status is not grpc.StatusCode.DEADLINE_EXCEEDED or unsettled:
            self.health.stream.failed(status.name)
            await back_off.sleep()

    def _stream_settled(self, back_off: BackOff) -> None:
        back_off.reset()
        self.health.stream.succeeded()

    async def _poll(self, back_off: BackOff) -> None:
        """Poll until it fails: first for what lies there already, then slowly."""
        loop = asyncio.get_running_loop()
        wait_ms = AT_ONCE
        while True:
            await self._slot_is_free()
            try:
                jobs = await self._gateway.poll(self._wanted, self._free, wait_ms)
            except grpc.aio.AioRpcError as error:
                self.health.poll.failed(error.code().name)
                await back_off.sleep()
                return
            back_off.reset()
            self.health.poll.succeeded()
            wait_ms = AT_ONCE if jobs else POLL_MS
            arrived = loop.time()
            self._held.update((raw.key, raw) for raw in jobs)
            for raw in jobs:
                waited_here = loop.time() - arrived
                await self._begin(raw, self._job.timeout.total_seconds() - waited_here)

    @property
    def _free(self) -> int:
        return max(self._job.max_running - len(self._running), 1)

    async def _slot_is_free(self) -> None:
        async with self._slots:
            return

    async def _begin(self, raw: ActivatedJob, left: float) -> None:
        """Start the job as soon as a slot is free, unless it is no longer ours by then."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + left
        self._held[raw.key] = raw
        await self._slots.acquire()
        self._held.pop(raw.key, None)
        left = ends - loop.time()
        if left <= 0:
            self._slots.release()
            self._dispatcher.drop(raw)
            return
        task = asyncio.create_task(self._dispatcher.do(raw, left))
        self._running.add(task)
        self.health.running = len(self._running)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.health.running = len(self._running)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()):
            log.error("dispatch.crashed", job_type=self._job.type, error=type(error).__name__, exc_info=error)
