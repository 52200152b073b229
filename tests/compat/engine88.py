"""The engine of Camunda 8.8 for tests: in memory, gRPC only, without containers and without Maven.

Its jars come from Maven Central (or a mirror named in jgo's configuration) into the cache; the second time nothing
is downloaded. They are Camunda's own test engine; `engine88.groovy` starts it, since it has no main class.
"""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from tests.maven import jars
from workers.runtime.errors import UserError
from workers.runtime.native.java import find_java
from workers.runtime.native.ports import HOST, free_base_port

VERSION = "8.8.21"
JARS = f"io.camunda:zeebe-process-test-engine:{VERSION}+org.apache.groovy:groovy:5.0.5"
SCRIPT = Path(__file__).with_name("engine88.groovy")


@dataclass(frozen=True)
class Engine88:
    """A running engine."""

    grpc_address: str
    _process: "subprocess.Popen[str]"
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def travel(self, time: timedelta) -> None:
        """Let the engine's time pass; timers that become due fire soon after."""
        self._ask(f"travel PT{time.total_seconds()}S")

    def records(self, after: int) -> list[dict[str, Any]]:
        """The engine's own events after this position, as its exporter would send them."""
        records: list[dict[str, Any]] = orjson.loads(self._ask(f"records {after}"))
        return records

    def _ask(self, order: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            print(order, file=self._process.stdin, flush=True)
            return self._process.stdout.readline()


@contextmanager
def running_engine88(log: Path) -> Iterator[Engine88]:
    """The engine for as long as the block lasts, and never longer than this process: it ends with its input."""
    port = free_base_port()
    class_path = ":".join(str(jar) for jar in jars(JARS, f"the engine of Camunda {VERSION}"))
    memory = ["-Xmx2g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    java = [str(find_java().path), *memory, "-cp", class_path, "groovy.ui.GroovyMain"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*java, str(SCRIPT), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        try:
            _await_ready(process, log)
            yield Engine88(f"{HOST}:{port}", process)
        finally:
            _stop(process)


def _await_ready(process: "subprocess.Popen[str]", log: Path) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise UserError(f"The engine of Camunda {VERSION} did not start:\n{log.read_text()[-2000:]}")


def _stop(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
