"""The mocked outside world's books: schema `mock`, an engine and a pool of its own.

Nothing here shares a transaction with the case file, so that a crash between a provider and us is as real as it is
with providers elsewhere. Every statement commits by itself.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, DefaultClause, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.schema import CreateSchema
from sqlalchemy.sql.selectable import TypedReturnsRows

import workers.adapters.mock_support_books  # noqa: F401  its tables are made, too
from workers.adapters.mock_books import NOW, Base, ClockRow, KeyedRow

_PREPARE_LOCK = 0x6D6F636B
"""Advisory lock number: two processes that prepare at once do it one after the other."""
_CLOCK = """
CREATE FUNCTION mock.now() RETURNS timestamptz LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN pg_catalog.now() + coalesce((SELECT ahead FROM mock.clock), interval '0'); END $$
"""

RowT = TypeVar("RowT", bound=Base)
KeyedT = TypeVar("KeyedT", bound=KeyedRow)


class MockWorld:
    """Connections to the mocked outside world, and how patient its callers are.

    `latency` is what every call takes at least, `timeout` how long the adapters wait for an answer that does not
    come. Nothing connects before the first call, which also makes the tables where they are missing.
    """

    def __init__(
        self,
        database_url: str,
        pool_size: int = 20,
        *,
        latency: timedelta = timedelta(milliseconds=3),
        timeout: timedelta = timedelta(seconds=2),
    ) -> None:
        self.latency = latency
        self.timeout = timeout
        self._prepared = False
        self._engine = create_async_engine(
            database_url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_reset_on_return=None,
        )

    async def __aenter__(self) -> Self:
        await self.prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def prepare(self) -> None:
        """Create schema and tables where they are missing; safe to repeat and when two processes do it at once."""
        async with self._engine.connect() as connection:
            transactional = await connection.execution_options(isolation_level="READ COMMITTED")
            async with transactional.begin():
                await transactional.execute(select(func.pg_advisory_xact_lock(_PREPARE_LOCK)))
                await transactional.execute(CreateSchema("mock", if_not_exists=True))
                await transactional.run_sync(_create)
        self._prepared = True

    async def now(self) -> datetime:
        """What the outside world's clock shows."""
        if not self._prepared:
            await self.prepare()
        async with AsyncSession(self._engine) as session:
            moment: datetime = (await session.execute(select(NOW))).scalar_one()
            return moment

    async def pass_time(self, how_long: timedelta) -> datetime:
        """Let time pass in the outside world, for all who look at it, and give what its clock shows then."""
        if how_long < timedelta(0):
            raise ValueError("Time does not go back.")
        statement = insert(ClockRow).values(id=1, ahead=how_long)
        further = statement.on_conflict_do_update(
            index_elements=[ClockRow.id], set_={"ahead": ClockRow.ahead + statement.excluded.ahead}
        )
        await self.row(further.returning(ClockRow))
        return await self.now()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def rows(
        self, statement: TypedReturnsRows[RowT], values: Mapping[str, Any] | None = None
    ) -> Sequence[RowT]:
        """Run one statement, committed by itself, and give the rows it returns, detached."""
        if not self._prepared:
            await self.prepare()
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            return (await session.scalars(statement, values)).all()

    async def row(self, statement: TypedReturnsRows[RowT], values: Mapping[str, Any] | None = None) -> RowT | None:
        """The first row of what the statement returns, or None."""
        return next(iter(await self.rows(statement, values)), None)

    async def one(self, statement: TypedReturnsRows[RowT], values: Mapping[str, Any] | None = None) -> RowT:
        """The row of a statement that always returns one."""
        return (await self.rows(statement, values))[0]

    async def keep(
        self, table: type[KeyedT], key: str, fields: Mapping[str, Any], *, forgotten: bool = False
    ) -> KeyedT:
        """Insert a row; when its key is taken, count the request and give the row that is there.

        With the key `forgotten`, a row that is there already is not recognised, and there is one more.
        """
        if forgotten and await self.row(select(table).where(table.key == key)) is not None:
            key = again(key)
        values = {"key": key, **fields}
        return await self.one(
            _once(table, tuple(values)), {f"new_{name}": value for name, value in values.items()}
        )


def _create(connection: Connection) -> None:
    """Tables of an older orderops keep their rows and get the clock."""
    ClockRow.metadata.tables["mock.clock"].create(connection, checkfirst=True)
    if connection.scalar(select(func.to_regproc("mock.now"))) is None:
        connection.execute(text(_CLOCK))
        Base.metadata.create_all(connection)
        for table in Base.metadata.tables.values():
            for column in table.columns:
                if isinstance(column.server_default, DefaultClause) and column.server_default.arg is NOW:
                    connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column.name} SET DEFAULT {NOW}"))
    else:
        Base.metadata.create_all(connection)


@cache
def _once(table: type[KeyedT], names: tuple[str, ...]) -> TypedReturnsRows[Any]:
    """Building a statement takes longer than PostgreSQL takes for it: once for each table."""
    statement = insert(table).values({name: bindparam(f"new_{name}") for name in names})
    counted = statement.on_conflict_do_update(index_elements=[table.key], set_={"requests": table.requests + 1})
    return counted.returning(table)


def again(key: str) -> str:
    """What a provider that has forgotten the key keeps the same thing under, once more."""
    return f"{key}#{secrets.token_hex(4)}"
