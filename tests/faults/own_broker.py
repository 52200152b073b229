"""A broker that nobody starts again but the test: to be away for exactly as long as a test says."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from workers.runtime.native.camunda import Broker, Records
from workers.runtime.native.children import Child, Program, last_lines
from workers.runtime.native.config import default_cache
from workers.runtime.native.engine import prepare_engine
from workers.runtime.native.fast_start import fast_start
from workers.runtime.native.health import answers
from workers.runtime.native.java import find_java
from workers.runtime.native.ports import HOST, StackPorts

READY_SECONDS = 90


class OwnBroker:
    """Broker 0 of an instance without a supervisor; its data outlive every kill. `stop` it at the end."""

    def __init__(self, folder: Path, ports: StackPorts, records: Records) -> None:
        java, engine = find_java(None), prepare_engine(default_cache(), lambda _done, _total: None)
        options = fast_start(java, engine, lambda _: None)
        self._broker = Broker(
            number=0, folder=folder, ports=ports, heap="512m", controlled_clock=True, records=records
        )
        self._broker.write_configuration()
        command = self._broker.command(java, engine, options)
        self._program = Program(name="broker", command=command, log=folder / "broker.log", folder=folder)
        self._child: Child | None = None
        self._ahead = timedelta(0)
        own = ports.broker(0)
        self.grpc_address = f"{HOST}:{own.grpc}"
        self.rest_url = f"http://{HOST}:{own.rest}"
        self.management_url = f"http://{HOST}:{own.management}"

    async def start(self) -> None:
        """Start it, and return as soon as it says that it is ready and has its clock where it was moved to."""
        self._child = await asyncio.to_thread(Child, self._program)
        deadline = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(answers, self._broker.health_url()):
            assert time.monotonic() < deadline, last_lines(self._program.log)
            await asyncio.sleep(0.1)
        await self._clock("POST", "/add", json={"offsetMilli": self._ahead // timedelta(milliseconds=1)})

    async def now(self) -> datetime:
        """By its own clock, which tests move."""
        return await self._clock("GET")

    async def kill(self) -> None:
        """As the power supply would.

        Its clock would go right at the next start. Nobody's clock goes back by days: the time-out of a job that
        was just on its way to a worker would then be days away.
        """
        self._ahead = await self.now() - datetime.now(UTC)
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(self.stop)

    def freeze(self) -> None:
        """Its connections stay open, and nothing answers any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it. Harmless to repeat."""
        if self._child is not None:
            self._child.stop()
        self._child = None

    async def _clock(self, method: str, path: str = "", **more: Any) -> datetime:
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, f"{self.management_url}/actuator/clock{path}", **more)
        return datetime.fromtimestamp(answer.raise_for_status().json()["epochMilli"] / 1000, UTC)

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, number)
