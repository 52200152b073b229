"""What processes cost: CPU seconds of whole process trees, and percentiles of what was waited."""

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

import psutil


def cpu_seconds(pid: int) -> float:
    """CPU of a process and its children, those that have ended included; 0 when it is gone."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])  # user and system, its own and of ended children
    return total


class Meter:
    """CPU and time since it was made: of process trees by name, and of this process alone as `bench`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = self._cpu()
        self._began = time.monotonic()

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()} | {"bench": time.process_time()}

    def read(self) -> tuple[float, dict[str, float]]:
        """Seconds that have passed, and CPU seconds by name."""
        now = self._cpu()
        return time.monotonic() - self._began, {name: now[name] - self._before[name] for name in now}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed; 0 when there are none."""
    if not values:
        return 0.0
    return sorted(values)[max(ceil(share * len(values)) - 1, 0)]


def medians(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each figure of several rounds, nested ones too; a figure that a round lacks does not count there."""
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: _median([each[name] for each in rounds if name in each]) for name in names}


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return medians(values)
    return round(statistics.median(values), 3)
