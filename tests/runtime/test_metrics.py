"""Metrics tell how jobs end and what waits, and a scrape ends in time whatever is away."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from typing import NoReturn
from uuid import uuid4

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import delete, text

from tests.fakes.job_gateway import FakeJobGateway, make_job
from tests.fakes.publisher import FakePublisher
from tests.runtime.test_relay import arrive
from workers.casefile.db import Database
from workers.casefile.models import Effect, InboxRow
from workers.casefile.record_models import WaitingJob
from workers.runtime.collectors import Books, JobTypes, RelayLink
from workers.runtime.dispatch import Dispatcher
from workers.runtime.errors import BusinessOutcome, NeedsHuman, Retryable
from workers.runtime.health import Health
from workers.runtime.jobs import Job
from workers.runtime.metrics import page
from workers.runtime.relay import Relay

Code = grpc.StatusCode
Handler = Callable[[], Awaitable[None]]


class Errors(StrEnum):
    SOLD_OUT = "SOLD_OUT"


def samples(*collectors: Books | JobTypes | RelayLink) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, these sorted by their names."""
    families = parse(page(*collectors).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples
    }


async def fine() -> None: ...


def raising(error: Exception) -> Handler:
    async def handler() -> NoReturn:
        raise error

    return handler


async def nothing(_seconds: float) -> None: ...


class TestJobs:
    """Each job is counted once, under how it ended."""

    @pytest.mark.parametrize(
        ("handler", "trouble", "outcome", "burnt"),
        [
            (fine, [], "completed", 0),
            (raising(BusinessOutcome(Errors.SOLD_OUT, "no")), [], "error_thrown", 0),
            (raising(Retryable("later")), [], "failed", 1),
            (raising(Retryable("later", burns_retry=False)), [], "failed", 0),
            (raising(NeedsHuman("look")), [], "incident", 1),
            (fine, [Code.NOT_FOUND], "gone", 0),
            (fine, [Code.INVALID_ARGUMENT], "refused", 0),
            (fine, [Code.UNAVAILABLE] * 99, "lost", 0),
        ],
    )
    async def test_by_type_and_outcome(
        self, handler: Handler, trouble: list[grpc.StatusCode], outcome: str, burnt: int
    ) -> None:
        job = Job(f"test.{uuid4().hex}", handler, timeout=timedelta(seconds=1))
        dispatcher = Dispatcher(job, FakeJobGateway(trouble=deque(trouble)), nothing)
        await dispatcher.do(make_job(job.type), left=0.8)
        await asyncio.gather(*dispatcher.waiting)
        seen = samples()
        counted = {key[1]: n for key, n in seen.items() if key[0] == "orderops_jobs_total" and key[2] == job.type}
        assert {name for name, value in counted.items() if value} == {outcome}
        assert counted[outcome] == 1
        assert seen["orderops_job_retries_burnt_total", job.type] == burnt
        assert seen["orderops_job_duration_seconds_count", job.type] == 1
        assert seen["orderops_job_wait_seconds_sum", job.type] == pytest.approx(0.2)

    async def test_those_that_were_not_begun(self) -> None:
        job = Job(f"test.{uuid4().hex}", fine)
        dispatcher = Dispatcher(job, FakeJobGateway())
        await dispatcher.give_back(make_job(job.type))
        dispatcher.drop(make_job(job.type))
        seen = samples()
        assert seen["orderops_jobs_total", "given_back", job.type] == 1
        assert seen["orderops_jobs_total", "dropped", job.type] == 1
        assert seen["orderops_job_duration_seconds_count", job.type] == 0

    def test_what_is_under_way_and_how_long_the_engine_is_silent(self) -> None:
        health = Health("test.do", slots=32, running=3)
        health.since -= 40
        health.stream.succeeded()
        health.poll.failed("UNAVAILABLE")
        seen = samples(JobTypes({"test.do": health}))
        assert seen["orderops_jobs_in_flight", "test.do"] == 3
        assert seen["orderops_job_type_silent_seconds", "test.do"] < 5
        assert seen["orderops_job_source_up", "test.do", "stream"] == 1
        assert seen["orderops_job_source_up", "test.do", "poll"] == 0


@pytest.fixture
async def books(database_url: str, database: Database) -> AsyncIterator[Books]:
    async with database.transaction() as session:
        await session.execute(delete(InboxRow))
        await session.execute(delete(Effect))
        await session.execute(delete(WaitingJob))
    own = Database(database_url, pool=1)
    yield Books(database, own)
    await own.close()


class TestBooks:
    """Read when asked for, over a connection of their own."""

    async def test_nothing_waits(self, books: Books) -> None:
        await books.look()
        seen = samples(books)
        assert seen["orderops_database_up",] == 1
        assert seen["orderops_inbox_unpublished_rows",] == 0
        assert seen["orderops_inbox_oldest_unpublished_seconds",] == 0
        assert seen["orderops_effects_unsettled", "unknown"] == 0

    async def test_what_waits_and_for_how_long(self, books: Books, database: Database) -> None:
        await arrive(database, 3)
        async with database.transaction() as session:
            await session.execute(text("UPDATE orderops.inbox SET received_at = now() - interval '90 s'"))
            await session.execute(
                text(
                    "INSERT INTO orderops.effects (key, kind, case_id, state, request, intended_at) VALUES "
                    "('a', 'mail', '1', 'unknown', '{}', now() - interval '2 min'), "
                    "('b', 'mail', '1', 'unknown', '{}', now()), "
                    "('c', 'mail', '1', 'intended', '{}', now() - interval '5 min')"
                )
            )
            await session.execute(
                text(
                    "INSERT INTO orderops.waiting_jobs (key, type, process, process_instance_key, element_id, "
                    "retries, created_at) SELECT n, 'test.do', 'test', 1, 'Task', 5, now() - n * interval '1 min' "
                    "FROM generate_series(1, 10) AS n"
                )
            )
        await books.look()
        seen = samples(books)
        assert seen["orderops_inbox_unpublished_rows",] == 3
        assert 90 <= seen["orderops_inbox_oldest_unpublished_seconds",] < 100
        assert seen["orderops_effects_unsettled", "unknown"] == 1, "one is just under way"
        assert seen["orderops_effects_unsettled", "intended"] == 1
        assert 300 <= seen["orderops_effects_oldest_unsettled_seconds",] < 310
        assert 600 <= seen["orderops_jobs_oldest_waiting_seconds", "test.do"] < 610

    async def test_the_pool_and_a_scrape_while_it_is_exhausted(self, books: Books, database: Database) -> None:
        async with database.connection() as connection:
            await connection.execute(text("SELECT 1"))
            await books.look()
            seen = samples(books)
        assert seen["orderops_database_connections_in_use",] >= 1
        assert seen["orderops_database_connections_max",] == 20
        assert seen["orderops_database_up",] == 1

    async def test_a_look_that_takes_long_is_ended_by_postgresql(self, books: Books, database: Database) -> None:
        """Before the scrape gives up, so that nothing of it goes on."""
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        async with database.transaction() as session:
            await session.execute(text("LOCK TABLE orderops.inbox IN ACCESS EXCLUSIVE MODE"))
            await books.look()
            assert samples(books)["orderops_database_up",] == 0
            assert await session.scalar(waiting) == 0
        await books.look()
        assert samples(books)["orderops_database_up",] == 1

    @pytest.mark.parametrize("answers", [False, True], ids=["refuses", "hangs"])
    async def test_without_postgresql_a_scrape_ends_in_time_and_says_so(self, answers: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as hanging:
            port = hanging.getsockname()[1] if answers else 1
            away = Database(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", pool=1)
            books = Books(away, away)
            started = time.monotonic()
            await asyncio.gather(books.look(), books.look())
            assert time.monotonic() - started < 3
            seen = samples(books)
        await away.close()
        assert seen["orderops_database_up",] == 0
        assert not [name for name, *_ in seen if name.startswith(("orderops_inbox", "orderops_effects_uns"))]


class TestRelay:
    async def test_what_was_published_and_how_late(self, books: Books, database: Database) -> None:
        await arrive(database, 2)
        before = samples()
        relay = Relay(database, FakePublisher())
        await relay.drain()
        seen = samples(RelayLink(relay.link))
        published = ("orderops_messages_total", "published")
        assert seen[published] - before.get(published, 0) == 2
        lag = ("orderops_relay_lag_seconds_count",)
        assert seen[lag] - before[lag] == 2
        assert seen["orderops_relay_up",] == 1
