"""The sealer beside a running system: soon, again after an outage, and never by a full disk held up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog.testing
from sqlalchemy import text

from tests.casefile.history import History
from tests.casefile.own_database import cut_off, url_of
from workers.casefile import anchors
from workers.casefile.db import Database
from workers.casefile.sealing import Seals
from workers.runtime.collectors import Books
from workers.runtime.metrics import page
from workers.runtime.sealer import Sealer

UNSEALED = "orderops_audit_oldest_unsealed_seconds"


@contextlib.asynccontextmanager
async def running(history: History, file: Path | None = None) -> AsyncIterator[None]:
    """With a pool of its own, so that it can be cut off."""
    database = Database(url_of(history.database), 2)
    task = asyncio.create_task(Sealer(Seals(database), file or history.file).run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await database.close()


async def within(seconds: float, holds: Callable[[], Awaitable[bool]]) -> None:
    ends = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < ends, "it does not come to hold"
        await asyncio.sleep(0.1)


async def sealed(history: History) -> int:
    async with history.database.sessions() as session:
        return await session.scalar(text("SELECT entries FROM orderops.audit_progress")) or 0


async def age(history: History) -> float:
    books = Books(history.database, history.database)
    await books.look()
    lines = page(books).decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(UNSEALED))


async def test_what_was_written_is_sealed_soon_and_told_to_the_file(history: History) -> None:
    async with running(history):
        await history.write("a", 3)

        async def told() -> bool:
            return await sealed(history) == 3 and history.file.exists()

        await within(15, told)
    assert [anchor.entries for anchor in anchors.read(history.file)] == [3]
    assert await history.findings(outside=True) == []


async def test_cut_off_from_the_database_it_goes_on_afterwards(history: History) -> None:
    async with running(history):
        await history.sealed("a")
        await cut_off(history.database)
        await history.write("a", 2)

        async def all_sealed() -> bool:
            return await sealed(history) == 3

        await within(15, all_sealed)
    assert await history.findings() == []


async def test_a_file_that_cannot_be_written_holds_nothing_up(history: History, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(history, tmp_path / "nowhere" / "anchors.jsonl"):
            for entries in (1, 2):
                await history.write("a")

                async def next_sealed(entries: int = entries) -> bool:
                    return await sealed(history) == entries

                await within(15, next_sealed)
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["file.lost"]


async def test_anchors_are_logged_and_a_history_that_was_replaced_is_called_out(history: History) -> None:
    await history.sealed("a")
    with structlog.testing.capture_logs() as logs:
        await Sealer(history.seals, history.file).anchor()
    [said] = [log for log in logs if log["event"] == "audit.anchored"]
    assert (said["number"], said["entries"], said["cases"]) == (1, 1, 1)
    await history.tamper("UPDATE orderops.timeline SET sentence = 'Nothing'")
    await history.forge()
    await history.sealed("a")
    with structlog.testing.capture_logs() as logs:
        await history.anchor()
    assert "audit.anchor_differs" in [log["event"] for log in logs]


async def test_the_metric_grows_while_nobody_seals(history: History) -> None:
    assert await age(history) == 0
    await history.write("a")
    await asyncio.sleep(0.2)
    assert 0.2 <= await age(history) < 60
    await history.seal()
    assert await age(history) == 0
