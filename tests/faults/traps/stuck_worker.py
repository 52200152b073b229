"""A worker whose handlers hang: `python -m tests.faults.traps.stuck_worker ADDRESS TYPE HOW DRAIN HARD`."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import uvloop

from workers.runtime import logs
from workers.runtime.engine import open_channel
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job
from workers.runtime.signals import told_to_stop

LONG = 120.0
"""Seconds; far more than any test waits."""


async def waits() -> None:
    """Can be stopped."""
    await asyncio.sleep(LONG)


async def ignores_being_stopped() -> None:
    """Swallows every cancellation."""
    ends = time.monotonic() + LONG
    while time.monotonic() < ends:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG)


async def blocks_a_thread() -> None:
    """Python waits for its threads before it exits."""
    await asyncio.to_thread(time.sleep, LONG)


async def blocks_everything() -> None:
    """No other code of this process runs any more."""
    time.sleep(LONG)  # noqa: ASYNC251  # the mistake this worker is for


async def ends_soon() -> None:
    """Its handlers are done before the limit."""
    await asyncio.sleep(1)


HOW: Mapping[str, Callable[[], Awaitable[None]]] = {
    each.__name__: each for each in (waits, ignores_being_stopped, blocks_a_thread, blocks_everything, ends_soon)
}


async def serve(address: str, job_type: str, how: str, drain: float, limit: float) -> None:
    async def handler(shopify_order_id: str) -> None:
        print("begun", shopify_order_id, flush=True)  # noqa: T201  # what the test reads
        await HOW[how]()

    channel = open_channel(address)
    try:
        host = Host([Job(job_type, handler)], GrpcJobGateway(channel), drain_seconds=drain)
        await host.run(told_to_stop(limit))
    finally:
        await channel.close()


if __name__ == "__main__":
    logs.configure()
    uvloop.run(serve(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5])))
