"""The effect journal when its worker is killed for good, by SIGKILL."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.casefile.doomed_worker import Bought, Moment, Provider, purchase
from workers.casefile.db import Database
from workers.casefile.journal import Intent, Journal
from workers.casefile.models import Effect, EffectState
from workers.runtime.errors import EffectInProgress


@asynccontextmanager
async def killed_at(moment: Moment, url: str, key: str, provider: Provider) -> AsyncIterator[None]:
    """A worker hangs at this moment inside the block, and is killed at its end."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.casefile.doomed_worker", url, key, str(provider.books), moment),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert worker.stdout is not None
        async with asyncio.timeout(20):
            assert await worker.stdout.readline() == b"here\n"
        yield
    finally:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()


async def once(database: Database, intent: Intent[Bought]) -> Bought:
    """The next attempt. PostgreSQL needs a moment to see that the connection, and with it the lock, is dead,
    and the provider has a second in which it may still execute."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await Journal(database, settling=timedelta(seconds=1)).once(intent)
            except EffectInProgress:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("moment", Moment)
async def test_after_a_kill_the_next_attempt_settles_and_the_effect_is_there_once(
    database: Database, database_url: str, tmp_path: Path, moment: Moment
) -> None:
    key, provider = f"test:{uuid4()}", Provider(tmp_path / "books")
    intent = purchase(key, provider)
    async with killed_at(moment, database_url, key, provider):
        with pytest.raises(EffectInProgress):
            await Journal(database).once(intent)
        assert provider.lines() == ([key] if moment is Moment.AFTER else [])
    async with database.sessions() as session:
        assert (await session.get_one(Effect, key)).state == EffectState.INTENDED
    assert await once(database, intent) == Bought(key)
    assert provider.lines() == [key]
    async with database.sessions() as session:
        assert (await session.get_one(Effect, key)).state == EffectState.DONE
