"""Whatever status the gateway answers with, the worker lives and goes on."""

import asyncio
from collections import Counter
from datetime import timedelta

import grpc
import pytest

from tests.engine.small import Small, until
from tests.faults.traps.books import Books
from tests.faults.traps.gateway import FETCHING, MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

NOT_OK = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
COUNTED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""What plain pyzeebe counts, over all task types and for ever: at ten it closes the channel."""
SOON = timedelta(seconds=2)
"""A job's time-out, so that what was lost comes again within the test."""


class Done:
    """How often each order was worked on."""

    def __init__(self) -> None:
        self.orders = Counter[str]()

    async def do(self, shopify_order_id: str) -> None:
        self.orders[shopify_order_id] += 1


class TestPlainPyzeebe:
    @pytest.mark.parametrize("code", NOT_OK, ids=lambda code: code.name)
    async def test_all_but_one_status_end_it_or_leave_it_idle_for_ever(
        self, gateway: MisbehavingGateway, code: grpc.StatusCode
    ) -> None:
        """Five task types have ten ways to fetch jobs: each of them fails once."""
        gateway.refuse(*FETCHING, code=code, times=10)
        async with plain(gateway.address, *(Job(f"none.{number}", Done().do) for number in range(5))) as worker:
            await until(lambda: worker.ended or len(gateway.calls) >= 10)
            if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                await asyncio.sleep(0.2)
                assert not worker.ended
                assert not worker.idle
            elif code in COUNTED:
                await until(lambda: worker.idle)
            else:
                await until(lambda: worker.ended)

    async def test_a_token_refused_once_ends_it(self, gateway: MisbehavingGateway) -> None:
        async with plain(gateway.address, Job("none", Done().do)) as worker:
            await until(lambda: len(gateway.asked(*FETCHING)) == 2)
            assert not worker.ended
        gateway.refuse("StreamActivatedJobs", code=grpc.StatusCode.UNAUTHENTICATED)
        async with plain(gateway.address, Job("none", Done().do)) as worker:
            await until(lambda: worker.ended)

    async def test_ten_lost_answers_leave_it_idle_with_jobs_waiting(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        """They need not come together: the count is never reset, and a stream that expires counts too."""
        done, types = Done(), await ten_jobs_with_a_lost_activation(small, gateway)
        jobs = [Job(job_type, done.do, timeout=SOON) for job_type in types]
        async with plain(gateway.address, *jobs, stream=False) as worker:
            await until(lambda: worker.idle)
        assert not done.orders

    async def test_it_works_again_after_any_status_on_a_completion(
        self, small: Small, gateway: MisbehavingGateway
    ) -> None:
        done = Done()
        for code in NOT_OK:
            gateway.refuse("CompleteJob", code=code)
        async with plain(gateway.address, Job(f"{small.id}.first", done.do, timeout=SOON)):
            await small.start(range(len(NOT_OK)))
            await until(lambda: set(done.orders.values()) == {2})


async def test_no_status_on_fetching_stops_the_host(small: Small, gateway: MisbehavingGateway) -> None:
    """A job type per status, which answers its stream and its poll twice; then its jobs are done."""
    done = {code: Done() for code in NOT_OK}
    processes = {code: Small(small.client) for code in NOT_OK}
    for code, process in processes.items():
        await process.deploy()
        await process.start(range(1))
        for method in FETCHING:
            gateway.refuse(method, code=code, times=2, job_type=f"{process.id}.first")
    jobs = [Job(f"{process.id}.first", done[code].do) for code, process in processes.items()]
    async with ours(gateway.address, *jobs) as host:
        await until(lambda: all(each.orders for each in done.values()))
        await until(lambda: all(health.stream.up and health.poll.up for health in host.health.values()))
        for process in processes.values():
            await process.start(range(1, 2))
        await until(lambda: all(each.orders == Counter("01") for each in done.values()))


async def test_no_status_on_a_completion_stops_the_host_or_doubles_an_effect(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    """What may pass is repeated; what says that the job is gone is believed, and the journal is there if it lied;
    what says that the completion is wrong is an incident."""
    for code in NOT_OK:
        gateway.refuse("CompleteJob", code=code)
    async with ours(gateway.address, Job(f"{small.id}.first", books.buy, timeout=SOON)):
        await small.start(range(len(NOT_OK)))
        await until(lambda: len(gateway.asked("CompleteJob")) >= 2 * len(NOT_OK) - 3)
        await small.start(range(100, 101))
        await until(lambda: books.sold["100"])
    assert len(gateway.incidents()) == 3
    assert set(books.sold.values()) == {1}


async def test_a_token_refused_for_a_minute_loses_and_doubles_nothing(
    small: Small, gateway: MisbehavingGateway, books: Books, full: bool
) -> None:
    async with ours(gateway.address, Job(f"{small.id}.first", books.buy, timeout=SOON)) as host:
        await small.start(range(10))
        await until(lambda: len(books.sold) == 10)
        with gateway.refusing(code=grpc.StatusCode.UNAUTHENTICATED):
            await small.start(range(10, 30))
            await asyncio.sleep(60 if full else 3)
        await until(lambda: len(books.sold) == 30)
        assert all(health.stream.up for health in host.health.values())
    assert set(books.sold.values()) == {1}
    assert not gateway.incidents()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, None], ids=["broken", "silent"])
async def test_jobs_whose_activation_got_lost_come_again_after_their_time_out(
    small: Small, gateway: MisbehavingGateway, code: grpc.StatusCode | None
) -> None:
    done, types = Done(), await ten_jobs_with_a_lost_activation(small, gateway, code)
    async with ours(gateway.address, *(Job(job_type, done.do, timeout=SOON) for job_type in types)):
        await until(lambda: len(done.orders) == 10)
    assert set(done.orders.values()) == {1}


async def ten_jobs_with_a_lost_activation(
    small: Small, gateway: MisbehavingGateway, code: grpc.StatusCode | None = grpc.StatusCode.UNAVAILABLE
) -> list[str]:
    """Ten job types with a job each; the first answer with a job gets lost on its way, type by type."""
    types = []
    for number in range(10):
        process = Small(small.client)
        await process.deploy()
        await process.start(range(number, number + 1))
        types.append(f"{process.id}.first")
        gateway.lose("ActivateJobs", code=code, job_type=types[-1])
    return types
