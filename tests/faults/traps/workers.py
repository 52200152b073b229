"""Two workers for the same jobs: plain pyzeebe as its documentation shows it, and our host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from pyzeebe import Job as PyzeebeJob
from pyzeebe import ZeebeWorker, create_insecure_channel

from workers.runtime.engine import open_channel
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job

Guard = Callable[[PyzeebeJob], Awaitable[PyzeebeJob]]


class Plain:
    """A ZeebeWorker with its defaults, and the task that runs its `work()`."""

    def __init__(self, address: str, jobs: list[Job], *, stream: bool, before: Sequence[Guard] = ()) -> None:
        self.channel = create_insecure_channel(grpc_address=address)
        self.worker = ZeebeWorker(self.channel, stream_enabled=stream, before=list(before))
        for job in jobs:
            self.worker.task(
                job.type, timeout_ms=int(job.timeout.total_seconds() * 1000), max_running_jobs=job.max_running
            )(job.handler)
        self.working = asyncio.create_task(self.worker.work())

    @property
    def ended(self) -> bool:
        """`work()` is over."""
        return self.working.done()

    @property
    def idle(self) -> bool:
        """`work()` runs, but never asks for a job again."""
        return not self.working.done() and not self.worker.zeebe_adapter.connected


@asynccontextmanager
async def plain(
    address: str, *jobs: Job, stream: bool = True, before: Sequence[Guard] = ()
) -> AsyncIterator[Plain]:
    """Plain pyzeebe at work."""
    worker = Plain(address, list(jobs), stream=stream, before=before)
    try:
        yield worker
    finally:
        worker.working.cancel()
        await asyncio.gather(worker.working, return_exceptions=True)
        await worker.channel.close()


@asynccontextmanager
async def ours(address: str, *jobs: Job) -> AsyncIterator[Host]:
    """Our host at work, through a connection of its own."""
    channel, stop = open_channel(address), asyncio.Event()
    host = Host(jobs, GrpcJobGateway(channel))
    task = asyncio.create_task(host.run(stop))
    try:
        yield host
        assert not task.done(), "the host ended by itself"
    finally:
        stop.set()
        await task
        await channel.close()
