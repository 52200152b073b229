"""Processes by identity. A pid alone says nothing after a reboot or a while: pid and time of creation do."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Identity:
    """One particular process, not whoever has its number now."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The identity of a living process; raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def load(cls, value: Any) -> "Identity | None":
        """From what `dump` returned; None for None."""
        return cls(int(value["pid"]), float(value["created"])) if value else None

    def dump(self) -> dict[str, float]:
        """For a state file."""
        return {"pid": self.pid, "created": self.created}

    def process(self) -> psutil.Process | None:
        """The process, or None when it is gone and its number perhaps somebody else's."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            # the system computes it from the time since boot, which moves a little when the clock is set
            if abs(process.create_time() - self.created) < 2 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def alive(self) -> bool:
        """Whether exactly this process lives."""
        return self.process() is not None


def wait_gone(identities: Iterable[Identity], seconds: float) -> list[Identity]:
    """Waits until all are gone; returns those that are not."""
    remaining = list(identities)
    deadline = time.monotonic() + seconds
    while (remaining := [one for one in remaining if one.alive()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return remaining


def end(identities: Iterable[Identity], seconds: float) -> None:
    """SIGTERM, and SIGKILL for who is left after the limit; only ever to exactly these processes."""
    chosen = list(identities)
    for one in chosen:
        if process := one.process():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
    for one in wait_gone(chosen, seconds):
        if process := one.process():
            with suppress(psutil.NoSuchProcess):
                process.kill()
    wait_gone(chosen, 5)
