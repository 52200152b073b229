"""Starts instances for every client alike: `python -m tests.bench.clients.starter ADDRESS`; ends with its input.

Each line of its input is an order, each answer a line of JSON with what was done:
`run PROCESS COUNT SECONDS IN_FLIGHT` keeps so many in flight until so many have ended or the time is over;
`pace PROCESS RATE SECONDS` starts instances at fixed times.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from itertools import count

import grpc
import orjson
import uvloop
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest, CreateProcessInstanceWithResultRequest
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.engine import open_channel

PATIENCE = 60.0
_numbers = count(int(time.time() * 1000))


class Starter:
    """Waits for every instance's end: the engine says so itself, so that no client has to."""

    def __init__(self, stub: GatewayStub) -> None:
        self._stub = stub
        self._ended = 0

    async def run(self, process: str, most: int, seconds: float, in_flight: int) -> dict[str, float]:
        """Instances that have ended, and the seconds until the last of them."""
        self._ended = 0
        left = iter(range(most))
        began = time.monotonic()
        await asyncio.gather(*(self._some(process, left, began + seconds) for _ in range(in_flight)))
        return {"instances": self._ended, "seconds": time.monotonic() - began}

    async def pace(self, process: str, rate: float, seconds: float) -> dict[str, float]:
        """The same for instances that start at fixed times."""
        self._ended = 0
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
                group.create_task(self._one(process))
        return {"instances": self._ended, "seconds": time.monotonic() - began}

    async def _some(self, process: str, left: Iterator[int], ends: float) -> None:
        """`left` is shared by all who start."""
        for _ in left:
            if time.monotonic() > ends:
                return
            await self._one(process)

    async def _one(self, process: str) -> None:
        variables = orjson.dumps({"shopify_order_id": str(next(_numbers))}).decode()
        create = CreateProcessInstanceRequest(bpmnProcessId=process, version=-1, variables=variables)
        request = CreateProcessInstanceWithResultRequest(
            request=create, requestTimeout=int(PATIENCE * 1000), fetchVariables=["none"]
        )
        while True:
            try:
                await self._stub.CreateProcessInstanceWithResult(request, timeout=PATIENCE)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.05))
            else:
                self._ended += 1
                return


async def obey(address: str) -> None:
    channel = open_channel(address)
    starter = Starter(GatewayStub(channel))
    while line := await asyncio.to_thread(sys.stdin.readline):
        order, process, *numbers = line.split()
        if order == "run":
            most, seconds, in_flight = numbers
            done = await starter.run(process, int(most), float(seconds), int(in_flight))
        else:
            rate, seconds = numbers
            done = await starter.pace(process, float(rate), float(seconds))
        print(orjson.dumps(done).decode(), flush=True)  # noqa: T201  # what the bench reads
    await channel.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(obey(sys.argv[1]))
