"""Waiting for PostgreSQL costs nothing."""

import asyncio
import time

from sqlalchemy import text

from workers.casefile.db import Database


async def test_a_wait_for_postgres_keeps_no_core_busy(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(text("SELECT 1"))
        before = time.process_time()
        await asyncio.gather(connection.execute(text("SELECT pg_sleep(1)")))
        assert time.process_time() - before < 0.3
