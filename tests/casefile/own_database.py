"""Databases of a test's own in the session's PostgreSQL, and all that the record stream led to in one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import NullPool, create_engine, make_url, select, text

from workers.casefile import migrate
from workers.casefile.db import Database
from workers.casefile.projection.projector import PROJECTED
from workers.casefile.projection.tables import table
from workers.casefile.rebuild import IDENTITY, NOT_OF_THE_STREAM

Rows = dict[str, list[tuple[Any, ...]]]


@asynccontextmanager
async def own_database(server_url: str) -> AsyncIterator[Database]:
    """Migrated, and gone at the end."""
    name = f"own_{uuid4().hex}"
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    await asyncio.to_thread(_on_server, server_url, f"CREATE DATABASE {name}")
    await asyncio.to_thread(_on_server, server_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    await asyncio.to_thread(migrate.upgrade, url)
    database = Database(url, 8)
    yield database
    await database.close()
    await asyncio.to_thread(_on_server, server_url, f"DROP DATABASE {name} WITH (FORCE)")


def url_of(database: Database) -> str:
    """Its address."""
    return database.engine.url.render_as_string(hide_password=False)


def _on_server(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


async def projected(database: Database, *without: str) -> Rows:
    """Every row that the stream led to, in a fixed order; without PostgreSQL's own numbers and these columns."""
    rows: Rows = {}
    async with database.connection() as connection:
        for name in PROJECTED:
            one = table(name)
            keys = IDENTITY.get(name) or one.primary_key.columns.keys()
            others = NOT_OF_THE_STREAM.get(name, frozenset()) | set(without)
            columns = [column for column in one.c if column.name not in others]
            found = await connection.execute(select(*columns).order_by(*(one.c[key] for key in keys)))
            rows[name] = [tuple(row) for row in found]
    return rows


async def empty(database: Database) -> Database:
    """Without records, and without anything that was made of them."""
    names = ", ".join(f"orderops.{name}" for name in (*PROJECTED, "records", "record_positions"))
    await run(database, f"TRUNCATE {names}")
    return database


async def run(database: Database, *statements: str) -> None:
    """Execute these, past every trigger."""
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await session.execute(text(statement))


async def cut_off(database: Database) -> None:
    """Every connection to it ends; who has one has to make another."""
    async with database.transaction() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await database.engine.dispose()
