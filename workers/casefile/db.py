"""The connection to PostgreSQL, and how long anybody waits for it.

    seconds  who gives up, and on what
    0.8      a caller of the api, on a whole transaction (api/store.py): answered 503
    2        a connection that is not made
    5        a wait for a free connection of the pool
    10       PostgreSQL itself, on a statement, waiting for locks included
    12       we, on a PostgreSQL that says nothing (frozen, or behind a dead network): its connection is closed

Each limit is above what the one before needs, so that the side that knows more speaks first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import stamina
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

from workers.casefile.direct import Direct, Statement

SCHEMA = "orderops"

CONNECT_SECONDS = 2
POOL_SECONDS = 5.0
STATEMENT_SECONDS = 10
SILENCE_SECONDS = 12.0
LOOK_SECONDS = 0.1
"""How often psycopg wakes up while it waits; its own default for this is 0, which keeps a core busy."""
LOST_RACES = 4
"""Attempts at a transaction that loses against others."""

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
"""What SQLAlchemy raises when PostgreSQL is away, has no room left, cannot decide between two transactions, or
every connection is busy: worth a retry, never a 500."""

_SESSION = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}
"""Asked of PostgreSQL: to end what nobody waits for any more, and the locks of a machine that vanished."""

_CONNECT = {
    "connect_timeout": str(CONNECT_SECONDS),
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
}
"""libpq's parameters; those in the database's URL are stronger. A unix socket has no use for keepalives."""

_NO_LIMIT = Statement(text("SET statement_timeout = 0"))

Result = TypeVar("Result")


class PromptConnection(psycopg.AsyncConnection[Any]):
    """Waits for PostgreSQL no longer than `patience` seconds (None: for ever), and not at all once cancelled.

    Closed in both cases: psycopg itself would ask the server to cancel the statement and wait for it to say so,
    and a frozen server says nothing. Whether the statement was executed is then unknown, as with any lost answer.
    """

    patience: float | None = SILENCE_SECONDS

    def __del__(self, _warn: Any = None, /) -> None:
        """Without a word: a new connection whose first statements fail is dropped by SQLAlchemy, not closed."""
        if hasattr(self, "pgconn"):
            self.pgconn.finish()

    async def wait(
        self,
        gen: PQGen[Result],
        interval: float = LOOK_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109  # psycopg's own signature
    ) -> Result:
        """As psycopg's, with an end."""
        try:
            async with asyncio.timeout(self.patience):
                return await waiting.wait_async(gen, self.pgconn.socket, interval, timeout)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError("PostgreSQL did not answer in time") from None
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


class Database:
    """One pool of connections. Nothing connects before the first use."""

    def __init__(self, url: str, pool: int = 20) -> None:
        self.connections = pool
        """Most that there are at once."""
        asked = make_url(url).query
        ours = {name: value for name, value in _CONNECT.items() if name not in asked}
        self.engine = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=False,
            pool_reset_on_return=None,
            pool_use_lifo=True,
            connect_args={**ours, "async_creator_fn": PromptConnection.connect},
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        """For reading: no transaction, whose end would be a rollback: psycopg then forgets what it prepared."""
        transactional = self.engine.execution_options(isolation_level="READ COMMITTED")
        self._transactions = async_sessionmaker(transactional, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or rolls back on any error."""
        async with self._transactions.begin() as session:
            yield session

    async def run(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Do `work` in a transaction, and all of it again when PostgreSQL undid it in favour of another one.

        `work` must do nothing but what the transaction holds. Raises the last error after LOST_RACES attempts.
        """
        return await _unless_lost(lambda: self._run_once(work))

    async def statement(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows of one statement, which commits by itself: a third of a transaction's round trips.

        Done again when PostgreSQL undid it in favour of another one, as by `run`.
        """
        return await _unless_lost(lambda: self._state_once(statement, values))

    async def _run_once(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        async with self.transaction() as session:
            return await work(session)

    async def _state_once(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any]:
        async with self.direct() as connection:
            return await connection.rows(statement, values)

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Direct]:
        """For statements that are executed often; each commits by itself."""
        async with self.engine.connect() as connection:
            yield Direct(connection, await _driver_of(connection))

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Direct]:
        """For statements that may take as long as they need. The connection is closed at the end."""
        async with self.engine.connect() as pooled:
            driver = await _driver_of(pooled)
            driver.patience = None
            connection = Direct(pooled, driver)
            await connection.rows(_NO_LIMIT, {})
            try:
                yield connection
            finally:
                await connection.invalidate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """The same for statements that are seldom executed."""
        async with self.engine.connect() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise one of DATABASE_AWAY when PostgreSQL does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()


async def _driver_of(connection: AsyncConnection) -> PromptConnection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, PromptConnection)  # noqa: S101  # what the engine connects with
    return driver


async def _unless_lost(attempt: Callable[[], Awaitable[Result]]) -> Result:
    try:  # bare: it nearly always succeeds, and is made very often
        return await attempt()
    except DBAPIError as error:
        if not lost_a_race(error):
            raise
    retries = stamina.retry_context(
        on=lost_a_race,
        attempts=LOST_RACES - 1,
        timeout=None,
        wait_initial=0.01,
        wait_max=0.1,
        wait_jitter=0.05,
    )
    async for one_more in retries:
        with one_more:
            return await attempt()
    raise AssertionError("retries end with a result or an error")


def lost_a_race(error: Exception) -> bool:
    """Whether PostgreSQL rolled a transaction back only because of another: a deadlock, or not serialisable."""
    return isinstance(error, DBAPIError) and isinstance(error.orig, SerializationFailure | DeadlockDetected)
