"""The worker host: every job type of the processes it serves, until it is told to stop."""

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping

import structlog

from workers.runtime.gateway import JobGateway
from workers.runtime.health import Health
from workers.runtime.jobs import Job
from workers.runtime.lane import Lane

log = structlog.get_logger()

DRAIN_SECONDS = 25.0
"""How long handlers at work may take to finish once the host is told to stop."""
GIVE_BACK_SECONDS = 3.0
"""How long giving back the rest may take after that."""


class Host:
    """One lane per job type; none waits for another. Raises UserError for a handler that cannot be served."""

    def __init__(self, jobs: Iterable[Job], gateway: JobGateway, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        self._worker = f"orderops-{socket.gethostname()}-{os.getpid()}"
        self._lanes = {job.type: Lane(job, gateway, self._worker) for job in jobs}
        self._drain_seconds = drain_seconds
        self.draining = False
        """Whether no more jobs are fetched."""

    @property
    def health(self) -> Mapping[str, Health]:
        """Per job type: when the engine was last heard of, and how many handlers are at work."""
        return {job_type: lane.health for job_type, lane in self._lanes.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Nothing the engine does ends this."""
        for lane in self._lanes.values():
            lane.open()
        log.info("host.started", worker=self._worker, job_types=len(self._lanes))
        try:
            await stop.wait()
        finally:
            await self._drain()

    async def _drain(self) -> None:
        """Fetch no more, let handlers finish, give back the rest."""
        self.draining = True
        lanes = self._lanes.values()
        running = sum(lane.health.running for lane in lanes)
        log.info("host.draining", running=running)
        _, stuck = await asyncio.gather(
            asyncio.gather(*(lane.close() for lane in lanes)),
            asyncio.gather(*(lane.drain(self._drain_seconds, GIVE_BACK_SECONDS) for lane in lanes)),
        )
        log.info("host.stopped", running=running, stuck=sum(stuck))
