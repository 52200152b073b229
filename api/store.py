"""The database as requests use it: an answer in time, whatever PostgreSQL does."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import unavailable
from workers.casefile import inbox
from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.inbox import Arrival, Bell, Receipt

Result = TypeVar("Result")


class Store:
    """Transactions that answer within `seconds`: 503 when the database does not.

    A caller who would wait longer is told to try again; it may have happened, and is harmless twice.
    """

    def __init__(self, database: Database, bell: Bell, seconds: float) -> None:
        self._database = database
        self._bell = bell
        self._seconds = seconds

    async def run(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Do `work` in a transaction and commit it; it is rolled back when `work` raises.

        It may be done again from the start, so it does nothing but what the transaction holds.
        """
        return await self._in_time(self._database.run(work))

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows of one statement, which commits by itself: the quickest way."""
        return await self._in_time(self._database.statement(statement, values))

    async def add(self, arrival: Arrival) -> Receipt | None:
        """Store an arrival for the engine; None when it was known already. The quickest way for what is new."""
        receipt = await self._in_time(inbox.add(self._database, arrival))
        if receipt is not None:
            self._bell.ring()
        return receipt

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Not asyncio.timeout: who is cancelled may still have something to clean up; Python 3.11 may lose it."""
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        task.cancel()
        task.add_done_callback(_forget)
        raise unavailable("The database does not answer at the moment; try again.")


def _forget(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
