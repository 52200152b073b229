"""Statements that go to the driver directly behave as those that go by way of SQLAlchemy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import JSON, bindparam, cast, func, literal, select
from sqlalchemy.exc import IntegrityError, OperationalError

from workers.casefile.cases import WRITE_ENTRY, Cases, Entry
from workers.casefile.db import Database
from workers.casefile.direct import Direct, Statement

BACKEND = Statement(select(func.pg_backend_pid().label("pid")))
SLEEP = Statement(select(func.pg_sleep(bindparam("seconds"))))
END = Statement(select(func.pg_terminate_backend(bindparam("pid"))))
SAID = Statement(
    select(
        cast(bindparam("said", type_=JSON()), JSON).label("said"),
        (bindparam("said", type_=JSON()).is_(None)).label("is_null"),
        literal(3).label("three"),
    )
)


async def pid_of(connection: Direct) -> int:
    [row] = await connection.rows(BACKEND, {})
    return int(row.pid)


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[Database]:
    """Two connections."""
    database = Database(database_url, pool=2)
    yield database
    await database.close()


@pytest.mark.parametrize("said", [{"a": [1, "ü", None]}, [], "text", None])
async def test_json_constants_and_column_names_come_through(database: Database, said: object) -> None:
    [row] = await database.statement(SAID, {"said": said})
    assert (row.said, row.is_null, row.three) == (said, said is None, 3)


async def test_errors_are_those_of_sqlalchemy_and_tell_no_parameters(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        await Cases(database).write(Entry(None, "k", "k", "somebody's words", {}))  # type: ignore[arg-type]
    assert refused.value.params is None
    assert "[parameters:" not in str(refused.value)


async def test_each_statement_commits_by_itself(database: Database) -> None:
    entry = Entry("direct-1", "key", "kind", "sentence", {})
    with suppress(ZeroDivisionError):
        async with database.direct() as connection:
            await connection.rows(Statement(WRITE_ENTRY), entry.values())
            raise ZeroDivisionError
    assert len(await Cases(database).timeline("direct-1")) == 1


async def test_a_lost_connection_takes_those_of_its_time_with_it(small: Database, database: Database) -> None:
    """After a restart of PostgreSQL one caller learns of it, not one for each connection of the pool."""
    async with small.direct() as one, small.direct() as other:
        pids = {await pid_of(one), await pid_of(other)}
    for pid in pids:
        await database.statement(END, {"pid": pid})
    with pytest.raises(OperationalError):
        await small.statement(BACKEND, {})
    async with small.direct() as one, small.direct() as other:
        assert not {await pid_of(one), await pid_of(other)} & pids


async def test_who_is_cancelled_leaves_no_busy_connection_behind(small: Database) -> None:
    """The pool would hand it to the next."""
    waiting = asyncio.create_task(small.statement(SLEEP, {"seconds": 60}))
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5), small.direct() as one, small.direct() as other:
        assert await pid_of(one) != await pid_of(other)


async def test_sessions_of_the_same_pool_hold_their_transaction(database: Database) -> None:
    """Connections are shared by those whose statements commit by themselves and those whose do not."""
    entry = Entry("direct-2", "key", "kind", "sentence", {})
    await database.statement(BACKEND, {})
    with suppress(ZeroDivisionError):
        async with database.transaction() as session:
            await session.execute(WRITE_ENTRY, entry.values())
            raise ZeroDivisionError
    assert await Cases(database).timeline("direct-2") == []
