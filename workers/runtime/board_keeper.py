"""The keeper of the SLA board: counts what happened to tickets a moment later, and draws the figures.

Any number of keepers may run; one at a time keeps the board.
"""

import asyncio
import time

import structlog

from workers.casefile.db import DATABASE_AWAY
from workers.casefile.sla_board import SlaBoard
from workers.runtime.health import Link
from workers.runtime.logs import places

log = structlog.get_logger()

LOOK_EVERY = 2.0
"""Seconds: what happens to a ticket in one go is counted once."""
DRAW_EVERY = 15.0
"""Seconds after which the figures are drawn although no ticket moved: clocks run, and people correct labels."""
SHARE = 0.05
"""Of the time that drawing may take: with very many tickets it is done less often."""


class BoardKeeper:
    """Runs in the bridge; cancel its task to stop it."""

    def __init__(self, board: SlaBoard) -> None:
        self._board = board
        self._link = Link("sla board", "keeper")
        self._not_before = self._at_the_latest = float("-inf")
        self._drawn = False
        """What was counted is in the figures."""

    async def run(self) -> None:
        """Keep it for ever; PostgreSQL being away does not end it."""
        while True:
            if not await self._keep_or_say_why():
                await asyncio.sleep(LOOK_EVERY)

    async def _keep_or_say_why(self) -> bool:
        """Whether there may be more to count at once."""
        try:
            counted = await self._board.count()
            self._drawn = self._drawn and not counted
            now = time.monotonic()
            if now >= self._at_the_latest or (now >= self._not_before and not self._drawn):
                await self._draw()
        except DATABASE_AWAY as error:
            self._link.failed(type(error).__name__)
        except Exception as error:
            log.critical("keeper.crashed", error=type(error).__name__, places=places(error))
        else:
            self._link.succeeded()
            return counted == self._board.batch
        return False

    async def _draw(self) -> None:
        began = time.monotonic()
        await self._board.draw()
        ended = time.monotonic()
        self._drawn = True
        self._not_before = ended + (ended - began) / SHARE
        self._at_the_latest = max(self._not_before, ended + DRAW_EVERY)
