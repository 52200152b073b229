"""A worker that hears nothing of an engine which answers others: `python -m tests.runtime.deaf_worker`."""

import asyncio
import sys
from collections import deque

import grpc

from tests.fakes.job_gateway import FakeJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job
from workers.runtime.monitor import DEAF_SECONDS, run_until_deaf


async def serve() -> int:
    async def handler(shopify_order_id: str) -> None: ...

    async def others_are_answered() -> bool:
        return True

    trouble = [grpc.StatusCode.INTERNAL] * 999
    gateway = FakeJobGateway(
        poll_trouble=deque(trouble),
        stream_trouble=deque(trouble),
    )
    host = Host([Job("test.do", handler)], gateway, drain_seconds=1)
    host.health["test.do"].since -= DEAF_SECONDS
    return 0 if await run_until_deaf(host, others_are_answered) else 3


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
