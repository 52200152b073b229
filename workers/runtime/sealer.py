"""The sealer: seals the timeline a moment after it was written, and tells anchors to the outside.

Any number of sealers may run; one at a time seals.
"""

import asyncio
import time
from pathlib import Path

import structlog

from workers.casefile import anchors
from workers.casefile.anchors import Told
from workers.casefile.audit_models import AuditAnchor
from workers.casefile.db import DATABASE_AWAY
from workers.casefile.seal import BEGINNING
from workers.casefile.sealing import Seals
from workers.runtime.health import Link
from workers.runtime.logs import places

log = structlog.get_logger()

SEAL_EVERY = 1.0
ANCHOR_LOOK_EVERY = 5.0
"""Seconds between looks whether an anchor is due."""


class Sealer:
    """Runs in the bridge; cancel its task to stop it."""

    def __init__(self, seals: Seals, file: Path | None) -> None:
        """`file` is told every anchor, made here or elsewhere."""
        self._seals = seals
        self._link = Link("timeline", "sealer")
        self._file = file
        self._file_link = Link("audit anchors", "file")
        self._told: Told | None = None
        """The last one in the file, as far as we know."""
        self._anchors_looked_at = float("-inf")

    async def run(self) -> None:
        """Seal for ever; neither PostgreSQL being away nor a full disk ends it."""
        while True:
            if not await self._seal_or_say_why():
                await asyncio.sleep(SEAL_EVERY)

    async def _seal_or_say_why(self) -> bool:
        """Whether there may be more to seal at once."""
        try:
            sealed = await self._seals.seal()
            if time.monotonic() - self._anchors_looked_at > ANCHOR_LOOK_EVERY:
                await self.anchor()
                self._anchors_looked_at = time.monotonic()
        except DATABASE_AWAY as error:
            self._seals.forget()
            self._link.failed(type(error).__name__)
        except Exception as error:
            log.critical("sealer.crashed", error=type(error).__name__, places=places(error))
        else:
            self._link.succeeded()
            return sealed == self._seals.batch
        return False

    async def anchor(self) -> None:
        """Make an anchor if it is time, and tell those that were made."""
        while anchor := await self._seals.anchor():
            _say(anchor)
        if self._file is not None:
            try:
                await self._tell(self._file)
            except OSError as error:
                self._file_link.failed(type(error).__name__)
            else:
                self._file_link.succeeded()

    async def _tell(self, file: Path) -> None:
        if self._told is None:
            self._told = await asyncio.to_thread(anchors.last, file)
        known = self._told.number if self._told else 0
        made = await self._seals.anchors(since=known)
        before = made.pop(0).hash if made and made[0].number == known else BEGINNING
        if made and self._told and before.hex() != self._told.hash:
            log.critical("audit.anchor_differs", number=known, entries=self._told.entries)
        news = []
        for anchor in made:
            news.append(anchors.told(anchor, before))
            before = anchor.hash
        if news:
            await asyncio.to_thread(anchors.append, file, news)
            self._told = news[-1]


def _say(anchor: AuditAnchor) -> None:
    log.info(
        "audit.anchored",
        number=anchor.number,
        entries=anchor.entries,
        cases=anchor.cases,
        hash=anchor.hash.hex(),
    )
