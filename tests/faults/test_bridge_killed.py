"""The bridge killed with SIGKILL in the middle of many records: nothing is lost, and nothing counts twice."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import httpx
import pytest

from tests.casefile.own_database import own_database, projected, run, url_of
from tests.faults.bridge_program import ENGINE, NDJSON, Running, start
from tests.scale.stream import Stream, batches
from workers.casefile.projection.projector import PROJECTED
from workers.casefile.rebuild import Rebuild
from workers.contracts.fulfillment import OUTCOMES

BATCH = 200
OVERLAP = 3
"""Batches that are sent again after each kill, although they were answered: as if the answers had got lost."""


@pytest.mark.timeout(1_800)
async def test_killed_in_the_middle_what_it_made_is_what_a_rebuild_makes(
    database_url: str, tmp_path: Path, full: bool
) -> None:
    """20,000 records, or a million in full; each of the kills hits a batch that is being taken in."""
    number, kills = (1_000_000, 20) if full else (20_000, 2)
    bodies = islice(batches(Stream().without_end(), BATCH), number // BATCH)
    doomed = set(random.Random(3).sample(range(number // BATCH), kills))
    async with own_database(database_url) as database:
        await _deliver(url_of(database), bodies, doomed, tmp_path / "bridge.log")
        made = await projected(database)
        corrected = await Rebuild(database, {"fulfillment": OUTCOMES}, lambda _done, _of: None).run()
        assert [each for each in corrected if each.removed or each.added or each.changed or each.kept] == []
        await run(database, f"TRUNCATE {', '.join(f'orderops.{name}' for name in PROJECTED)}")
        await Rebuild(database, {"fulfillment": OUTCOMES}, lambda _done, _of: None).run()
        again = await projected(database)
    for name in PROJECTED:
        assert again[name] == made[name], f"{name} differs"
    assert len(made["cases"]) > number // 200


async def _deliver(url: str, bodies: Iterable[bytes], doomed: set[int], log: Path) -> None:
    """As the engine's exporter: one after the other, each again until it is answered."""
    bridge = start(url, log)
    last: deque[bytes] = deque(maxlen=OVERLAP)
    try:
        for at, body in enumerate(bodies):
            again: tuple[bytes, ...] = ()
            if at in doomed:
                await _kill_meanwhile(bridge, body)
                bridge, again = start(url, log), tuple(last)
            for each in (*again, body):
                while not await _send(bridge, each):
                    pass
            last.append(body)
    finally:
        bridge.kill()


async def _send(bridge: Running, body: bytes) -> bool:
    async with httpx.AsyncClient(
        base_url=bridge.url, auth=ENGINE, verify=False, trust_env=False, timeout=60
    ) as http:
        return (await http.post("/_bulk", content=body, headers=NDJSON)).is_success


async def _kill_meanwhile(bridge: Running, body: bytes) -> None:
    async with httpx.AsyncClient(base_url=bridge.url, auth=ENGINE, verify=False, trust_env=False) as http:
        under_way = asyncio.create_task(http.post("/_bulk", content=body, headers=NDJSON))
        await asyncio.sleep(random.Random(len(body)).uniform(0.002, 0.015))
        bridge.kill()
        await asyncio.gather(under_way, return_exceptions=True)
