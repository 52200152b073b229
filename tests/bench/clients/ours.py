"""Our worker host: `python -m tests.bench.clients.ours ADDRESS CLIENT DATABASE_URL`; ends with its input.

CLIENT `ours` has handlers that do nothing, `ours_journal` one journalled effect per job. `ours_timed` notes how
long each job takes from its arrival to the engine's receipt, and prints the milliseconds at the end.
"""

# ruff: noqa: E402  # gRPC is told how to work before anything imports it, as `orderops worker` does
from workers.runtime.transport import tune_grpc

tune_grpc()

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvloop
from pyzeebe.proto.gateway_pb2 import ActivatedJob

from tests.bench.clients.programs import input_ends
from tests.bench.clients.two_tasks import job_types
from workers.casefile.db import Database
from workers.casefile.journal import Intent, Journal
from workers.runtime import logs
from workers.runtime.context import current_job
from workers.runtime.engine import open_channel
from workers.runtime.gateway import GrpcJobGateway, Subscription
from workers.runtime.host import Host
from workers.runtime.jobs import Handler, Job
from workers.runtime.memory import settle


@dataclass(frozen=True, slots=True)
class Done:
    """What the effect gave."""

    number: str


class TimedGateway(GrpcJobGateway):
    """Notes when a job arrived and when its completion was acknowledged."""

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        self.took_ms: list[float] = []
        self._arrived: dict[int, float] = {}

    async def stream(self, wanted: Subscription) -> AsyncIterator[ActivatedJob]:
        async for job in super().stream(wanted):
            self._arrived[job.key] = time.perf_counter()
            yield job

    async def complete(self, key: int, variables: bytes, limit: float) -> None:
        await super().complete(key, variables, limit)
        if arrived := self._arrived.pop(key, None):
            self.took_ms.append(1000 * (time.perf_counter() - arrived))


def journalled(database: Database) -> Handler:
    """A handler with one effect, which does nothing outside."""
    journal = Journal(database)

    async def call() -> Done:
        return Done("1")

    async def find(_: Any) -> None:
        return None

    async def handler(shopify_order_id: str) -> Done:
        job = current_job()
        assert job is not None
        key = f"{job.job_type}:{shopify_order_id}"
        return await journal.once(Intent(key, "bench", shopify_order_id, {}, Done, call, find))

    return handler


async def nothing(shopify_order_id: str) -> None:
    """A handler that does nothing."""


async def serve(address: str, client: str, database_url: str) -> None:
    database = Database(database_url)
    handler = journalled(database) if client == "ours_journal" else nothing
    channel = open_channel(address)
    gateway = TimedGateway(channel) if client == "ours_timed" else GrpcJobGateway(channel)
    jobs = [Job(job_type, handler) for job_type in job_types(client)]
    settle()  # as `orderops worker` does
    try:
        await Host(jobs, gateway).run(input_ends())
    finally:
        await channel.close()
        await database.close()
    if isinstance(gateway, TimedGateway):
        print(*(f"{ms:.3f}" for ms in gateway.took_ms))  # noqa: T201  # what the bench reads


if __name__ == "__main__":
    logs.configure("json")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
