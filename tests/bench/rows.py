"""What the hot statements take with 1,000, 10,000 and 100,000 rows in inbox, journal, cases and timeline.

In a database of its own beside the stack's. The rows are made by SQL, as a shop's would lie there: published,
done and closed. accept stores a webhook, claim has the relay take and mark it, once runs a journalled effect that
does nothing outside, describe opens a case.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.bench.ground import Say
from tests.bench.usage import percentile
from tests.engine.orders import an_order
from workers.adapters.shopify_orders import to_order
from workers.casefile import inbox, migrate
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.inbox import Arrival
from workers.casefile.journal import Intent, Journal
from workers.runtime.relay import Relay

NAME = "bench_rows"
SIZES = (1_000, 10_000, 100_000)
_numbers = count(10**9)

FILL = (
    """
    INSERT INTO orderops.inbox (source, process, message_name, correlation_key, time_to_live_ms, variables,
        dedupe_key, body_sha256, trace_id, attempts, published_at)
    SELECT 'shopify', 'fulfillment', 'order_paid', n::text, 3600000,
        jsonb_build_object('shopify_order_id', n::text), 'order_paid:' || n, sha256(n::text::bytea), md5(n::text),
        1, now()
    FROM generate_series(:first, :last) AS n
    """,
    """
    INSERT INTO orderops.effects (key, kind, case_id, state, request, result, settled_at)
    SELECT 'supplier_order:' || n, 'supplier_order', n::text, 'done', '{"supplier": "local", "cost": 5000}',
        '{"id": "L-1"}', now()
    FROM generate_series(:first, :last) AS n
    """,
    """
    INSERT INTO orderops.cases (id, process, process_instance_key, state, outcome, total_minor, closed_at)
    SELECT n::text, 'fulfillment', 2251799813685248 + n, 'done', 'supplied', 11900, now()
    FROM generate_series(:first, :last) AS n
    """,
    """
    INSERT INTO orderops.timeline (case_id, key, kind, sentence, facts)
    SELECT n::text, 'bought', 'supplier_order_placed', 'Ordered from local as L-1', '{}'
    FROM generate_series(:first, :last) AS n
    """,
)


class Accepting:
    """An engine that takes every message."""

    async def publish_message(self, *told: str, **more: Any) -> None:
        """Takes it."""


async def measure(database_url: str, say: Say, *, quick: bool) -> dict[str, dict[str, float]]:
    """By statement and number of rows: the median in milliseconds."""
    url = make_url(database_url)
    await _on_server(database_url, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")
    own = url.set(database=NAME).render_as_string(hide_password=False)
    await asyncio.to_thread(migrate.upgrade, own)
    database = Database(own, 4)
    measured: dict[str, dict[str, float]] = {}
    try:
        filled = 0
        for size in SIZES[:1] if quick else SIZES:
            say(f"Growth: {size:,} rows")
            await _fill(database, filled + 1, size)
            filled = size
            for what, took in (await _times(database, 20 if quick else 200)).items():
                measured.setdefault(what, {})[str(size)] = round(percentile(took, 0.5), 2)
    finally:
        await database.close()
        await _on_server(database_url, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    return measured


async def _on_server(database_url: str, *statements: str) -> None:
    engine = create_async_engine(database_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def _fill(database: Database, first: int, last: int) -> None:
    async with database.transaction() as session:
        for statement in FILL:
            await session.execute(text(statement).bindparams(first=first, last=last))
    async with database.transaction() as session:
        await session.execute(text("ANALYZE"))


async def _times(database: Database, repetitions: int) -> dict[str, list[float]]:
    relay, journal, cases = Relay(database, Accepting()), Journal(database), Cases(database)

    async def accept() -> None:
        async with database.transaction() as session:
            await inbox.accept(session, _arrival(str(next(_numbers))))

    async def once() -> None:
        await journal.once(_intent(str(next(_numbers))))

    async def describe() -> None:
        await cases.describe("fulfillment", to_order(an_order()))

    took: dict[str, list[float]] = {"accept": [], "claim": [], "once": [], "describe": []}
    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "accept": accept,
        "claim": relay.drain,
        "once": once,
        "describe": describe,
    }
    for _ in range(repetitions):
        for what, step in steps.items():
            began = time.perf_counter()
            await step()
            took[what].append(1000 * (time.perf_counter() - began))
    return took


def _arrival(order_id: str) -> Arrival:
    return Arrival(
        source="shopify",
        process="fulfillment",
        message_name="order_paid",
        correlation_key=order_id,
        time_to_live_ms=3_600_000,
        variables={"shopify_order_id": order_id},
        dedupe_key=f"order_paid:{order_id}",
        body_sha256=bytes(32),
        trace_id=order_id,
    )


def _intent(order_id: str) -> Intent[dict[str, str]]:
    async def call() -> dict[str, str]:
        return {"id": "L-1"}

    async def find(_: Mapping[str, Any]) -> None:
        return None

    return Intent(f"supplier_order:{order_id}", "supplier_order", order_id, {}, dict[str, str], call, find)
