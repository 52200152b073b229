"""Programs of the benchmarks: they get orders on their input, answer on their output, and end with their input."""

import asyncio
import os
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.runtime.errors import UserError
from workers.runtime.native.children import last_lines


def input_ends() -> asyncio.Event:
    """Set when this program's input has ended."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            event.set()

    loop.add_reader(sys.stdin, read)
    return event


class Program(AbstractContextManager["Program"]):
    """A running program. Leaving the block closes its input, and kills it when it does not end."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.pid = self._process.pid

    def ask(self, order: str) -> str:
        """Its answer to one line; raises UserError with the end of its log when it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            print(order, file=self._process.stdin, flush=True)
        if answer := self._process.stdout.readline():
            return answer
        raise UserError(f"A program of the benchmarks ended:\n{last_lines(self._log)}")

    def end(self) -> str:
        """Close its input, wait for its end, and return what it had to say."""
        try:
            return self._process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.communicate()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.end()


def python(module: str, *arguments: str, log: Path) -> Program:
    """One of our own modules as a program."""
    return Program([sys.executable, "-m", f"tests.bench.clients.{module}", *arguments], log)
