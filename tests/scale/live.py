"""How soon an open case page shows what happened in the engine.

A page listens to the server's events and fetches itself when it is told of a change, as its script does. Measured
for each sentence that the engine's records led to: from the event, by the engine's clock, until a page has it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from markupsafe import escape
from sqlalchemy import select

from tests.bench.ground import Ground
from tests.bench.usage import percentile
from tests.bench.webhooks import Delivery, Door, new_orders
from tests.scale.pages import client
from workers.casefile.db import Database
from workers.casefile.models import TimelineEntry
from workers.runtime.errors import UserError

RATE = 2
"""Orders a second: what arrives is worked on at once."""
WARM = 3
"""Orders before, on an engine that is cold."""
AT_MOST = 60.0
"""Seconds for an order and its page."""
LAST = ("Ended with", "Message supplier_order_placed received")
"""The last sentences of an order for hours: it was supplied, and its tracking has begun, in either order."""


@dataclass
class Page:
    """An open case page: every version of it, and when it was there."""

    delivery: Delivery
    seen: list[tuple[float, str]] = field(default_factory=list)


async def measure(ground: Ground, orders: int) -> float:
    """p99 in milliseconds over all sentences of so many orders."""
    database, door = Database(ground.stack.database_url, 4), Door(ground.stack.api_url)
    headers = client(ground).headers
    try:
        async with httpx.AsyncClient(
            base_url=ground.stack.api_url, headers=headers, trust_env=False, timeout=AT_MOST
        ) as http:
            pages: list[Page] = []
            for number in (WARM, orders):
                ground.say(f"Live pages: {number} orders")
                pages = await _open(http, door, await new_orders(database, ground.secret, number))
            return round(percentile([age for page in pages for age in await _ages(database, page)], 0.99), 1)
    finally:
        door.close()
        await database.close()


async def _open(http: httpx.AsyncClient, door: Door, deliveries: Sequence[Delivery]) -> list[Page]:
    pages = [Page(delivery) for delivery in deliveries]
    async with asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(_watch(http, page))
            group.create_task(door.deliver(page.delivery))
            await asyncio.sleep(1 / RATE)
    return pages


async def _watch(http: httpx.AsyncClient, page: Page) -> None:
    """Until it shows the last of it."""
    async with (
        asyncio.timeout(AT_MOST),
        http.stream("GET", "/ui/events", params={"case": page.delivery.case_id}) as events,
    ):
        async for line in events.aiter_lines():
            if line.startswith("event: change"):
                answer = await http.get(f"/ui/cases/{page.delivery.case_id}")
                page.seen.append((time.time(), answer.text))
                if all(sentence in answer.text for sentence in LAST):
                    return


async def _ages(database: Database, page: Page) -> list[float]:
    """Milliseconds until each sentence was shown."""
    told = select(TimelineEntry).where(
        TimelineEntry.case_id == page.delivery.case_id, TimelineEntry.source == "engine"
    )
    async with database.sessions() as session:
        entries = list(await session.scalars(told))
    ages = []
    for entry in entries:
        shown = next((at for at, text in page.seen if str(escape(entry.sentence)) in text), None)
        if shown is None:
            raise UserError(f"No page of case {entry.case_id} showed “{entry.sentence}”.", hint="")
        ages.append(1000 * (shown - entry.happened_at.timestamp()))
    return ages
