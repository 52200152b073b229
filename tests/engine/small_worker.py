"""A worker process of one slow job type: `python -m tests.engine.small_worker ADDRESS TYPE SECONDS`."""

import asyncio
import sys
from datetime import timedelta

from workers.runtime import logs
from workers.runtime.engine import open_channel
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job
from workers.runtime.signals import told_to_stop


async def serve(address: str, job_type: str, seconds: float) -> None:
    async def handler(shopify_order_id: str) -> None:
        print("begun", shopify_order_id, flush=True)  # noqa: T201  # what the test reads
        await asyncio.sleep(seconds)
        print("done", shopify_order_id, flush=True)  # noqa: T201

    channel = open_channel(address)
    try:
        job = Job(job_type, handler, timeout=timedelta(seconds=60))
        await Host([job], GrpcJobGateway(channel)).run(told_to_stop())
    finally:
        await channel.close()


if __name__ == "__main__":
    logs.configure()
    asyncio.run(serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))
