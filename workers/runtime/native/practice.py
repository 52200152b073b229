"""Work of the kind the engine will have, for the recording of its fast start (fast_start.py).

    python -m workers.runtime.native.practice ADDRESS PORT SECONDS

Keeps instances of practice.bpmn coming to the gateway at ADDRESS for so long, does their jobs, and takes the
records at PORT. Nothing of it is kept.
"""

# ruff: noqa: E402  # gRPC is told how to work before anything imports it
from workers.runtime.transport import tune_grpc

tune_grpc()

import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from time import monotonic

import grpc
import orjson
from pyzeebe.proto.gateway_pb2 import (
    CompleteJobRequest,
    DeployResourceRequest,
    PublishMessageRequest,
    Resource,
    StreamActivatedJobsRequest,
)
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.engine import open_channel
from workers.runtime.native.ports import HOST

IN_FLIGHT = 16
MODELS = ("practice.bpmn", "practice.dmn")
FOUND = {
    "practice.first": {
        "country": "DE",
        "address": {"city": "Berlin", "postcode": "10115", "problems": []},
        "offers": [
            {"supplier": "cj", "cost": 2_400, "days": 8, "in_stock": True},
            {"supplier": "local", "cost": 2_900, "days": 2, "in_stock": True},
            {"supplier": "other", "cost": 2_100, "days": 14, "in_stock": False},
        ],
    },
    "practice.second": {"order_id": "CJ-100001", "cost": 2_400},
    "practice.third": {},
}
"""By job type: what its job comes back with."""


class _Records(BaseHTTPRequestHandler):
    """Says of everything that it was taken, as Elasticsearch would."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # named by the standard library
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = b'{"took":1,"errors":false,"items":[],"acknowledged":true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing is said of requests."""


async def practise(address: str, seconds: float) -> int:
    """Deploy, and keep instances coming for so long; gives how many were started."""
    channel = open_channel(address)
    stub = GatewayStub(channel)
    folder = Path(__file__).parent
    files = [Resource(name=name, content=(folder / name).read_bytes()) for name in MODELS]
    await stub.DeployResource(DeployResourceRequest(resources=files))
    numbers, ends = count(1), monotonic() + seconds
    working = [asyncio.create_task(_work(stub, job_type)) for job_type in FOUND]
    await asyncio.gather(*(_start(stub, numbers, ends) for _ in range(IN_FLIGHT)))
    for task in working:
        task.cancel()
    await asyncio.wait(working, timeout=2)
    await channel.close()
    return next(numbers) - 1


async def _start(stub: GatewayStub, numbers: Iterator[int], ends: float) -> None:
    while monotonic() < ends:
        key = f"practice-{next(numbers)}"
        for name in ("practice_begins", "practice_answered"):
            message = PublishMessageRequest(
                name=name, correlationKey=key, timeToLive=60_000, messageId=key, variables=f'{{"key":"{key}"}}'
            )
            try:
                await stub.PublishMessage(message, timeout=10)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)


async def _work(stub: GatewayStub, job_type: str) -> None:
    request = StreamActivatedJobsRequest(type=job_type, worker="practice", timeout=60_000)
    found = orjson.dumps(FOUND[job_type]).decode()
    async with asyncio.TaskGroup() as group:
        async for job in stub.StreamActivatedJobs(request):
            group.create_task(_complete(stub, job.key, found))


async def _complete(stub: GatewayStub, key: int, variables: str) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError):
        await stub.CompleteJob(CompleteJobRequest(jobKey=key, variables=variables), timeout=10)


def main(address: str, port: str, seconds: str) -> None:
    """Practise, and say how many instances there were."""
    server = ThreadingHTTPServer((HOST, int(port)), _Records)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(asyncio.run(practise(address, float(seconds))))  # noqa: T201  # for the log of the recording


if __name__ == "__main__":
    main(*sys.argv[1:])
