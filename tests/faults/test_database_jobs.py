"""PostgreSQL away while jobs are done: no effect without its journal row, none twice, and no retry is burnt.

The outside world keeps its books in another PostgreSQL, which stays.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.conftest import new_order_id
from tests.fakes.job_gateway import Completed, Failed, FakeJobGateway, make_job
from tests.fakes.samples import shopify_order
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.shop import Shop, open_shop
from workers.adapters.mock_books import EventRow, PostingRow, SupplierOrderRow
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.casefile.models import Effect, EffectState
from workers.runtime.dispatch import Dispatcher
from workers.runtime.jobs import Job

COST = 2_497
PURCHASE = ("fulfillment.get_order", "fulfillment.place_supplier_order", "fulfillment.book_cost_of_goods",
            "fulfillment.publish_supplier_order_placed")  # fmt: skip


@dataclass
class SmallEngine:
    """Hands out each job until it is completed, with the retries it was failed with, after its back-off."""

    jobs: dict[str, Job]
    failures: Counter[str] = field(default_factory=Counter)
    burnt: int = 0

    async def do(self, job_type: str, **variables: Any) -> None:
        raw, gateway = make_job(job_type, **variables), FakeJobGateway()
        dispatcher = Dispatcher(self.jobs[job_type], gateway)
        while True:
            await asyncio.create_task(dispatcher.do(raw, 60))
            await asyncio.gather(*dispatcher.waiting)
            told = gateway.told[-1]
            if isinstance(told, Completed):
                return
            assert isinstance(told, Failed), told
            assert told.retries, told.message
            self.failures[told.message] += 1
            self.burnt += raw.retries - told.retries
            raw.retries = told.retries

    async def supply(self, order_id: str) -> None:
        """The happy path of one order."""
        bought: dict[str, Any] = {"supplier": "cj", "agreed_cost": COST, "currency": "EUR"}
        known = {"supplier_order_id": f"cj-{order_id}", "supplier": "cj", "cost": COST, "currency": "EUR"}
        for job_type, variables in zip(PURCHASE, ({}, bought, known, known), strict=True):
            await self.do(job_type, shopify_order_id=order_id, **variables)


@dataclass
class Books:
    """What the outside world has of some orders."""

    world: MockWorld
    orders: Sequence[str]

    async def bought(self) -> Sequence[SupplierOrderRow]:
        references = [f"orderops-{order_id}" for order_id in self.orders]
        return await self.world.rows(select(SupplierOrderRow).where(SupplierOrderRow.reference.in_(references)))

    async def booked(self) -> Sequence[PostingRow]:
        return await self.world.rows(select(PostingRow).where(PostingRow.order_id.in_(self.orders)))

    async def announced(self) -> Sequence[EventRow]:
        keys = [f"supplier_order_placed:{order_id}" for order_id in self.orders]
        return await self.world.rows(select(EventRow).where(EventRow.key.in_(keys)))

    async def counts(self) -> tuple[int, int, int]:
        return len(await self.bought()), len(await self.booked()), len(await self.announced())

    async def quiet_counts(self) -> tuple[int, int, int]:
        """When nothing came back from a provider for half a second. It ends: at the latest when all is bought."""
        now, before = await self.counts(), None
        while now != before:
            await asyncio.sleep(0.5)
            now, before = await self.counts(), now
        return now


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[MockWorld]:
    async with MockWorld(database_url, latency=timedelta(milliseconds=20)) as world:
        yield world


@pytest.fixture
async def shop(postgres: MortalPostgres, database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(postgres.url("unix"), database_url) as shop:
        yield shop


@asynccontextmanager
async def supplying(
    shop: Shop, world: MockWorld, count: int, seconds: float
) -> AsyncIterator[tuple[SmallEngine, Books]]:
    """So many orders, begun one by one within so many seconds; all are done at the end."""
    orders = [str(new_order_id()) for _ in range(count)]
    for order_id in orders:
        await MockShop(world).seed_order(shopify_order(order_id))
    engine = SmallEngine({job.type: job for process in shop.app.processes for job in process.jobs})

    async def later(order_id: str) -> None:
        await asyncio.sleep(random.uniform(0, seconds))
        await engine.supply(order_id)

    async with asyncio.timeout(seconds + 200), asyncio.TaskGroup() as group:
        for order_id in orders:
            group.create_task(later(order_id))
        yield engine, Books(world, orders)


async def effects_of(shop: Shop, orders: Sequence[str]) -> dict[str, Effect]:
    async with shop.app.database.sessions() as session:
        return {each.key: each for each in await session.scalars(select(Effect).where(Effect.case_id.in_(orders)))}


async def assert_once_and_foreseen(shop: Shop, books: Books) -> None:
    """One purchase, posting and event per order, and each was in the journal before it was in their books."""
    journal = await effects_of(shop, books.orders)
    assert {effect.state for effect in journal.values()} == {EffectState.DONE}
    bought, booked, announced = await books.bought(), await books.booked(), await books.announced()
    assert len(bought) == len(booked) == len(announced) == len(books.orders)
    assert {row.cost_minor for row in bought} == {row.amount_minor for row in booked} == {COST}
    for row in bought:
        assert journal[row.reference.replace("orderops-", "supplier_order:")].intended_at <= row.placed_at
    for posting in booked:
        assert journal[posting.key].intended_at <= posting.booked_at
    for event in announced:
        assert journal[event.key].intended_at <= event.published_at


@pytest.mark.parametrize("trouble", ["frozen", "killed"])
async def test_jobs_wait_for_postgres_and_go_on_by_themselves(
    shop: Shop, postgres: MortalPostgres, world: MockWorld, full: bool, trouble: str
) -> None:
    """Some are struck before their intent, some with their provider, some before the record."""
    away, count = (30, 120) if full else (2, 40)
    async with supplying(shop, world, count, seconds=1.5) as (engine, books):
        await asyncio.sleep(0.8)
        await asyncio.to_thread(postgres.freeze if trouble == "frozen" else postgres.kill)
        before = await books.quiet_counts()
        await asyncio.sleep(away)
        assert before == await books.counts()
        assert before[0] < count
        await asyncio.to_thread(postgres.revive)
    print(f"{before[0]} of {count} bought when it went, then none; {dict(engine.failures)}")  # noqa: T201  # figures
    assert engine.burnt == 0
    assert trouble == "frozen" or engine.failures["The database is away."] > 0
    await assert_once_and_foreseen(shop, books)


async def test_jobs_survive_a_postgres_that_is_killed_again_and_again(
    shop: Shop, postgres: MortalPostgres, world: MockWorld, full: bool
) -> None:
    """Every moment of an effect is struck sooner or later."""
    kills, count = (20, 200) if full else (2, 50)
    async with supplying(shop, world, count, seconds=kills * 0.8) as (engine, books):
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.2, 0.8))
            postgres.kill()
            await asyncio.to_thread(postgres.start)
    asked_twice = sum(row.requests > 1 for row in await books.bought())
    print(f"{kills} kills, {asked_twice} purchases asked for twice; {dict(engine.failures)}")  # noqa: T201  # figures
    assert engine.burnt == 0
    await assert_once_and_foreseen(shop, books)
