"""Metrics that are found out when somebody asks: from the books, the pool and the connections to the engine."""

import asyncio
from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool

from workers.casefile.backlog import Backlog, backlog
from workers.casefile.db import Database
from workers.runtime.health import Health, Link

GAUGES = {
    "orderops_database_up": "1 when PostgreSQL answered this scrape in time; else what is read from it is missing",
    "orderops_database_connections_in_use": "Connections of this process's pool that are at work",
    "orderops_database_connections_max": "Most connections that this process's pool opens",
    "orderops_inbox_unpublished_rows": "Messages that the engine has not accepted yet",
    "orderops_inbox_oldest_unpublished_seconds": "Age of the oldest of them; 0 when there is none",
    "orderops_effects_unsettled": "Effects that are intended or unknown for more than a minute",
    "orderops_effects_oldest_unsettled_seconds": "Age of the oldest of them; 0 when there is none",
    "orderops_jobs_oldest_waiting_seconds": "Age of the oldest job of this type that is not finished",
    "orderops_audit_oldest_unsealed_seconds": "Age of the oldest timeline entry that is not sealed; 0 without one",
    "orderops_sla_board_age_seconds": "How long ago the figures of the SLA clock were drawn",
    "orderops_records_set_aside": "Records of the engine that nothing could be made of",
    "orderops_records_silent_seconds": "How long the engine has sent no records of this partition",
    "orderops_relay_up": "1 when the relay's last attempt reached database and engine",
    "orderops_jobs_in_flight": "Handlers at work",
    "orderops_job_type_silent_seconds": "How long the engine has given no sign of life for this job type",
    "orderops_job_source_up": "1 when this way to get jobs works",
}
"""Every metric of this kind, with its help."""

SECONDS = 1.5
"""A scrape waits for PostgreSQL no longer."""


def _gauge(name: str, value: float | None = None, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, GAUGES[name], value=value, labels=None if value is not None else tuple(labels))


class Books(Collector):
    """Inbox, journal and pool. `look` before each scrape: reading the books takes a connection of their own."""

    def __init__(self, database: Database, own: Database) -> None:
        """`own` is for these looks alone: a scrape neither waits for a busy pool nor takes from it."""
        self._database = database
        self._own = own
        self._looking: asyncio.Task[Backlog] | None = None
        self._seen: Backlog | None = None

    async def look(self) -> None:
        """Read the books, for a moment at most. Two scrapes at once share one look, a stuck one included."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._read())
            self._looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait({self._looking}, timeout=SECONDS)
        done = self._looking.done() and not self._looking.cancelled() and self._looking.exception() is None
        self._seen = self._looking.result() if done else None

    async def _read(self) -> Backlog:
        async with self._own.transaction() as session:
            return await backlog(session)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """What the last look saw."""
        pool = self._database.engine.pool
        if isinstance(pool, QueuePool):
            yield _gauge("orderops_database_connections_in_use", pool.checkedout())
            yield _gauge("orderops_database_connections_max", pool.size())
        yield _gauge("orderops_database_up", float(self._seen is not None))
        if self._seen is None:
            return
        yield _gauge("orderops_inbox_unpublished_rows", self._seen.inbox_rows)
        yield _gauge("orderops_inbox_oldest_unpublished_seconds", self._seen.inbox_age)
        unsettled = _gauge("orderops_effects_unsettled", labels=["state"])
        for state, count in self._seen.unsettled.items():
            unsettled.add_metric([state], count)
        yield unsettled
        yield _gauge("orderops_effects_oldest_unsettled_seconds", self._seen.unsettled_age)
        waiting = _gauge("orderops_jobs_oldest_waiting_seconds", labels=["type"])
        for job_type, age in self._seen.waiting_jobs.items():
            waiting.add_metric([job_type], age)
        yield waiting
        yield _gauge("orderops_audit_oldest_unsealed_seconds", self._seen.unsealed_age)
        yield _gauge("orderops_sla_board_age_seconds", self._seen.board_age)
        yield _gauge("orderops_records_set_aside", self._seen.set_aside)
        silent = _gauge("orderops_records_silent_seconds", labels=["partition"])
        for partition, age in self._seen.records_silent.items():
            silent.add_metric([str(partition)], age)
        yield silent


class RelayLink(Collector):
    """Whether the relay of this process gets on."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Up until the first failure."""
        yield _gauge("orderops_relay_up", float(self._link.up is not False))


class JobTypes(Collector):
    """What the host of this process does at the moment."""

    def __init__(self, health: Mapping[str, Health]) -> None:
        self._health = health

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One sample per job type."""
        in_flight = _gauge("orderops_jobs_in_flight", labels=["type"])
        silent = _gauge("orderops_job_type_silent_seconds", labels=["type"])
        up = _gauge("orderops_job_source_up", labels=["type", "way"])
        for job_type, health in self._health.items():
            in_flight.add_metric([job_type], health.running)
            silent.add_metric([job_type], health.silent_seconds)
            for link in (health.stream, health.poll):
                up.add_metric([job_type, link.way], float(link.up is True))
        return in_flight, silent, up
