"""Starting programs so that they cannot outlive us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.runtime.errors import UserError
from workers.runtime.native import leash

ROTATE_BYTES = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, how to tell that it is ready, and how to end it."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str = "-"
    niceness: int = 0
    """How much it lets other programs go first: 0 to 19."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    ready: Callable[[], bool] = lambda: True
    ready_seconds: float = 120
    address: str = ""
    """Where it is reached, for people."""


class Child:
    """A running program together with its leash."""

    def __init__(self, program: Program) -> None:
        """Starts it; raises UserError when it cannot be started at all."""
        self.program = program
        self.started = time.time()
        held, self._lifeline = os.pipe()
        said, answer = os.pipe()
        try:
            self._leash = _start_leash(program, held, answer)
        finally:
            os.close(held)
            os.close(answer)
        with os.fdopen(said) as pid:
            line = pid.readline().strip()
        if not line:
            self.stop()
            raise UserError(f"The {program.name} could not be started.", hint=f"Its log is {program.log}.")
        self.pid = int(line)
        self.leash_pid = self._leash.pid

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._leash.poll() is None

    def wait(self) -> int:
        """Waits for its end and returns its exit code."""
        return self._leash.wait()

    def stop(self) -> None:
        """Asks it to end, insists after its limit, and returns when it is gone. Harmless to repeat."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        try:
            self._leash.wait(self.program.stop_seconds + 10)
        except subprocess.TimeoutExpired:
            self._leash.kill()
            self._leash.wait()


def _start_leash(program: Program, lifeline: int, answer: int) -> "subprocess.Popen[bytes]":
    rotate(program.log)
    how = [program.stop_signal.name, str(program.stop_seconds), program.user, str(program.niceness)]
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", leash.__file__, *how, *program.command],
            stdin=lifeline,
            stdout=answer,
            stderr=log,
            cwd=program.folder,
            env={**os.environ, **program.environment},
            start_new_session=True,
        )


def rotate(log: Path) -> None:
    """Sets a log that has grown large aside, keeping one older."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > ROTATE_BYTES:
        log.replace(log.with_suffix(".old.log"))


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, for a message."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(line[:300] for line in lines[-count:])
