"""How long a job is ours: the engine hands it to another worker when its time is over."""

import asyncio
import time

import grpc
import structlog

from workers.runtime.calls import ATTEMPT_SECONDS, worth_retrying
from workers.runtime.gateway import JobGateway

log = structlog.get_logger()

WAITED = 0.002
"""Seconds: a job that we waited for longer than this lay in no buffer."""


class EngineClock:
    """Tells how long a job is still ours, without trusting that the engine's clock and ours agree.

    A job that we were waiting for was handed out just now, so its deadline shows how far the clocks are apart;
    one that lay in a buffer meanwhile shows, by that, how long it lay there.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._ahead: float | None = None

    def left(self, deadline_ms: int, waited: float) -> float:
        """Seconds until the engine hands the job out again; `waited` is how long we waited for it."""
        remaining = deadline_ms / 1000 - time.time()
        if self._ahead is None or waited > WAITED:
            self._ahead = remaining - self._timeout
        return remaining - self._ahead


class Lease:
    """Keeps one job ours, by asking for more time when half of a time-out is left."""

    def __init__(self, gateway: JobGateway, key: int, timeout: float, left: float) -> None:
        self._gateway = gateway
        self._key = key
        self._timeout = timeout
        self._span = timeout
        """How long the job is ours from the moment the engine is asked."""
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + left
        self._asking: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(max(left - timeout / 2, 0), self._ask)

    @property
    def left(self) -> float:
        """Seconds that the job is still ours."""
        return self._ends - self._loop.time()

    def hold(self, seconds: float) -> None:
        """Keep the job for so long and a time-out more: nobody gets it earlier, even should we be killed."""
        self.stop()
        self._span = seconds + self._timeout
        self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def _ask(self) -> None:
        self._asking = self._loop.create_task(self._extend())

    async def _extend(self) -> None:
        asked = self._loop.time()
        again = self._span - self._timeout / 2
        try:
            await self._gateway.extend(self._key, int(self._span * 1000), ATTEMPT_SECONDS)
            self._ends = asked + self._span
        except grpc.aio.AioRpcError as error:
            if not worth_retrying(error):
                log.warning("job.taken_away", status=error.code().name)
                return
            again = min(self._timeout / 20, 2.0)
        self._timer = self._loop.call_later(again, self._ask)
