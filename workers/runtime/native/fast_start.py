"""Starting the broker in half the time, and warm: Java's ahead-of-time cache.

From Java 25 on, one recorded run writes loaded classes and method profiles to a file that later runs begin with.
What was practised in it (practice.py) is compiled at once in later runs: else compiling takes a third of the
broker's CPU in its first minutes. A file that does not fit is ignored.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workers.runtime.native.camunda import Broker, Records
from workers.runtime.native.children import Child, Program
from workers.runtime.native.engine import Engine
from workers.runtime.native.health import answers
from workers.runtime.native.java import Java
from workers.runtime.native.locks import exclusive
from workers.runtime.native.ports import HOST, StackPorts, free_base_port

LEAST_JAVA = 25
RECORDING_SECONDS = 180
PRACTICE_SECONDS = 40
PRACTISED = 1
"""Counts up with what is practised, so that older recordings are made anew."""
QUIET = "-Xlog:aot*=error"


def fast_start(java: Java, engine: Engine, report: Callable[[str], None]) -> list[str]:
    """JVM options that start the broker fast; recorded at the first call, which takes about 90 s.

    Empty when this Java cannot do it or the recording failed: the broker then merely starts slower.
    """
    if java.version < LEAST_JAVA:
        return []
    recorded = _file(java, engine)
    with exclusive(engine.folder.with_name("fast-start.lock")):
        if not recorded.exists():
            report("Recording a fast start of the engine (once, about 90 s)")
            _record(java, engine, recorded)
    return [f"-XX:AOTCache={recorded}", QUIET] if recorded.stat().st_size else []


def _file(java: Java, engine: Engine) -> Path:
    # not where Java lies: each checkout has its own copy
    belongs_to = f"{PRACTISED} {java.description} {engine.class_path}"
    key = hashlib.sha256(belongs_to.encode()).hexdigest()[:12]
    return engine.folder.with_name(f"{engine.folder.name}-fast-start-{key}.aot")


def _record(java: Java, engine: Engine, target: Path) -> None:
    """Leaves the recording at `target`, or an empty file when it failed, so that it is not tried every time."""
    for interrupted in target.parent.glob("recording-*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="recording-", dir=target.parent))
    fresh = folder / "fast-start.aot"
    ports = StackPorts(free_base_port())
    records = Records(url=f"http://{HOST}:{ports.bridge}", password="practice")  # noqa: S106  # nobody asks for it
    broker = Broker(number=0, folder=folder, ports=ports, heap="1g", records=records)
    try:
        broker.write_configuration()
        child = Child(
            Program(
                name="recording",
                command=broker.command(java, engine, [f"-XX:AOTCacheOutput={fresh}", QUIET]),
                log=folder / "recording.log",
                stop_seconds=RECORDING_SECONDS,
            )
        )
        deadline = time.monotonic() + RECORDING_SECONDS
        while not (ready := answers(broker.health_url())) and child.running() and time.monotonic() < deadline:
            time.sleep(0.2)
        if ready:
            _practise(ports, folder / "practice.log")
        child.stop()  # the JVM writes the file as it ends
        if ready and fresh.exists():
            fresh.rename(target)
        else:
            target.touch()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _practise(ports: StackPorts, log: Path) -> None:
    """Without it the recording is only of the start; that is no reason to have none."""
    work = [f"{HOST}:{ports.broker(0).grpc}", str(ports.bridge), str(PRACTICE_SECONDS)]
    with log.open("wb") as said, suppress(subprocess.TimeoutExpired):
        command = [sys.executable, "-m", "workers.runtime.native.practice", *work]
        subprocess.run(command, stdout=said, stderr=said, timeout=PRACTICE_SECONDS * 2, check=False)
