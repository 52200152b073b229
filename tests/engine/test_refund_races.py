"""Two people at once, two workers at once, keys forgotten, answers lost: one of each, by the provider's books."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from api.people import Role
from tests.engine.refund_desk import Desk, paid
from tests.engine.shop_floor import Floor
from tests.engine.small import until
from workers.adapters.mock_payments import MockPayments
from workers.casefile.models import TimelineEntry
from workers.casefile.refund_models import Standing
from workers.ports.values import Money
from workers.runtime.context import current_job
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

AT_ONCE = 6


async def test_of_two_agents_at_one_approval_one_wins_each_time(floor: Floor, full: bool) -> None:
    """100 races, 25 in the short form: one is answered 200, the other 409, and each has one entry in the audit."""
    races = 100 if full else 25
    desk = await paid(floor, "9000.00")
    ada, bob = [await desk.somebody(Role.AGENT) for _ in range(2)]
    limited = asyncio.Semaphore(AT_ONCE)

    async def race(number: int) -> tuple[str, tuple[int, ...]]:
        async with limited:
            refund_id = await desk.ask("30.00", refund_id=f"{desk.order_id}-race-{number}")
            task = await desk.task(refund_id)
            answers = await asyncio.gather(*(desk.complete(task, who) for who in (ada, bob)))
            return str(task.key), tuple(sorted(answer.status_code for answer in answers))

    ran = await asyncio.gather(*(race(number) for number in range(races)))
    assert Counter(statuses for _, statuses in ran) == {(200, 409): races}
    for number in range(races):
        await desk.ends(f"{desk.order_id}-race-{number}")
    assert await desk.paid_back() == [3_000] * races
    for task, _ in ran:
        assert await asked_of(desk, task) == ({ada["X-Name"], bob["X-Name"]}, 1)


async def asked_of(desk: Desk, task: str) -> tuple[set[str | None], int]:
    """Who asked our api for a task, and how often its completion was passed on."""
    query = select(TimelineEntry).where(
        TimelineEntry.case_id == desk.order_id,
        TimelineEntry.source == "api",
        TimelineEntry.facts["task"].astext == task,
    )
    async with desk.floor.app.database.sessions() as session:
        entries = (await session.scalars(query)).all()
    claims = {entry.actor for entry in entries if entry.kind == "task_claim"}
    return claims, sum(entry.kind == "task_completion" for entry in entries)


async def test_a_retry_25_hours_later_finds_the_refund_though_the_key_is_forgotten(floor: Floor) -> None:
    """The provider made it, its answer got lost, and a day goes by before anybody asks again."""
    desk = await paid(floor)
    await floor.misbehave("payments.refund", "answer_lost", desk.order_id, times=1)
    refund_id = await desk.ask("20.00", "damaged")
    charge_id = (await desk.stands(refund_id, Standing.UNKNOWN)).charge_id
    await desk.reaches(refund_id, "Task_AwaitProvider")
    await floor.travel(hours=25)
    await desk.ends(refund_id)
    assert await desk.paid_back() == [2_000]
    await desk.payments.refund(charge_id, f"orderops-{refund_id}", Money(2_000, "EUR"), "blindly")
    assert await desk.paid_back() == [2_000] * 2, "the key is forgotten: whoever tries blindly pays twice"


@pytest.mark.parametrize("kind", ["answer_lost", "error_after"])
async def test_executed_but_not_answered_it_is_one_refund(floor: Floor, kind: str) -> None:
    desk = await paid(floor)
    await floor.misbehave("payments.refund", kind, desk.order_id, times=1)
    refund_id = await desk.ask("20.00", "damaged")
    await desk.stands(refund_id, Standing.UNKNOWN)
    await desk.reaches(refund_id, "Task_AwaitProvider")
    await floor.travel(minutes=2)
    await desk.ends(refund_id)
    assert await desk.paid_back() == [2_000]


async def test_two_workers_with_the_same_job_make_one_refund(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's time-out is over while the provider still works on it, so the engine hands it out again."""
    called: asyncio.Queue[int] = asyncio.Queue()
    answered = asyncio.Event()
    refund = MockPayments.refund

    async def slow(payments: MockPayments, *asked: Any) -> Any:
        context = current_job()
        called.put_nowait(context.job_key if context else 0)
        await answered.wait()
        return await refund(payments, *asked)

    monkeypatch.setattr(MockPayments, "refund", slow)
    desk = await paid(floor)
    gateway = GrpcJobGateway(floor.app.engine.channel)
    [job] = [job for process in floor.app.processes for job in process.jobs if job.type == "refund.execute_refund"]
    with capture_logs() as logs:
        async with host_of(job, gateway):
            refund_id = await desk.ask("20.00", "damaged")
            await gateway.extend(await called.get(), 1, limit=5.0)  # now its time-out is shorter than the call
            await until(lambda: any(lost(log) for log in logs))
            answered.set()
            await desk.ends(refund_id)
    assert await desk.paid_back() == [2_000]
    assert await desk.asked_for() == 1, "the provider was not even asked twice"


def lost(log: MutableMapping[str, Any]) -> bool:
    """Whether a second worker found that the first is at it."""
    return log["event"] == "job.failed" and "in progress" in log["message"]


@asynccontextmanager
async def host_of(job: Job, gateway: GrpcJobGateway) -> AsyncIterator[None]:
    """One more worker, for this job only."""
    stop = asyncio.Event()
    working = asyncio.create_task(Host([job], gateway).run(stop))
    try:
        yield
    finally:
        stop.set()
        await working
