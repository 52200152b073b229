"""How many tickets a second the bridge takes onto the SLA board when it knows none of very many."""

import asyncio
import time

from sqlalchemy import func, select

from tests.bench.ground import Ground
from workers.casefile.db import Database
from workers.casefile.finding_models import TicketEvent

LOOK_EVERY = 0.2
_LEFT = select(func.count(func.distinct(TicketEvent.ticket_id))).where(~TicketEvent.counted)


async def measure(ground: Ground) -> dict[str, int]:
    """tickets_counted_per_s of what was filled, until all of it is on the board."""
    database = Database(ground.stack.database_url, 1)
    try:
        async with database.connection() as connection:
            began, first = time.perf_counter(), await connection.scalar(_LEFT) or 0
            while left := await connection.scalar(_LEFT):
                ground.say(f"SLA board: {left:,} tickets to be counted")
                await asyncio.sleep(LOOK_EVERY)
            return {"tickets_counted_per_s": round(first / (time.perf_counter() - began))}
    finally:
        await database.close()
