"""Plain pyzeebe: `python -m tests.bench.clients.plain ADDRESS CLIENT`; ends with its input.

CLIENT `pyzeebe_streaming` streams, on uvloop; `pyzeebe_polling` is what its documentation shows.
"""

import asyncio
import sys
from typing import Any

import uvloop
from pyzeebe import ZeebeWorker, create_insecure_channel

from tests.bench.clients.programs import input_ends
from tests.bench.clients.two_tasks import job_types


async def serve(address: str, client: str) -> None:
    channel = create_insecure_channel(grpc_address=address)
    worker = ZeebeWorker(channel, max_connection_retries=-1, stream_enabled=client == "pyzeebe_streaming")

    async def nothing(shopify_order_id: str) -> dict[str, Any]:
        return {}

    for job_type in job_types(client):
        worker.task(task_type=job_type, timeout_ms=60_000)(nothing)  # type: ignore[arg-type]  # its overloads take no function
    working = asyncio.create_task(worker.work())
    await input_ends().wait()
    working.cancel()
    await asyncio.wait([working], timeout=2)


if __name__ == "__main__":
    factory = uvloop.new_event_loop if sys.argv[2] == "pyzeebe_streaming" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(*sys.argv[1:]))
