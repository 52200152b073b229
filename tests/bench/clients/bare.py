"""The least that Python's gRPC takes: `python -m tests.bench.clients.bare ADDRESS CLIENT`; ends with its input.

Jobs come from a stream and are completed at once: no retries, no time-outs kept, no logs, no validation. What our
host takes beyond this is its own.
"""

# ruff: noqa: E402  # gRPC is told how to work before anything imports it, as `orderops worker` does
from workers.runtime.transport import tune_grpc

tune_grpc()

import asyncio
import sys

import uvloop
from pyzeebe.proto.gateway_pb2 import ActivateJobsRequest, CompleteJobRequest, StreamActivatedJobsRequest
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from tests.bench.clients.programs import input_ends
from tests.bench.clients.two_tasks import job_types
from workers.runtime.engine import open_channel


async def serve(address: str, client: str) -> None:
    channel = open_channel(address)
    stub = GatewayStub(channel)
    under_way: set[asyncio.Task[None]] = set()

    async def complete(key: int) -> None:
        await stub.CompleteJob(CompleteJobRequest(jobKey=key, variables="{}"), timeout=10)

    def begin(key: int) -> None:
        task = asyncio.create_task(complete(key))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    async def stream(job_type: str) -> None:
        request = StreamActivatedJobsRequest(
            type=job_type, worker="bare", timeout=60_000, fetchVariable=["shopify_order_id"]
        )
        async for job in stub.StreamActivatedJobs(request):
            begin(job.key)

    async def fetch(job_type: str) -> None:
        """What was there before the stream."""
        request = ActivateJobsRequest(
            type=job_type, worker="bare", timeout=60_000, maxJobsToActivate=32, requestTimeout=-1
        )
        async for answer in stub.ActivateJobs(request):
            for job in answer.jobs:
                begin(job.key)

    streams = [asyncio.create_task(stream(job_type)) for job_type in job_types(client)]
    ends = input_ends()
    await asyncio.sleep(1)
    for job_type in job_types(client):
        await fetch(job_type)
    await ends.wait()
    for task in streams:
        task.cancel()
    await asyncio.wait(streams, timeout=2)
    await channel.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
