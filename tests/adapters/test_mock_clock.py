"""The outside world's own clock."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from tests.casefile.own_database import own_database, url_of
from workers.adapters.mock_books import PostingRow
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_world import MockWorld
from workers.ports.ledger import Posting
from workers.ports.values import Money

A_SECOND = timedelta(seconds=1)


def _posting(key: str) -> Posting:
    return Posting(key, "COGS", Money(1, "EUR"), key, "")


async def test_time_passes_for_all_who_look_and_what_happens_is_stamped_with_it(
    world: MockWorld, database_url: str, unique: str
) -> None:
    before = await world.now()
    after = await world.pass_time(timedelta(hours=25))
    assert timedelta(0) <= after - before - timedelta(hours=25) < A_SECOND
    async with MockWorld(database_url) as other:
        assert await other.now() - after < A_SECOND
        await MockLedger(other).book(_posting(unique))
        row = await other.one(select(PostingRow).where(PostingRow.key == unique))
    assert timedelta(0) <= row.booked_at - after < A_SECOND


async def test_what_passes_at_once_is_added(world: MockWorld) -> None:
    before = await world.now()
    await asyncio.gather(*(world.pass_time(timedelta(minutes=1)) for _ in range(10)))
    assert timedelta(0) <= await world.now() - before - timedelta(minutes=10) < A_SECOND


async def test_time_does_not_go_back(world: MockWorld) -> None:
    with pytest.raises(ValueError, match="back"):
        await world.pass_time(timedelta(hours=-1))


async def test_books_of_an_older_orderops_keep_what_they_have_and_follow_the_clock(
    database_url: str,
) -> None:
    async with own_database(database_url) as own:
        async with MockWorld(url_of(own)) as older:
            await MockLedger(older).book(_posting("old"))
        async with own.engine.begin() as connection:
            await connection.execute(text("DROP FUNCTION mock.now CASCADE"))
            await connection.execute(text("ALTER TABLE mock.ledger_postings ALTER booked_at SET DEFAULT now()"))
            await connection.execute(text("DROP TABLE mock.clock, mock.refunds"))
        async with MockWorld(url_of(own)) as world:
            after = await world.pass_time(timedelta(days=1))
            await MockLedger(world).book(_posting("new"))
            old, new = await world.rows(select(PostingRow).order_by(PostingRow.number))
        assert after - old.booked_at >= timedelta(days=1)
        assert timedelta(0) <= new.booked_at - after < A_SECOND
