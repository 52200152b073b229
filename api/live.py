"""Tells pages that a case changed: one LISTEN for all of them, and a single bit of memory for each.

A page is told that something changed, not what: it fetches itself again. So nothing piles up for a slow reader,
and nobody holds a connection of the database while they watch.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from api.errors import unavailable
from workers.casefile.db import DATABASE_AWAY, Database, PromptConnection

log = structlog.get_logger(__name__)

CHANNEL = "cases"
AT_MOST = 500
"""Pages that are told at once, by one process."""
LOOK_SECONDS = 15.0
"""How soon the stream of a session that ended ends, too."""
CATCH_UP_SECONDS = 30.0
"""A page that was told nothing for so long comes again all the same: whoever changed its case may have died after
the commit, before the notification."""
PATIENCE = 2.0
"""Seconds that a page waits until we listen."""
LINGERS = 30.0
"""Seconds that we go on listening when nobody watches any more: they come again soon, one page after the other."""


class Watcher:
    """One page. `case` is the only case it shows; None is all of them."""

    def __init__(self, case: str | None) -> None:
        self._case = case
        self._woken = asyncio.Event()
        self.over = False
        """We hear nothing any more: the page is to come again."""

    def tell(self, cases: frozenset[str]) -> None:
        """These changed."""
        if self._case is None or self._case in cases:
            self._woken.set()

    def end(self) -> None:
        """The database is away."""
        self.over = True
        self._woken.set()

    async def changed(self, within: float) -> bool:
        """Wait for a change; False when there was none in these seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), within)
        changed = self._woken.is_set()
        self._woken.clear()
        return changed


class Changes:
    """Listens while somebody watches."""

    def __init__(
        self,
        database: Database,
        *,
        at_most: int = AT_MOST,
        look_every: float = LOOK_SECONDS,
        catch_up: float = CATCH_UP_SECONDS,
    ) -> None:
        self.look_every = look_every
        self.catch_up = catch_up
        self._database = database
        self._at_most = at_most
        self._watchers: set[Watcher] = set()
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def require(self) -> None:
        """Listen from now on; 503 when too many watch already, or the database is away."""
        if len(self._watchers) >= self._at_most:
            raise unavailable("Too many pages are open; this one is not live for now.")
        if self._listener is None or self._listener.done():
            self._listening.clear()
            self._listener = asyncio.create_task(self._listen(), name="live pages")
        heard = asyncio.create_task(self._listening.wait())
        await asyncio.wait({heard, self._listener}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            raise unavailable("Changes cannot be told at the moment; try again.")

    @contextmanager
    def watch(self, case: str | None) -> Iterator[Watcher]:
        """Whatever is committed meanwhile is told."""
        watcher = Watcher(case)
        self._watchers.add(watcher)
        try:
            if not self._listening.is_set():
                watcher.end()
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    async def _listen(self) -> None:
        """Until nobody watches any more, or the connection is lost."""
        try:
            await self._hear()
        except (psycopg.Error, *DATABASE_AWAY) as error:
            log.warning("live.away", error=type(error).__name__)
        finally:
            self._listening.clear()
            for watcher in list(self._watchers):
                watcher.end()

    async def _hear(self) -> None:
        async with self._database.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, PromptConnection)  # noqa: S101  # Database's own
            try:
                await driver.set_autocommit(True)
                await driver.execute(f"LISTEN {CHANNEL}")
                driver.patience = None
                self._listening.set()
                watched = True
                while watched:
                    async for notification in driver.notifies(timeout=LINGERS):
                        self._tell(frozenset(notification.payload.split(",")))
                    watched = bool(self._watchers)
            finally:
                await connection.invalidate()  # never back to the pool: it listens

    def _tell(self, cases: frozenset[str]) -> None:
        for watcher in self._watchers:
            watcher.tell(cases)
