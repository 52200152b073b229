"""How many records a second are taken in, by a real bridge over HTTP, as fast as it answers.

Bridge and PostgreSQL share one core; who sends has the others. One partition, one batch at a time: as the engine's
exporter sends after an outage. The partition is one that the engine does not have.
"""

import time
from itertools import islice
from typing import Any

import httpx
import psutil

from tests.bench.ground import Ground
from tests.bench.usage import Meter
from tests.scale.stream import Stream, batches
from workers.runtime.native.camunda import RECORDS_USER

PARTITION = 900
BATCH = 200
WARM = 20
"""Batches that are not measured."""


def measure(ground: Ground, number: int) -> dict[str, Any]:
    """records_per_s over so many records, and the CPU that 1,000 of them take."""
    pids = {name: ground.pids[name] for name in ("bridge", "postgres")}
    for pid in pids.values():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            process.cpu_affinity([0])
    stream = Stream(PARTITION)
    password = ground.stack.secrets["ORDEROPS_RECORDS_PASSWORD"]
    with httpx.Client(
        base_url=ground.stack.bridge_url,
        auth=httpx.BasicAuth(RECORDS_USER, password),
        headers={"Content-Type": "application/json"},
        trust_env=False,
        timeout=60,
    ) as http:
        bodies = batches(stream.without_end(), BATCH)
        for body in islice(bodies, WARM):
            _send(http, body)
        meter = Meter(pids)
        seconds = 0.0
        for sent, body in enumerate(islice(bodies, number // BATCH), 1):
            seconds += _send(http, body)
            if sent % 100 == 0:
                rate = sent * BATCH / seconds
                ground.say(f"Taking in: {sent * BATCH:,} of {number:,} records, {rate:,.0f} a second")
        _, cpu = meter.read()
    return {
        "records": number,
        "records_per_s": round(number / seconds),
        "cpu_ms_per_1000_records": {name: round(1e6 * cpu[name] / number, 1) for name in pids},
    }


def _send(http: httpx.Client, body: bytes) -> float:
    """Seconds until it was answered; making it does not count."""
    began = time.perf_counter()
    http.post("/_bulk", content=body).raise_for_status()
    return time.perf_counter() - began
