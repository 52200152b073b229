"""The relay publishes everything in the inbox, once as far as it can tell, through every trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from uuid import uuid4

import pytest
from sqlalchemy import delete, event, select
from structlog.testing import capture_logs

from tests.fakes.publisher import FakePublisher
from workers.casefile.db import Database
from workers.casefile.inbox import Arrival, accept
from workers.casefile.models import InboxRow
from workers.runtime.relay import Relay


@pytest.fixture(autouse=True)
async def _empty_inbox(database: Database) -> None:
    """Rows of other tests would be published too."""
    async with database.transaction() as session:
        await session.execute(delete(InboxRow))


async def arrive(database: Database, number: int = 1) -> list[str]:
    """Store so many arrivals; returns their message ids."""
    ids = [f"test-{uuid4().hex}" for _ in range(number)]
    async with database.transaction() as session:
        for message_id in ids:
            arrival = Arrival(
                source="test",
                process="fulfillment",
                message_name="order_paid",
                correlation_key=message_id,
                time_to_live_ms=3_600_000,
                variables={"shopify_order_id": message_id},
                dedupe_key=message_id,
                body_sha256=sha256(message_id.encode()).digest(),
                trace_id="trace",
            )
            await accept(session, arrival)
    return ids


async def row(database: Database, message_id: str) -> InboxRow:
    async with database.transaction() as session:
        return (await session.scalars(select(InboxRow).where(InboxRow.dedupe_key == message_id))).one()


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def test_every_row_is_published_once_with_its_variables(database: Database) -> None:
    ids, engine = await arrive(database, 250), FakePublisher()
    relay = Relay(database, engine)
    await relay.drain()
    await relay.drain()
    assert sorted(engine.published) == sorted(ids)
    assert engine.variables[ids[0]] == {"shopify_order_id": ids[0]}
    assert (await row(database, ids[0])).published_at is not None


async def test_a_busy_engine_is_not_hammered(database: Database) -> None:
    """What it pushes back costs it more than what it takes: soon there are no more under way than it wants."""
    ids, engine = await arrive(database, 100), FakePublisher(takes=2)
    await Relay(database, engine).drain()
    assert sorted(engine.published) == sorted(ids)
    assert len(engine.attempts) < 2.5 * len(ids)
    assert (await row(database, ids[0])).attempts == 1


async def test_two_relays_share_the_rows(database: Database) -> None:
    ids, engine = await arrive(database, 250), FakePublisher()
    await asyncio.gather(Relay(database, engine).drain(), Relay(database, engine).drain())
    assert sorted(engine.published) == sorted(ids)


async def test_an_arrival_is_published_at_once(database: Database) -> None:
    """By notification: long before the next regular look."""
    engine = FakePublisher()
    async with running(Relay(database, engine)):
        await arrive(database)
        await until(lambda: len(engine.published) == 1)
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await arrive(database)
        await until(lambda: len(engine.published) == 2)
    assert loop.time() - began < 0.5


async def test_what_the_engine_refuses_for_good_is_marked_and_blocks_nobody(database: Database) -> None:
    ids = await arrive(database, 3)
    engine = FakePublisher(refused={ids[0]})
    with capture_logs() as logs:
        await Relay(database, engine).drain()
    assert [entry["log_level"] for entry in logs if entry["event"] == "message.refused"] == ["error"]
    assert engine.published == ids[1:]
    refused = await row(database, ids[0])
    assert refused.refused_at is not None
    assert refused.last_error == "The engine refused."


async def test_while_the_engine_is_away_rows_wait_and_are_published_when_it_is_back(database: Database) -> None:
    ids, engine = await arrive(database, 50), FakePublisher(away=True)
    relay = Relay(database, engine)
    async with running(relay):
        await until(lambda: len(engine.attempts) > 60)
        assert relay.link.up is False
        engine.away = False
        await until(lambda: len(engine.published) == 50)
    assert sorted(engine.published) == sorted(ids)
    assert relay.link.up is True


async def test_rows_that_wait_do_not_make_every_look_a_new_statement(database: Database) -> None:
    """Each would be kept compiled, with a parameter per row: 190 MiB in a minute without the engine."""
    await arrive(database, 60)
    statements = set[str]()

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def _saw(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.add(statement)

    engine = FakePublisher(away=True)
    try:
        async with running(Relay(database, engine)):
            await until(lambda: len(engine.attempts) > 60)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", _saw)
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1


async def test_rows_that_never_get_through_do_not_hold_up_the_others(database: Database) -> None:
    """However many: a partition without a leader takes none of its share, while the others take theirs."""
    ids = await arrive(database, 300)
    bad, good = ids[::2], ids[1::2]
    engine = FakePublisher(troubled=set(bad))
    async with running(Relay(database, engine)):
        await until(lambda: len(engine.published) == len(good))
        good += await arrive(database, 20)
        await until(lambda: len(engine.published) == len(good), seconds=3)
        tried = len(engine.attempts)
        await until(lambda: len(engine.attempts) > tried)
    assert sorted(engine.published) == sorted(good)
    assert (await row(database, bad[0])).last_error == "The engine did not answer."
