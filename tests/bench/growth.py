"""How it grows: more worker processes, more partitions, more rows."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from tests.bench import orders, rows
from tests.bench.ground import Ground, Lengths, ground
from workers.runtime.native.children import Child, Program

WORKERS = (1, 2, 4)
PARTITIONS = 3
WORKER_LENGTHS = Lengths(warm=6, window=6, rounds=3)
PARTITION_LENGTHS = Lengths(warm=35, window=6, rounds=3)
"""The broker of a second stack begins cold."""
QUICK = Lengths(warm=2, window=3, quick=True)


async def measure(floor: Ground) -> dict[str, Any]:
    """The figures of this part. Short, it leaves out the stack with more partitions."""
    quick = floor.lengths.quick
    by_workers = {str(count): await _with_workers(floor, count) for count in WORKERS}
    by_partitions = {} if quick else {"1": by_workers["1"], str(PARTITIONS): await _with_partitions(floor)}
    by_rows = await rows.measure(floor.stack.database_url, floor.say, quick=quick)
    return {
        "orders_per_s_by_workers": by_workers,
        "orders_per_s_by_partitions": by_partitions,
        **{f"{what}_p50_ms_by_rows": each for what, each in by_rows.items()},
    }


async def _with_workers(floor: Ground, count: int) -> float:
    with _more_workers(floor, count - 1) as pids:
        lengths = QUICK if floor.lengths.quick else WORKER_LENGTHS
        floor.say(f"Growth: {count} workers")
        measured = await orders.measure(replace(floor, lengths=lengths, pids={**floor.pids, **pids}))
    return float(measured["orders_per_s"])


async def _with_partitions(floor: Ground) -> float:
    """On a stack of its own; the first one is idle meanwhile."""
    floor.say(f"Growth: {PARTITIONS} partitions")
    with ground(PARTITION_LENGTHS, floor.say, partitions=PARTITIONS) as other:
        measured = await orders.measure(other)
    return float(measured["orders_per_s"])


@contextmanager
def _more_workers(floor: Ground, count: int) -> Iterator[dict[str, int]]:
    """So many worker processes beside the stack's own, by name."""
    with ExitStack() as running:
        pids = {}
        for name in (f"worker_{number + 2}" for number in range(count)):
            child = Child(
                Program(
                    name=name,
                    command=[sys.executable, "-m", "workers.runtime.cli", "worker"],
                    log=floor.stack.config.logs_dir / f"{name}.log",
                    environment=floor.stack.environment(),
                )
            )
            running.callback(child.stop)
            pids[name] = child.pid
        yield pids
