"""Two people at once, two workers at once, keys forgotten, answers lost: one of each, by the provider's books."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select

from api.people import Role
from tests.engine.refund_desk import Desk, paid
from tests.engine.shop_floor import Floor
from workers.casefile.models import TimelineEntry
from workers.casefile.refund_models import Standing
from workers.contracts.refund import RefundStanding
from workers.ports.values import Money
from workers.runtime.context import JobContext, enter_job
from workers.runtime.errors import EffectInProgress

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


async def test_two_workers_with_the_same_job_make_one_refund(floor: Floor) -> None:
    """The job's time-out is over while the provider still works on it, so another worker gets the job, too."""
    desk = await paid(floor)
    await floor.misbehave("payments.refund", "latency", desk.order_id, value=1_500)
    refund_id = await desk.ask("20.00", "damaged")
    refund = await desk.stands(refund_id, Standing.APPROVED)
    [job] = [job for process in floor.app.processes for job in process.jobs if job.type == "refund.execute_refund"]
    enter_job(JobContext("refund", refund.process_instance_key or 0, 1, job.type, "Task_ExecuteRefund", ""))
    seconds = asyncio.gather(*(job.handler(refund_id, 1) for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in await seconds} <= {EffectInProgress, RefundStanding}
    await desk.ends(refund_id)
    assert await desk.paid_back() == [2_000]
    assert await desk.asked_for() == 1, "the provider was not even asked twice"
