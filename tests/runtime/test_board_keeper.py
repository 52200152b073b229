"""The keeper of the SLA board beside a running system: soon, and again after an outage."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.api.ticket_story import ALWAYS, URGENT, clocked, written
from tests.api.ui_data import ago
from tests.casefile.own_database import cut_off, run, url_of
from tests.runtime.test_sealer import within
from workers.casefile import sla_board
from workers.casefile.db import Database
from workers.casefile.sla_board import SlaBoard
from workers.runtime.board_keeper import BoardKeeper
from workers.runtime.collectors import Books
from workers.runtime.metrics import page


@contextlib.asynccontextmanager
async def kept(own: Database) -> AsyncIterator[None]:
    """With a pool of its own, so that it can be cut off."""
    database = Database(url_of(own), 2)
    task = asyncio.create_task(BoardKeeper(SlaBoard(database, ALWAYS)).run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await database.close()


async def shown(own: Database, clocks: int) -> None:
    """So many are on the board at last."""

    async def there() -> bool:
        async with own.sessions() as session:
            found = await sla_board.shown(session)
        return sum(each.total for each in found.clocks) == clocks

    await within(15, there)


@pytest.mark.parametrize("moment", ["at once", "after an outage"])
async def test_what_happens_to_tickets_is_shown_soon(own: Database, moment: str) -> None:
    await run(own, "TRUNCATE orderops.ticket_events, orderops.ticket_outlooks, orderops.sla_board")
    async with kept(own):
        await shown(own, 0)
        await clocked(own, (await written(own)).ticket_id, URGENT, 1)
        await shown(own, 3)
        if moment == "after an outage":
            await cut_off(own)
        await clocked(own, (await written(own)).ticket_id, URGENT, 1)
        await shown(own, 6)
        assert await age(own) < 60


async def test_the_metric_grows_while_nobody_keeps_it(own: Database) -> None:
    await run(own, "TRUNCATE orderops.sla_board")
    assert await age(own) == 0
    await SlaBoard(own, ALWAYS).draw(ago(seconds=90))
    assert await age(own) >= 90


async def age(own: Database) -> float:
    books = Books(own, own)
    await books.look()
    lines = page(books).decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("orderops_sla_board_age_seconds"))
