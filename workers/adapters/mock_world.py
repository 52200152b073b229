"""The mocked outside world's books: schema `mock`, an engine and a pool of its own.

Nothing here shares a transaction with the case file, so that a crash between a provider and us is as real as it is
with providers elsewhere. Every statement commits by itself.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self, TypeVar

from sqlalchemy import BigInteger, Identity, Index, MetaData, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.types import DateTime

from workers.runtime.errors import EffectConflict

_PREPARE_LOCK = 0x6D6F636B
"""Advisory lock number: two processes that prepare at once do it one after the other."""


class Base(DeclarativeBase):
    """Base of the mock's tables."""

    metadata = MetaData(schema="mock")
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own declaration
        str: Text,
        int: BigInteger,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


class BehaviourRow(Base):
    """How calls of one operation misbehave; see mock_behaviour."""

    __tablename__ = "behaviours"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    operation: Mapped[str]
    kind: Mapped[str]
    targets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """All of these must be among what the call is about; empty means every call."""
    rate: Mapped[float]
    remaining: Mapped[int | None]
    value: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (Index("behaviours_by_operation", "operation", "id"),)


class AttemptRow(Base):
    """How often a behaviour with a rate was asked about one business key, so that its verdicts are repeatable."""

    __tablename__ = "attempts"
    behaviour_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class ShopOrderRow(Base):
    """An order in the shop, as Shopify's JSON."""

    __tablename__ = "shop_orders"
    id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    address_changes: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    seeded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SupplierOrderRow(Base):
    """An order in a supplier's books."""

    __tablename__ = "supplier_orders"
    supplier: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(start=100001))
    cost_minor: Mapped[int]
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]]
    address: Mapped[dict[str, Any]]
    placed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    requests: Mapped[int] = mapped_column(server_default="1")
    """How often it was asked for; more than 1 means that the idempotency key saved us from buying twice."""


class KeyedRow(Base):
    """What is there once per key, however often it is asked for.

    A provider that has forgotten the key has it again, under another one that begins with it; see `again`.
    """

    __abstract__ = True
    key: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(server_default="1")

    def must_be(self, wanted: Mapping[str, Any], what: str) -> None:
        """Raises EffectConflict when the key stands for something else than wanted."""
        if {field: getattr(self, field) for field in wanted} != dict(wanted):
            raise EffectConflict(f"There already is another {what} under key {self.key}.")


class PostingRow(KeyedRow):
    """A posting in the ledger."""

    __tablename__ = "ledger_postings"
    number: Mapped[int] = mapped_column(Identity(start=500001))
    account: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    order_id: Mapped[str] = mapped_column(index=True)
    memo: Mapped[str]
    booked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailRow(KeyedRow):
    """A mail as it was sent."""

    __tablename__ = "mails"
    number: Mapped[int] = mapped_column(Identity(start=700001))
    to: Mapped[str]
    template: Mapped[str]
    order_id: Mapped[str] = mapped_column(index=True)
    values: Mapped[dict[str, Any]]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    links: Mapped[list[str]]
    """Every address in the text, in its order."""
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EventRow(KeyedRow):
    """An event on the bus."""

    __tablename__ = "events"
    number: Mapped[int] = mapped_column(Identity(start=900001))
    name: Mapped[str] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())


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
                await transactional.run_sync(Base.metadata.create_all)
        self._prepared = True

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


@cache
def _once(table: type[KeyedT], names: tuple[str, ...]) -> TypedReturnsRows[Any]:
    """Building a statement takes longer than PostgreSQL takes for it: once for each table."""
    statement = insert(table).values({name: bindparam(f"new_{name}") for name in names})
    counted = statement.on_conflict_do_update(index_elements=[table.key], set_={"requests": table.requests + 1})
    return counted.returning(table)


def again(key: str) -> str:
    """What a provider that has forgotten the key keeps the same thing under, once more."""
    return f"{key}#{secrets.token_hex(4)}"
