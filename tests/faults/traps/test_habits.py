"""Habits of a worker that are no answer to a fault, and do harm all the same."""

import asyncio
import functools
import logging
from itertools import pairwise
from typing import NoReturn

import grpc
import pytest
from pyzeebe import Job as PyzeebeJob
from structlog.testing import capture_logs

from tests.engine.small import Small, until
from tests.faults.traps.annotated import Handlers
from tests.faults.traps.gateway import FETCHING, MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.errors import NeedsHuman, UserError
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

CANARY = 987_654_321
"""A variable's value that no log may show."""


class Done:
    """Which orders were worked on, and what for."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, int]] = []

    async def do(self, shopify_order_id: str, total: int) -> None:
        self.orders.append((shopify_order_id, total))

    async def fail(self, shopify_order_id: str, total: int) -> NoReturn:
        raise RuntimeError("always")


class TestBackPressureOnFetching:
    """The engine has too much to do for a moment."""

    async def test_plain_pyzeebe_stands_still_for_five_seconds(self, gateway: MisbehavingGateway) -> None:
        gateway.refuse(*FETCHING, code=grpc.StatusCode.RESOURCE_EXHAUSTED, times=2)
        async with plain(gateway.address, Job("none", Done().do)):
            await until(lambda: len(gateway.asked(*FETCHING)) == 4)
        assert shortest_wait(gateway) >= 4.9

    async def test_our_host_asks_again_soon(self, gateway: MisbehavingGateway) -> None:
        gateway.refuse(*FETCHING, code=grpc.StatusCode.RESOURCE_EXHAUSTED, times=2)
        async with ours(gateway.address, Job("none", Done().do)):
            await until(lambda: len(gateway.asked(*FETCHING)) >= 4)
        assert shortest_wait(gateway) < 2


def shortest_wait(gateway: MisbehavingGateway) -> float:
    """Seconds between a refused call and the same one again."""
    times = [[call.at for call in gateway.asked(method)] for method in FETCHING]
    return min(later - earlier for each in times for earlier, later in pairwise(each))


class TestLogsOfAFailedJob:
    async def test_plain_pyzeebe_writes_all_variables_into_them(
        self, small: Small, gateway: MisbehavingGateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with plain(gateway.address, Job(f"{small.id}.first", Done().fail)):
            await small.start(range(CANARY, CANARY + 1))
            await until(gateway.incidents)
        assert str(CANARY) in caplog.text

    async def test_our_host_writes_none(
        self, small: Small, gateway: MisbehavingGateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The order's number says which case it is and stands in every line; the total is somebody's affair."""
        caplog.set_level(logging.DEBUG)

        async def fail(total: int) -> NoReturn:
            raise RuntimeError(f"always {total}")

        with capture_logs() as lines:
            async with ours(gateway.address, Job(f"{small.id}.first", fail)):
                await small.start(range(CANARY, CANARY + 1))
                await until(lambda: gateway.asked("FailJob"))
        assert "job.crashed" in {line["event"] for line in lines}
        assert str(CANARY) not in f"{lines} {caplog.text}"
        assert str(CANARY) not in str([call.request for call in gateway.asked("FailJob")])


class TestAGuard:
    """Nobody may do this job."""

    async def test_before_a_task_of_plain_pyzeebe_it_may_raise_and_the_task_runs(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        done = Done()

        async def guard(job: PyzeebeJob) -> NoReturn:
            raise PermissionError("not you")

        async with plain(gateway.address, Job(f"{small.id}.first", done.do), before=[guard]):
            await small.start(range(1))
            await until(lambda: done.orders)
            await until(lambda: gateway.asked("CompleteJob"))
        assert not gateway.incidents()

    async def test_in_a_handler_of_ours_it_keeps_the_deed_from_happening(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        """There is no other place for one."""
        done = Done()

        async def guarded(shopify_order_id: str, total: int) -> None:
            if shopify_order_id == "0":
                raise NeedsHuman("not you")
            await done.do(shopify_order_id, total)

        async with ours(gateway.address, Job(f"{small.id}.first", guarded)):
            await small.start(range(2))
            await until(lambda: gateway.incidents() and done.orders)
        assert (gateway.incidents(), done.orders) == (["not you"], [("1", 1)])


class TestHandlersThatAreNotPlainMethods:
    async def test_plain_pyzeebe_overwrites_what_a_partial_has_bound(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        done = Done()
        async with plain(gateway.address, Job(f"{small.id}.first", functools.partial(done.do, total=5))):
            await small.start(range(1))
            await until(lambda: done.orders)
        assert done.orders == [("0", 0)]

    async def test_our_host_refuses_a_partial(self, gateway: MisbehavingGateway) -> None:
        with pytest.raises(UserError, match="not a functools"):
            async with ours(gateway.address, Job("none", functools.partial(Done().do, total=5))):
                await asyncio.sleep(0)

    async def test_plain_pyzeebe_gives_no_job_where_annotations_are_text(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        handlers = Handlers()
        async with plain(gateway.address, Job(f"{small.id}.first", handlers.with_job)):
            await small.start(range(1))
            [incident] = await until_incidents(gateway)
        assert "missing 1 required positional argument: 'job'" in incident
        assert not handlers.called

    async def test_our_host_reads_annotations_that_are_text(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        handlers = Handlers()
        async with ours(gateway.address, Job(f"{small.id}.first", handlers.plain)):
            await small.start(range(7, 8))
            await until(lambda: handlers.called)
        assert handlers.called == ["7 for 7"]


async def until_incidents(gateway: MisbehavingGateway) -> list[str]:
    await until(gateway.incidents)
    return gateway.incidents()
