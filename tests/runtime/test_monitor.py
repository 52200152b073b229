"""A worker says whether it lives and can work, and ends when a new one may hear more than it does."""

import asyncio
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest

from tests.fakes.job_gateway import FakeJobGateway, make_job
from workers.casefile.db import Database
from workers.runtime.collectors import Books
from workers.runtime.errors import UserError
from workers.runtime.health import SILENT_SECONDS, Check, Health
from workers.runtime.host import Host
from workers.runtime.jobs import Job
from workers.runtime.monitor import create_app, deaf, serving


async def well() -> bool:
    return True


async def away() -> bool:
    raise ConnectionError


async def hangs() -> bool:
    await asyncio.sleep(60)
    return True


def books() -> Books:
    """Of a database that nobody reaches."""
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    return Books(database, database)


def alike(gateway: FakeJobGateway, max_running: int = 32) -> Host:
    async def handler(shopify_order_id: str) -> None:
        await asyncio.sleep(60)

    return Host([Job("test.do", handler, max_running=max_running)], gateway, drain_seconds=0)


@asynccontextmanager
async def working(host: Host) -> AsyncIterator[Health]:
    """Its host at work, with the health of its only job type."""
    stop = asyncio.Event()
    task = asyncio.create_task(host.run(stop))
    try:
        yield host.health["test.do"]
    finally:
        stop.set()
        await task


async def heard(health: Health) -> None:
    async with asyncio.timeout(5):
        while health.last_contact is None:  # noqa: ASYNC110  # has no event of its own
            await asyncio.sleep(0.01)


async def ask(host: Host, path: str = "/readyz", **checks: Check) -> tuple[int, dict[str, Any]]:
    transport = httpx.ASGITransport(create_app(host, {"database": well, "engine": well, **checks}, books()))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


class TestReadiness:
    """Ready when what it needs answers and the engine gives signs for every job type."""

    async def test_it_lives_before_anything_answers(self) -> None:
        assert await ask(alike(FakeJobGateway()), "/livez") == (200, {"status": "ok"})

    async def test_it_is_ready_once_the_engine_was_heard_for_every_type(self) -> None:
        host = alike(FakeJobGateway())
        status, content = await ask(host)
        assert (status, content["job_types"]["test.do"]["state"]) == (503, "waiting")
        async with working(host) as health:
            await heard(health)
            status, content = await ask(host)
        assert (status, content["status"]) == (200, "ok")
        assert content["dependencies"] == {"database": "ok", "engine": "ok"}
        assert content["job_types"]["test.do"]["poll"] == {"up": True, "last_error": None}

    @pytest.mark.parametrize("check", [away, hangs])
    async def test_a_dependency_that_does_not_answer_is_named(self, check: Check) -> None:
        host = alike(FakeJobGateway())
        async with working(host) as health:
            await heard(health)
            status, content = await ask(host, database=check)
        assert (status, content["dependencies"]) == (503, {"database": "away", "engine": "ok"})

    async def test_a_type_without_a_sign_is_named_with_how_long_and_why(self) -> None:
        host = alike(FakeJobGateway(poll_trouble=deque([grpc.StatusCode.UNAUTHENTICATED] * 99)))
        async with working(host) as health:
            health.since -= SILENT_SECONDS + 30
            await asyncio.sleep(0.05)
            status, content = await ask(host)
        told = content["job_types"]["test.do"]
        assert (status, told["state"]) == (503, "silent")
        assert 120 <= told["silent_seconds"] < 130
        assert told["poll"] == {"up": False, "last_error": "UNAUTHENTICATED"}

    async def test_a_type_whose_slots_are_all_taken_asks_for_nothing_and_is_not_silent(self) -> None:
        gateway = FakeJobGateway()
        gateway.lying.append(make_job(shopify_order_id="1"))
        host = alike(gateway, max_running=1)
        async with working(host) as health:
            await heard(health)
            health.poll.last_success = health.stream.last_success = health.since - 1000
            await asyncio.sleep(0.05)
            assert health.running == 1
            assert health.silent_seconds == 0

    async def test_one_that_drains_takes_no_more_jobs(self) -> None:
        host = alike(FakeJobGateway())
        async with working(host) as health:
            await heard(health)
        status, content = await ask(host)
        assert (status, content["status"]) == (503, "draining")


class TestServing:
    """A server beside the host, in the same loop."""

    async def test_it_answers_on_its_port_and_leaves_signals_to_the_worker(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        before = signal.getsignal(signal.SIGTERM)
        async with serving(create_app(alike(FakeJobGateway()), {}, books()), "127.0.0.1", port):
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://127.0.0.1:{port}/livez")
            assert signal.getsignal(signal.SIGTERM) is before
        assert answer.status_code == 200

    async def test_a_taken_port_is_told_in_a_sentence(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError) as refused:
            async with serving(
                create_app(alike(FakeJobGateway()), {}, books()), "127.0.0.1", taken.getsockname()[1]
            ):
                pass
        assert "ORDEROPS_WORKER_PORT" in str(refused.value.hint)


class TestDeafness:
    """A worker ends when the engine answers others, and for a job type there was no sign of it for too long."""

    async def test_it_ends_when_the_engine_answers_others(self) -> None:
        host = alike(FakeJobGateway(poll_trouble=deque([grpc.StatusCode.INTERNAL] * 99)))
        async with working(host) as health:
            health.since -= 300
            await asyncio.wait_for(deaf(host, well, limit=300, every=0.01), 5)

    async def test_it_drains_and_ends_its_process_with_a_code_of_its_own(self) -> None:
        command = sys.executable, "-m", "tests.runtime.deaf_worker"
        worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await asyncio.wait_for(worker.wait(), 60) == 3

    async def test_it_ends_as_usual_when_it_is_told_to(self) -> None:
        command = sys.executable, "-m", "tests.runtime.deaf_worker"
        worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert worker.stdout
        await asyncio.wait_for(worker.stdout.readline(), 60)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 60) == 0

    @pytest.mark.parametrize(("silent_for", "check"), [(300, away), (0, well)])
    async def test_it_goes_on_while_the_engine_is_away_or_the_time_is_not_over(
        self, silent_for: float, check: Check
    ) -> None:
        host = alike(FakeJobGateway(poll_trouble=deque([grpc.StatusCode.INTERNAL] * 99)))
        async with working(host) as health:
            health.since -= silent_for
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(deaf(host, check, limit=300, every=0.01), 0.3)
