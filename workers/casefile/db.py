"""The connection to PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

SCHEMA = "orderops"

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
"""What SQLAlchemy raises when PostgreSQL is away or every connection is busy: worth a retry, never a 500."""


class Database:
    """One pool of connections. Nothing connects before the first use."""

    def __init__(self, url: str, pool: int = 20) -> None:
        self.engine = create_async_engine(
            url, pool_size=pool, max_overflow=0, pool_timeout=5, pool_pre_ping=False, pool_use_lifo=True
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or rolls back on any error."""
        async with self.sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection, for those who commit step by step."""
        async with self.engine.connect() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise one of DATABASE_AWAY when PostgreSQL does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()
