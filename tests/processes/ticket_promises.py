"""What every job of triage and resolution promises: called twice, at once, or after trouble, it acts once."""

import asyncio

import pytest

from tests.processes.ticket_bench import Promise, TicketBench
from workers.runtime.errors import EffectInProgress, OutcomeUnknown, Unavailable


async def twice(bench: TicketBench, promise: Promise) -> None:
    """The engine hands a job out again when its worker was slow or died before it could answer."""
    first = await promise.call(bench)
    outside, timeline = bench.outside(), await bench.sentences()
    assert len(outside) == promise.acts
    assert await promise.call(bench) == first
    assert bench.outside() == outside
    assert await bench.sentences() == timeline
    if promise.acts:
        assert promise.other_side(bench).calls.count(promise.method) == 1


async def at_once(bench: TicketBench, promise: Promise) -> None:
    """One of them may be told to come again later; it then finds what the other did."""
    answers = await asyncio.gather(*(promise.call(bench) for _ in range(4)), return_exceptions=True)
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(problems) < len(answers)
    assert all(isinstance(problem, EffectInProgress) for problem in problems), problems
    assert len(bench.outside()) == promise.acts


async def away(bench: TicketBench, promise: Promise) -> None:
    """While the other side is away it waits, and then succeeds."""
    promise.other_side(bench).refuse(promise.method, Unavailable("503"))
    with pytest.raises(Unavailable):
        await promise.call(bench)
    assert bench.outside() == []
    await promise.call(bench)
    assert len(bench.outside()) == promise.acts


async def lost(bench: TicketBench, promise: Promise) -> None:
    """When the answer was lost, the next call settles it."""
    promise.other_side(bench).lose_answer(promise.method)
    with pytest.raises(OutcomeUnknown):
        await promise.call(bench)
    assert len(bench.outside()) == 1
    await bench.let_settle()
    await promise.call(bench)
    assert len(bench.outside()) == 1
