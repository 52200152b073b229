"""The inbox: what arrived counts once for ever, in the words in which it was told first."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, select

from workers.casefile.db import Database
from workers.casefile.inbox import Arrival, Bell, Receipt, accept
from workers.casefile.models import InboxRow


@pytest.fixture
def arrival() -> Arrival:
    key = f"test:{uuid4()}"
    return Arrival(
        source="test",
        process="fulfillment",
        message_name="order_paid",
        correlation_key="450789469",
        time_to_live_ms=60_000,
        variables={"shopify_order_id": "450789469"},
        dedupe_key=key,
        body_sha256=sha256(b"first").digest(),
        trace_id="0123456789abcdef",
    )


async def told(database: Database, arrival: Arrival) -> Receipt:
    async with database.transaction() as session:
        return await accept(session, arrival)


async def rows(database: Database, arrival: Arrival) -> list[InboxRow]:
    async with database.sessions() as session:
        query = select(InboxRow).where(InboxRow.dedupe_key == arrival.dedupe_key)
        return list(await session.scalars(query))


async def test_an_arrival_waits_to_be_published_under_its_own_identity(
    database: Database, arrival: Arrival
) -> None:
    receipt = await told(database, arrival)
    assert (receipt.duplicate, receipt.same_body) == (False, True)
    [row] = await rows(database, arrival)
    assert (row.id, row.dedupe_key, row.deliveries) == (receipt.inbox_id, arrival.dedupe_key, 1)
    assert (row.published_at, row.refused_at, row.attempts) == (None, None, 0)


async def test_told_again_only_the_delivery_is_counted(database: Database, arrival: Arrival) -> None:
    first = await told(database, arrival)
    second = await told(database, replace(arrival, source="another", trace_id="fedcba9876543210"))
    assert second == Receipt(first.inbox_id, duplicate=True, same_body=True)
    [row] = await rows(database, arrival)
    assert (row.deliveries, row.source, row.trace_id) == (2, "test", "0123456789abcdef")


async def test_told_again_in_other_words_the_first_words_stand(database: Database, arrival: Arrival) -> None:
    """Delivery ids are not covered by a webhook's signature: who reuses one must not change what was said."""
    await told(database, arrival)
    other = replace(arrival, body_sha256=sha256(b"second").digest(), variables={"shopify_order_id": "1"})
    assert (await told(database, other)).same_body is False
    [row] = await rows(database, arrival)
    assert row.variables == arrival.variables
    assert row.body_sha256 == arrival.body_sha256


async def test_told_many_times_at_once_it_is_new_once(database: Database, arrival: Arrival) -> None:
    receipts = await asyncio.gather(*(told(database, arrival) for _ in range(8)))
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 7
    assert len({receipt.inbox_id for receipt in receipts}) == 1
    assert len(await rows(database, arrival)) == 1


async def test_told_again_while_the_relay_publishes_it_nobody_waits(database: Database, arrival: Arrival) -> None:
    """The sender hangs up after a few seconds; the engine may need more. The delivery is then not counted."""
    await told(database, arrival)
    async with database.transaction() as relay:
        await relay.scalar(select(InboxRow).where(InboxRow.dedupe_key == arrival.dedupe_key).with_for_update())
        async with asyncio.timeout(5):
            assert (await told(database, arrival)).duplicate


async def test_told_at_once_in_other_words_one_of_them_is_told_so(database: Database, arrival: Arrival) -> None:
    other = replace(arrival, body_sha256=sha256(b"second").digest())
    receipts = await asyncio.gather(told(database, arrival), told(database, other))
    assert sorted((receipt.duplicate, receipt.same_body) for receipt in receipts) == [(False, True), (True, False)]


async def test_published_long_ago_it_is_still_a_duplicate(database: Database, arrival: Arrival) -> None:
    """The engine has forgotten the message's id by then."""
    await told(database, arrival)
    async with database.transaction() as session:
        row = await session.scalar(select(InboxRow).where(InboxRow.dedupe_key == arrival.dedupe_key))
        assert row is not None
        row.published_at = row.received_at
    assert (await told(database, arrival)).duplicate


async def test_what_was_rolled_back_was_never_told(database: Database, arrival: Arrival) -> None:
    async with database.transaction() as session:
        await accept(session, arrival)
        await session.rollback()
    assert await rows(database, arrival) == []
    assert (await told(database, arrival)).duplicate is False


async def test_the_bell_wakes_relays_once_for_all_that_came_and_after_the_last(
    database: Database, database_url: str
) -> None:
    bell, heard = Bell(database), list[str]()
    async with await psycopg.AsyncConnection.connect(_libpq(database_url), autocommit=True) as listener:
        await listener.execute("LISTEN inbox")
        for _ in range(20):
            for _ in range(50):
                bell.ring()
            await asyncio.sleep(0)
        async for notification in listener.notifies(timeout=0.5):
            heard.append(notification.channel)
        assert 1 <= len(heard) <= 20
        bell.ring()
        assert [each.channel async for each in listener.notifies(timeout=5, stop_after=1)] == ["inbox"]


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
