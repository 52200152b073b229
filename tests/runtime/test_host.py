"""The host fetches jobs by stream and by poll, in bounds, through every trouble, and gives back what is left."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest
from structlog.testing import capture_logs

from tests.fakes.job_gateway import Completed, Failed, FakeJobGateway, make_job
from workers.runtime.errors import UserError
from workers.runtime.host import Host
from workers.runtime.jobs import Handler, Job

Code = grpc.StatusCode


class Work:
    """A handler that can be held up, and counts."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.running = 0
        self.most_running = 0
        self.done = 0

    async def do(self, shopify_order_id: str) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.go_on.wait()
            self.done += 1
        finally:
            self.running -= 1


@asynccontextmanager
async def serving(
    handler: Handler, gateway: FakeJobGateway, *, max_running: int = 32, drain_seconds: float = 1
) -> AsyncIterator[tuple[Host, asyncio.Event]]:
    """A host at work; told to stop and drained at the end."""
    job = Job("test.do", handler, timeout=timedelta(seconds=60), max_running=max_running)
    host, stop = Host([job], gateway, drain_seconds=drain_seconds), asyncio.Event()
    task = asyncio.create_task(host.run(stop))
    try:
        yield host, stop
    finally:
        stop.set()
        await asyncio.wait_for(task, drain_seconds + 5)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something has come true."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)


class TestFetching:
    async def test_jobs_come_by_stream_and_by_poll(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        work.go_on.set()
        gateway.lying.append(make_job(shopify_order_id="lay there"))
        async with serving(work.do, gateway):
            gateway.pushed.put_nowait(make_job(shopify_order_id="pushed"))
            await until(lambda: len(gateway.told) == 2)
        assert all(isinstance(answer, Completed) for answer in gateway.told)

    async def test_only_the_handlers_variables_are_fetched(self) -> None:
        gateway = FakeJobGateway()

        async def handler(shopify_order_id: str, cost: int) -> None: ...

        async with serving(handler, gateway):
            await until(lambda: gateway.subscriptions)
        assert gateway.subscriptions[0].variables == ("shopify_order_id", "cost")

    async def test_a_handler_without_parameters_does_not_fetch_everything(self) -> None:
        gateway = FakeJobGateway()

        async def handler() -> None: ...

        async with serving(handler, gateway):
            await until(lambda: gateway.subscriptions)
        assert gateway.subscriptions[0].variables == ("shopify_order_id",)

    async def test_a_handler_without_annotations_is_refused_before_anything_starts(self) -> None:
        async def handler(shopify_order_id) -> None: ...  # type: ignore[no-untyped-def]

        with pytest.raises(UserError, match="shopify_order_id"):
            Host([Job("test.do", handler)], FakeJobGateway())

    async def test_never_more_handlers_at_once_than_the_job_allows(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        for _ in range(20):
            gateway.pushed.put_nowait(make_job(shopify_order_id="1"))
        gateway.lying.extend(make_job(shopify_order_id="2") for _ in range(20))
        async with serving(work.do, gateway, max_running=5):
            await until(lambda: work.running == 5)
            await asyncio.sleep(0.05)
            work.go_on.set()
            await until(lambda: work.done == 40)
        assert work.most_running == 5
        assert max(gateway.polled_for) <= 5

    async def test_a_job_that_lay_too_long_in_a_buffer_is_left_to_the_engine(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        work.go_on.set()
        async with serving(work.do, gateway):
            await asyncio.sleep(0.05)
            gateway.pushed.put_nowait(make_job(shopify_order_id="fresh"))
            gateway.pushed.put_nowait(make_job(shopify_order_id="stale", timeout=-1))
            await until(lambda: gateway.told and gateway.pushed.empty())
        assert work.done == 1

    async def test_an_engine_whose_clock_is_wrong_loses_no_job(self) -> None:
        """Tests move the engine's clock by days, and machines are never quite together."""
        gateway, work = FakeJobGateway(), Work()
        work.go_on.set()
        async with serving(work.do, gateway):
            for behind in (-10_000, 10_000):
                await asyncio.sleep(0.05)
                gateway.pushed.put_nowait(make_job(shopify_order_id="1", timeout=behind))
            await until(lambda: work.done == 2)


class TestTrouble:
    @pytest.mark.parametrize("code", [each for each in Code if each is not Code.OK])
    async def test_no_status_ends_the_host(self, code: grpc.StatusCode) -> None:
        gateway, work = FakeJobGateway(stream_trouble=deque([code]), poll_trouble=deque([code])), Work()
        work.go_on.set()
        gateway.lying.append(make_job(shopify_order_id="1"))
        async with serving(work.do, gateway):
            gateway.pushed.put_nowait(make_job(shopify_order_id="2"))
            await until(lambda: work.done == 2)

    async def test_an_outage_is_logged_once_per_change_not_per_attempt(self) -> None:
        gateway, work = FakeJobGateway(poll_trouble=deque([Code.UNAVAILABLE] * 3)), Work()
        with capture_logs() as lines:
            async with serving(work.do, gateway) as (host, _):
                await until(lambda: host.health["test.do"].poll.up)
        events = [line["event"] for line in lines if line["event"].startswith("poll.")]
        assert events == ["poll.lost", "poll.back"]

    async def test_health_says_when_the_engine_was_last_heard_of(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        async with serving(work.do, gateway) as (host, _):
            await until(lambda: host.health["test.do"].last_contact is not None)


class TestStopping:
    async def test_what_is_under_way_is_finished(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        for _ in range(3):
            gateway.pushed.put_nowait(make_job(shopify_order_id="1"))
        async with serving(work.do, gateway) as (_, stop):
            await until(lambda: work.running == 3)
            stop.set()
            await asyncio.sleep(0.05)
            work.go_on.set()
        assert [type(answer) for answer in gateway.told] == [Completed] * 3

    async def test_what_is_not_done_in_time_is_given_back_with_its_retries(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        gateway.pushed.put_nowait(make_job(shopify_order_id="1", retries=3))
        async with serving(work.do, gateway, drain_seconds=0.1):
            await until(lambda: work.running == 1)
        answer = gateway.told[0]
        assert isinstance(answer, Failed)
        assert answer.retries == 3

    async def test_what_was_fetched_but_not_begun_is_given_back(self) -> None:
        gateway, work = FakeJobGateway(), Work()
        for _ in range(2):
            gateway.pushed.put_nowait(make_job(shopify_order_id="1"))
        async with serving(work.do, gateway, max_running=1) as (_, stop):
            await until(lambda: work.running == 1)
            await asyncio.sleep(0.05)
            stop.set()
            await until(lambda: len(gateway.told) == 1)
            work.go_on.set()
        assert [type(answer) for answer in gateway.told] == [Failed, Completed]

    async def test_a_handler_that_will_not_stop_does_not_hold_up_the_host(self) -> None:
        gateway = FakeJobGateway()
        let_go = asyncio.Event()

        async def stubborn(shopify_order_id: str) -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

        gateway.pushed.put_nowait(make_job(shopify_order_id="1"))
        with capture_logs() as lines:
            async with serving(stubborn, gateway, drain_seconds=0.1) as (host, _):
                await until(lambda: host.health["test.do"].running == 1)
        let_go.set()
        await until(lambda: gateway.told)
        assert lines[-1]["event"] == "host.stopped"
        assert lines[-1]["stuck"] == 1
