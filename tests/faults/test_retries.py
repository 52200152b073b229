"""PostgreSQL away under a real engine: each job is done once, and no retry is burnt by the engine's own records.

The outside world keeps its books in another PostgreSQL, as does the bridge that takes the records in: both stay.
"""

import asyncio
import functools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import PostgresDsn
from sqlalchemy import select

from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor
from tests.faults.kills.plan import Plan
from tests.faults.kills.run import deploy
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.test_database_jobs import Books
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.casefile.record_models import Record
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Handler, Job
from workers.runtime.outside import mocked_outside

pytestmark = pytest.mark.engine

READING, ACTING = "fulfillment.get_order", "fulfillment.place_supplier_order"
RETRIES = 5
"""As the diagram gives them."""
PATIENCE_SECONDS = 120


@dataclass
class Hands:
    """What our handlers are at."""

    at_work: Counter[str] = field(default_factory=Counter)

    def watched(self, job: Job) -> Handler:
        """The job's handler, counted while it works."""

        @functools.wraps(job.handler)
        async def handler(**arguments: Any) -> Any:
            self.at_work[job.type] += 1
            try:
                return await job.handler(**arguments)
            finally:
                self.at_work[job.type] -= 1

        return handler


@dataclass
class Records:
    """What the engine says of one process."""

    floor: Floor
    process: str

    async def of(self, *value_types: str) -> Sequence[Record]:
        query = select(Record).where(Record.process == self.process, Record.value_type.in_(value_types))
        async with self.floor.app.database.sessions() as session:
            return (await session.scalars(query)).all()

    async def ended(self) -> int:
        """Instances that came to their end."""
        ends = [each for each in await self.of("PROCESS_INSTANCE") if each.element_type == "PROCESS"]
        return sum(each.intent == "ELEMENT_COMPLETED" for each in ends)

    async def until_ended(self, number: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (ended := await self.ended()) < number:
            assert time.monotonic() < deadline, f"{ended} of {number} instances ended"
            await asyncio.sleep(0.2)


@asynccontextmanager
async def working(
    floor: Floor, database_url: str, world: MockWorld, plan: Plan
) -> AsyncIterator[tuple[Assembled, Hands]]:
    """Workers of a copy of the process, with their books in that database."""
    changed = {"database_url": PostgresDsn(database_url), "settling_seconds": 2}
    settings, hands, stop = floor.app.settings.model_copy(update=changed), Hands(), asyncio.Event()
    async with assemble(settings, mocked_outside(world)) as app:
        await deploy(app.engine, plan)
        jobs = [
            replace(job, type=plan.as_deployed(job.type), handler=hands.watched(job))
            for process in app.processes
            if process.id in plan.deed.processes
            for job in process.jobs
        ]
        running = asyncio.create_task(Host(jobs, GrpcJobGateway(app.engine.channel)).run(stop))
        try:
            yield app, hands
        finally:
            stop.set()
            await running


async def begin(app: Assembled, world: MockWorld, plan: Plan, orders: Sequence[str]) -> None:
    """The shop has them, and the engine hears of them."""
    for order_id in orders:
        await MockShop(world).seed_order(an_order(id=int(order_id)))
        await app.engine.publish_message(
            plan.message,
            order_id,
            message_id=f"{plan.message}:{order_id}",
            ttl=timedelta(hours=1),
            variables={"shopify_order_id": order_id},
        )


async def both_at_work(hands: Hands) -> None:
    """Until one job that reads and one that acts are in our hands."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (hands.at_work[READING] and hands.at_work[ACTING]):  # noqa: ASYNC110  # the engine hands out
            await asyncio.sleep(0.005)


async def test_no_retry_is_burnt_while_postgres_is_away(
    floor: Floor, postgres: MortalPostgres, database_url: str, tmp_path: Path, full: bool
) -> None:
    """Jobs that read and jobs that act are under way when it is killed, and more are handed out meanwhile."""
    away, first = 30 if full else 10, time.time_ns() // 1_000_000
    plan = Plan(12 if full else 6, first, {}, tmp_path, copy=f"away_{first}")
    early, late = plan.orders[: plan.total // 2], plan.orders[plan.total // 2 :]
    records = Records(floor, plan.named("fulfillment"))
    async with (
        MockWorld(database_url, latency=timedelta(milliseconds=100)) as world,
        working(floor, postgres.url("unix"), world, plan) as (app, hands),
    ):
        starting = asyncio.create_task(begin(app, world, plan, early))
        await both_at_work(hands)
        struck = +hands.at_work
        await asyncio.to_thread(postgres.kill)
        await starting
        await begin(app, world, plan, late)
        books = Books(world, plan.orders)
        before = await books.quiet_counts()
        await asyncio.sleep(away)
        assert before == await books.counts()
        assert await records.ended() < plan.total
        await asyncio.to_thread(postgres.start)
        await records.until_ended(plan.total)
        bought = await books.bought()
    jobs, failed = defaultdict[int, list[Record]](list), Counter[str]()
    for record in await records.of("JOB"):
        jobs[record.key].append(record)
        failed[(record.facts or {})["type"]] += record.intent == "FAILED"
    print(f"under way when it went: {dict(struck)}; failed meanwhile: {dict(+failed)}, {len(jobs)} jobs")  # noqa: T201  # figures
    assert {plan.as_deployed(READING), plan.as_deployed(ACTING)} <= set(+failed)
    retries = {key: {(each.facts or {})["retries"] for each in told} for key, told in jobs.items()}
    assert retries == {key: {RETRIES} for key in jobs}
    completed = {key: sum(each.intent == "COMPLETED" for each in told) for key, told in jobs.items()}
    assert completed == dict.fromkeys(jobs, 1)
    assert await records.of("INCIDENT") == []
    assert Counter(row.reference for row in bought) == Counter(f"orderops-{order}" for order in plan.orders)
    assert {row.requests for row in bought} == {1}
