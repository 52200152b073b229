"""How many records a second are taken in, by a real bridge over HTTP, as fast as it answers.

Bridge and PostgreSQL share one core; who sends has the others. One partition, one batch at a time: as the engine's
exporter sends after an outage.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bench.usage import Meter
from tests.scale.fill import Say
from tests.scale.programs import ENGINE, NDJSON, running
from tests.scale.stream import Stream, batches

BATCH = 200
WARM = 20
"""Batches that are not measured."""


def measure(database_url: str, postgres: int, folder: Path, number: int, say: Say) -> dict[str, Any]:
    """records_per_s over so many records, and the CPU that 1,000 of them take."""
    stream = Stream()
    with running("bridge", database_url, folder / "bridge.log") as bridge:
        server = psutil.Process(postgres)
        for pid in (bridge.process.pid, postgres, *(child.pid for child in server.children(recursive=True))):
            psutil.Process(pid).cpu_affinity([0])
        with httpx.Client(base_url=bridge.url, auth=ENGINE, trust_env=False, timeout=60) as http:
            bodies = batches((*stream.deployed(), *stream.orders(WARM * 4)), BATCH)
            for body in bodies:
                _send(http, body)
            meter = Meter({"bridge": bridge.process.pid, "postgres": postgres})
            sent, seconds = _catch_up(http, stream, number, say)
            _, cpu = meter.read()
    return {
        "records": sent,
        "records_per_s": round(sent / seconds),
        "cpu_ms_per_1000_records": {name: round(1e6 * cpu[name] / sent, 1) for name in ("bridge", "postgres")},
    }


def _catch_up(http: httpx.Client, stream: Stream, number: int, say: Say) -> tuple[int, float]:
    """Records that were sent, and the seconds that the bridge took for them; making them does not count."""
    sent, seconds = 0, 0.0
    for body in batches(_orders_without_end(stream), BATCH):
        began = time.perf_counter()
        _send(http, body)
        seconds += time.perf_counter() - began
        sent += BATCH
        if sent % 20_000 == 0:
            say(f"Taking in: {sent:,} of {number:,} records, {sent / seconds:,.0f} a second")
        if sent >= number:
            break
    return sent, seconds


def _orders_without_end(stream: Stream) -> Iterator[bytes]:
    return stream.orders(2**31)


def _send(http: httpx.Client, body: bytes) -> None:
    http.post("/_bulk", content=body, headers=NDJSON).raise_for_status()
