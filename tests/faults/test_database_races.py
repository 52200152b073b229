"""Lost races, deadlocks, no room left and no connection free: tried again where that is right, 503, never 500."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import as_problem
from tests.api.conftest import assert_problem, new_order_id
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.shop import Shop, open_shop
from workers.casefile.db import LOST_RACES, Database

TRIGGER = """
CREATE SEQUENCE strikes;
CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('strikes') <= {times} THEN
        RAISE EXCEPTION 'raised by the test' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER strike BEFORE INSERT ON orderops.inbox FOR EACH ROW EXECUTE FUNCTION strike();
"""
"""A sequence is not rolled back, so that it counts attempts."""


@pytest.fixture
async def database(postgres: MortalPostgres) -> AsyncIterator[Database]:
    database = Database(postgres.url("unix"), pool=3)
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS seats (id int PRIMARY KEY, taken int NOT NULL)"))
        await session.execute(
            text("INSERT INTO seats VALUES (1, 0), (2, 0) ON CONFLICT (id) DO UPDATE SET taken = 0")
        )
    yield database
    await database.close()


@pytest.fixture
async def shop(postgres: MortalPostgres, database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(postgres.url("unix"), database_url) as shop:
        yield shop


@asynccontextmanager
async def striking(database: Database, code: str, times: int) -> AsyncIterator[None]:
    """PostgreSQL answers the first inserts into the inbox with this SQLSTATE."""
    async with database.transaction() as session:
        for statement in TRIGGER.format(code=code, times=times).split(";\nCREATE"):
            create = "" if "CREATE SEQUENCE" in statement else "CREATE"
            await session.execute(text(create + statement))
    try:
        yield
    finally:
        async with database.transaction() as session:
            await session.execute(text("DROP FUNCTION strike CASCADE"))
            await session.execute(text("DROP SEQUENCE strikes"))


async def attempts(database: Database) -> int:
    async with database.sessions() as session:
        return await session.scalar(text("SELECT last_value FROM strikes")) or 0


async def taken(database: Database) -> list[int]:
    async with database.sessions() as session:
        return list(await session.scalars(text("SELECT taken FROM seats ORDER BY id")))


class TestWebhooks:
    @pytest.mark.parametrize("code", ["40001", "40P01"])
    async def test_a_lost_race_is_run_again_and_nobody_hears_of_it(
        self, shop: Shop, database: Database, code: str
    ) -> None:
        order_id = new_order_id()
        async with striking(database, code, times=2):
            assert (await shop.pay(order_id)).status_code == 200
        assert await shop.rows(order_id) == 1

    @pytest.mark.parametrize("code", ["40001", "40P01"])
    async def test_who_loses_every_race_is_told_to_come_again(
        self, shop: Shop, database: Database, code: str
    ) -> None:
        order_id = new_order_id()
        async with striking(database, code, times=1_000):
            answer = await shop.pay(order_id)
            assert_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert await attempts(database) == LOST_RACES
        assert await shop.rows(order_id) == 0

    @pytest.mark.parametrize(
        ("code", "meaning"),
        [
            ("53100", "disk full"),
            ("53200", "out of memory"),
            ("53300", "too many connections"),
            ("55P03", "lock not available"),
            ("57014", "statement cancelled"),
            ("57P01", "shutting down"),
            ("58030", "input or output failed"),
        ],
    )
    async def test_a_postgres_in_need_is_not_asked_again_at_once(
        self, shop: Shop, database: Database, code: str, meaning: str
    ) -> None:
        """503, nothing stored; once there is room again, the same webhook is taken."""
        order_id = new_order_id()
        async with striking(database, code, times=1_000):
            assert_problem(await shop.pay(order_id), 503, "unavailable")
            assert await attempts(database) == 1
        assert await shop.rows(order_id) == 0
        assert (await shop.pay(order_id)).status_code == 200

    async def test_with_every_connection_busy_callers_are_told_within_a_second(
        self, postgres: MortalPostgres, database_url: str
    ) -> None:
        """Whatever they ask for. The best of some: machines are busy."""
        async with open_shop(postgres.url("unix"), database_url, pool=2) as shop:
            longest: list[float] = []
            async with shop.app.database.connection(), shop.app.database.connection():
                while len(longest) < 8 and min(longest, default=1) >= 1:
                    shop.seconds = []
                    answers = await shop.every_route()
                    assert {answer.status_code for answer in answers} == {503}
                    longest.append(max(shop.seconds))
            assert min(longest) < 1, longest
            assert (await shop.pay()).status_code == 200


class TestTransactions:
    async def test_of_two_in_a_deadlock_both_succeed(self, database: Database) -> None:
        """PostgreSQL ends one of them; it is run again after the other."""
        both = asyncio.Barrier(2)
        runs: list[int] = []

        async def take(first: int, second: int) -> None:
            async def work(session: AsyncSession) -> None:
                runs.append(first)
                take_one = text("UPDATE seats SET taken = taken + 1 WHERE id = :id")
                await session.execute(take_one, {"id": first})
                if len(runs) <= 2:
                    await both.wait()
                await session.execute(take_one, {"id": second})

            await database.run(work)

        await asyncio.gather(take(1, 2), take(2, 1))
        assert await taken(database) == [2, 2]
        assert len(runs) > 2  # once more, or twice when the other is still committing

    async def test_of_two_that_cannot_be_put_in_a_row_both_succeed(self, database: Database) -> None:
        """Each writes what the other has read; PostgreSQL refuses one of them."""
        both = asyncio.Barrier(2)
        runs: list[int] = []

        async def take(seat: int) -> None:
            async def work(session: AsyncSession) -> None:
                runs.append(seat)
                await session.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
                seen = await session.scalar(text("SELECT sum(taken) FROM seats"))
                if len(runs) <= 2:
                    await both.wait()
                one_more = text("UPDATE seats SET taken = :seen + 1 WHERE id = :id")
                await session.execute(one_more, {"id": seat, "seen": seen})

            await database.run(work)

        await asyncio.gather(take(1), take(2))
        assert sorted(await taken(database)) == [1, 2]
        assert len(runs) > 2  # once more, or twice when the other is still committing

    async def test_what_failed_for_another_reason_is_not_run_again(self, database: Database) -> None:
        """The connection was lost: perhaps it was committed."""
        runs = 0

        async def work(session: AsyncSession) -> None:
            nonlocal runs
            runs += 1
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(OperationalError) as lost:
            await database.run(work)
        assert runs == 1
        assert as_problem(lost.value).kind.status == 503
        await database.ping()

    async def test_a_statement_nobody_waits_for_any_more_ends_at_the_server_too(self, database: Database) -> None:
        """Its locks go with it; else a caller who gave up would hold up others."""
        async with database.connection() as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await connection.execute(text("SELECT pg_sleep(60)"))
        for _ in range(100):
            async with database.sessions() as session:
                query = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
                if not await session.scalar(query, {"pid": pid}):
                    return
            await asyncio.sleep(0.05)
        pytest.fail("the statement still runs")
