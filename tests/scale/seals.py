"""How many timeline entries a second the bridge seals when very many wait, and how many are verified."""

import asyncio
import time

from sqlalchemy import func, select, update

from tests.bench.ground import Ground, Say
from workers.casefile.audit_models import AuditProgress
from workers.casefile.db import Database
from workers.casefile.models import TimelineEntry
from workers.casefile.verifying import Verification, snapshot

LOOK_EVERY = 0.1
_PROGRESS = select(
    AuditProgress.entries,
    AuditProgress.sealed_up_to,
    select(func.max(TimelineEntry.id)).scalar_subquery().label("newest"),
)


async def measure(ground: Ground) -> dict[str, float]:
    """sealed_per_s of what was filled and counted as sealed until now, and verified_per_s over all there is."""
    database = Database(ground.stack.database_url, 2)
    try:
        async with database.connection() as connection:
            await connection.execute(update(AuditProgress).values(sealed_up_to=0))
        return {
            "sealed_per_s": round(await _sealed_per_second(database, ground.say)),
            "verified_per_s": round(await _verified_per_second(database, ground.say)),
        }
    finally:
        await database.close()


async def _sealed_per_second(database: Database, say: Say) -> float:
    began, before = time.perf_counter(), -1
    async with database.connection() as connection:
        while True:
            entries, sealed_up_to, newest = (await connection.execute(_PROGRESS)).one()
            before = entries if before < 0 else before
            if sealed_up_to >= newest:
                return float((entries - before) / (time.perf_counter() - began))
            say(f"Sealing: {entries:,} entries")
            await asyncio.sleep(LOOK_EVERY)


async def _verified_per_second(database: Database, say: Say) -> float:
    """Everything has to be as it was written."""
    began = time.perf_counter()
    async with snapshot(database) as reader:
        verification = Verification(reader, on_progress=lambda done, of: say(f"Verifying: {done:,} of {of:,}"))
        found = [str(finding) async for finding in verification.findings()]
    assert found == []
    return verification.entries / (time.perf_counter() - began)
