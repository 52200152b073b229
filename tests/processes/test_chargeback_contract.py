"""What every job of chargeback promises: called twice, at once, or after trouble, it acts once.

The table has a row per job; a job without a row is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.faults import Faults
from tests.processes.dispute_bench import DisputeBench
from workers.casefile.db import Database
from workers.chargeback import registration
from workers.runtime.errors import EffectInProgress, OutcomeUnknown, Unavailable

DUE = "2026-03-09T00:00:00+00:00"


def nobody(_bench: DisputeBench) -> Faults:
    raise AssertionError("this job calls nobody")


@dataclass(frozen=True)
class Promise:
    """One job as the engine calls it; whom it calls, if anybody, and whether that changes anything there."""

    call: Callable[[DisputeBench], Awaitable[Any]]
    other_side: Callable[[DisputeBench], Faults] = nobody
    method: str = ""
    acts: bool = True


PROMISES = {
    "get_dispute": Promise(
        lambda b: b.jobs.get_dispute(b.dispute.id), lambda b: b.payments, "get_dispute", acts=False
    ),
    "stop_running_refunds": Promise(
        lambda b: b.jobs.stop_running_refunds(b.id, b.dispute.id, b.charge.id), acts=False
    ),
    "collect_evidence": Promise(
        lambda b: b.jobs.collect_evidence(b.id, b.dispute.id), lambda b: b.carriers, "track", acts=False
    ),
    "describe_dispute": Promise(lambda b: b.jobs.describe_dispute(b.id, b.dispute.id, "Why"), acts=False),
    "remind_deciders": Promise(
        lambda b: b.jobs.remind_deciders(b.id, b.dispute.id, DUE), lambda b: b.events, "publish"
    ),
    "submit_evidence": Promise(
        lambda b: b.jobs.submit_evidence(b.id, b.dispute.id), lambda b: b.payments, "submit_evidence"
    ),
    "accept_dispute": Promise(
        lambda b: b.jobs.accept_dispute(b.id, b.dispute.id), lambda b: b.payments, "accept_dispute"
    ),
    "publish_deadline_missed": Promise(
        lambda b: b.jobs.publish_deadline_missed(b.id, b.dispute.id, DUE), lambda b: b.events, "publish"
    ),
    "book_chargeback": Promise(
        lambda b: b.jobs.book_chargeback(b.id, b.dispute.id, 4_995, "EUR"), lambda b: b.ledger, "book"
    ),
    "publish_chargeback_won": Promise(
        lambda b: b.jobs.publish_chargeback_won(b.id, b.dispute.id), lambda b: b.events, "publish"
    ),
    "publish_chargeback_lost": Promise(
        lambda b: b.jobs.publish_chargeback_lost(b.id, b.dispute.id, 4_995, "EUR"), lambda b: b.events, "publish"
    ),
}
CALLING = {name: promise for name, promise in PROMISES.items() if promise.method}
ACTING = {name: promise for name, promise in PROMISES.items() if promise.acts}
every_job = pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
every_calling_job = pytest.mark.parametrize("promise", CALLING.values(), ids=CALLING)
every_acting_job = pytest.mark.parametrize("promise", ACTING.values(), ids=ACTING)


@pytest.fixture
async def bench(database: Database) -> DisputeBench:
    """A dispute about an order that was sent, read and collected: what every job starts from."""
    bench = DisputeBench(database)
    await bench.claim()
    await bench.send_parcel("JD1", "Berlin")
    await bench.get_dispute()
    await bench.collect()
    return bench


def test_every_job_has_a_row(bench: DisputeBench) -> None:
    assert {job.type for job in registration(bench.jobs).jobs} == {f"chargeback.{name}" for name in PROMISES}


@every_job
async def test_called_twice_it_acts_once_and_answers_the_same(bench: DisputeBench, promise: Promise) -> None:
    """The engine hands a job out again when its worker was slow or died before it could answer."""
    first = await promise.call(bench)
    outside, timeline = bench.outside(), await bench.sentences()
    assert len(outside) == promise.acts
    assert await promise.call(bench) == first
    assert bench.outside() == outside
    assert await bench.sentences() == timeline


@every_acting_job
async def test_once_it_is_done_nobody_is_called_again(bench: DisputeBench, promise: Promise) -> None:
    for _ in range(2):
        await promise.call(bench)
    assert promise.other_side(bench).calls.count(promise.method) == 1


@every_job
async def test_two_workers_at_once_act_once(bench: DisputeBench, promise: Promise) -> None:
    """One of them may be told to come again later; it then finds what the other did."""
    answers = await asyncio.gather(*(promise.call(bench) for _ in range(4)), return_exceptions=True)
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(problems) < len(answers)
    assert all(isinstance(problem, EffectInProgress) for problem in problems), problems
    assert len(bench.outside()) == promise.acts
    assert await promise.call(bench) in answers


@every_calling_job
async def test_while_the_other_side_is_away_it_waits_and_then_succeeds(
    bench: DisputeBench, promise: Promise
) -> None:
    promise.other_side(bench).refuse(promise.method, Unavailable("503"))
    with pytest.raises(Unavailable):
        await promise.call(bench)
    assert bench.outside() == []
    await promise.call(bench)
    assert len(bench.outside()) == promise.acts


@every_acting_job
async def test_when_the_answer_was_lost_the_second_call_settles_it(bench: DisputeBench, promise: Promise) -> None:
    """An answer to a dispute is found by how the dispute stands."""
    promise.other_side(bench).lose_answer(promise.method)
    with pytest.raises(OutcomeUnknown):
        await promise.call(bench)
    outside, told = bench.outside(), await bench.sentences()
    assert len(outside) == 1
    await promise.call(bench)
    assert bench.outside() == outside
    assert promise.other_side(bench).calls.count(promise.method) == 1
    assert len(await bench.sentences()) == len(told) + 1


@every_acting_job
async def test_when_the_call_broke_down_on_our_side_it_is_settled_too(
    bench: DisputeBench, promise: Promise
) -> None:
    """An exception nobody thought of says nothing about what the other side did."""
    promise.other_side(bench).refuse(promise.method, ZeroDivisionError())
    with pytest.raises(OutcomeUnknown):
        await promise.call(bench)
    await bench.let_settle()
    await promise.call(bench)
    assert len(bench.outside()) == 1
