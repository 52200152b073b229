"""A broker that nobody starts again but the test: to be away for exactly as long as a test says.

Its clock is nobody's to move: it would go right at the next start, and whatever has a time with it.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

from workers.runtime.native.camunda import Broker, Records
from workers.runtime.native.children import Child, Program, last_lines
from workers.runtime.native.config import default_cache
from workers.runtime.native.engine import prepare_engine
from workers.runtime.native.fast_start import fast_start
from workers.runtime.native.health import answers
from workers.runtime.native.java import find_java
from workers.runtime.native.jvm import COMPILE_QUICKLY
from workers.runtime.native.ports import HOST, StackPorts

READY_SECONDS = 90


class OwnBroker:
    """Broker 0 of an instance without a supervisor; its data outlive every kill. `stop` it at the end."""

    def __init__(self, folder: Path, ports: StackPorts, records: Records) -> None:
        java, engine = find_java(None), prepare_engine(default_cache(), lambda _done, _total: None)
        options = [*fast_start(java, engine, lambda _: None), COMPILE_QUICKLY]
        self._broker = Broker(number=0, folder=folder, ports=ports, heap="512m", records=records)
        self._broker.write_configuration()
        command = self._broker.command(java, engine, options)
        self._program = Program(name="broker", command=command, log=folder / "broker.log", folder=folder)
        self._child: Child | None = None
        own = ports.broker(0)
        self.grpc_address = f"{HOST}:{own.grpc}"
        self.rest_url = f"http://{HOST}:{own.rest}"
        self.management_url = f"http://{HOST}:{own.management}"

    async def start(self) -> None:
        """Start it, and return as soon as it says that it is ready."""
        self._child = await asyncio.to_thread(Child, self._program)
        deadline = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(answers, self._broker.health_url()):
            assert time.monotonic() < deadline, last_lines(self._program.log)
            await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """As the power supply would."""
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

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, number)
