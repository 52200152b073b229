"""What every job of fulfillment promises: called twice, at once, or after trouble, it acts once.

The table has a row per job; a job without a row is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.faults import Faults
from tests.processes.bench import Bench
from workers.contracts.fulfillment import CorrectedAddress
from workers.fulfillment import registration
from workers.runtime.errors import BusinessOutcome, EffectInProgress, OutcomeUnknown, Unavailable

CORRECTED = CorrectedAddress(street="Hauptstraße 7", city="Berlin", postcode="10117", country="DE")


async def nothing(_bench: Bench) -> None:
    """Most jobs need no more than the order."""


def nobody(_bench: Bench) -> Faults:
    raise AssertionError("this job calls nobody")


async def supplier_was_silent(bench: Bench) -> None:
    bench.suppliers.lose_answer("place_order")
    with pytest.raises(BusinessOutcome):
        await bench.jobs.place_supplier_order(bench.id, "cj", 2_497, "EUR")


@dataclass(frozen=True)
class Promise:
    """One job as the engine calls it; whom it calls, if anybody, and whether that changes anything there."""

    call: Callable[[Bench], Awaitable[Any]]
    other_side: Callable[[Bench], Faults] = nobody
    method: str = ""
    acts: bool = True
    before: Callable[[Bench], Awaitable[None]] = nothing


PROMISES = {
    "get_order": Promise(lambda b: b.jobs.get_order(b.id), lambda b: b.shop, "get_order", acts=False),
    "check_stock": Promise(lambda b: b.jobs.check_stock(b.id), lambda b: b.suppliers, "get_offers", acts=False),
    "note_small_margin": Promise(
        lambda b: b.jobs.note_small_margin(b.id, "cj", 4_500, 4_995, "EUR", "Too little"), acts=False
    ),
    "place_supplier_order": Promise(
        lambda b: b.jobs.place_supplier_order(b.id, "cj", 2_497, "EUR"), lambda b: b.suppliers, "place_order"
    ),
    "find_supplier_order": Promise(
        lambda b: b.jobs.find_supplier_order(b.id),
        lambda b: b.suppliers,
        "find_order",
        acts=False,
        before=supplier_was_silent,
    ),
    "stop_supplier_order": Promise(
        lambda b: b.jobs.stop_supplier_order(b.id),
        lambda b: b.suppliers,
        "find_order",
        acts=False,
        before=supplier_was_silent,
    ),
    "book_cost_of_goods": Promise(
        lambda b: b.jobs.book_cost_of_goods(b.id, "cj-1", 2_497, "EUR"), lambda b: b.ledger, "book"
    ),
    "publish_supplier_order_placed": Promise(
        lambda b: b.jobs.publish_supplier_order_placed(b.id, "cj-1", "cj", 2_497, "EUR"),
        lambda b: b.events,
        "publish",
    ),
    "publish_order_failed": Promise(
        lambda b: b.jobs.publish_order_failed(b.id, "out_of_stock"), lambda b: b.events, "publish"
    ),
    "request_refund": Promise(
        lambda b: b.jobs.request_refund(b.id, "out_of_stock"), lambda b: b.events, "publish"
    ),
    "ask_for_address": Promise(
        lambda b: b.jobs.ask_for_address(b.id, 1, ["missing_postcode"]), lambda b: b.mailer, "send"
    ),
    "remind_customer": Promise(
        lambda b: b.jobs.remind_customer(b.id, f"{b.id}-address-1"), lambda b: b.mailer, "send"
    ),
    "ask_refund_or_wait": Promise(lambda b: b.jobs.ask_refund_or_wait(b.id), lambda b: b.mailer, "send"),
    "save_address": Promise(
        lambda b: b.jobs.save_address(b.id, f"{b.id}-address-1", CORRECTED),
        lambda b: b.shop,
        "update_shipping_address",
    ),
    "mark_for_return": Promise(lambda b: b.jobs.mark_for_return(b.id, "cj-1"), lambda b: b.shop, "tag_order"),
}
CALLING = {name: promise for name, promise in PROMISES.items() if promise.method}
ACTING = {name: promise for name, promise in PROMISES.items() if promise.acts}
every_job = pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
every_calling_job = pytest.mark.parametrize("promise", CALLING.values(), ids=CALLING)
every_acting_job = pytest.mark.parametrize("promise", ACTING.values(), ids=ACTING)


def test_every_job_has_a_row(bench: Bench) -> None:
    assert {job.type for job in registration(bench.jobs).jobs} == {f"fulfillment.{name}" for name in PROMISES}


@every_job
async def test_called_twice_it_acts_once_and_answers_the_same(bench: Bench, promise: Promise) -> None:
    """The engine hands a job out again when its worker was slow or died before it could answer."""
    await promise.before(bench)
    found = bench.outside()
    first = await promise.call(bench)
    outside, timeline = bench.outside(), await bench.timeline()
    assert len(outside) == len(found) + promise.acts
    assert await promise.call(bench) == first
    assert bench.outside() == outside
    assert await bench.timeline() == timeline


@every_acting_job
async def test_once_it_is_done_nobody_is_called_again(bench: Bench, promise: Promise) -> None:
    for _ in range(2):
        await promise.call(bench)
    assert promise.other_side(bench).calls.count(promise.method) == 1


@every_job
async def test_two_workers_at_once_act_once(bench: Bench, promise: Promise) -> None:
    """One of them may be told to come again later; it then finds what the other did."""
    await promise.before(bench)
    found = bench.outside()
    answers = await asyncio.gather(*(promise.call(bench) for _ in range(4)), return_exceptions=True)
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(problems) < len(answers)
    assert all(isinstance(problem, EffectInProgress) for problem in problems), problems
    assert len(bench.outside()) == len(found) + promise.acts
    assert await promise.call(bench) in answers


@every_calling_job
async def test_while_the_other_side_is_away_it_waits_and_then_succeeds(bench: Bench, promise: Promise) -> None:
    await promise.before(bench)
    found = bench.outside()
    promise.other_side(bench).refuse(promise.method, Unavailable("503"))
    with pytest.raises(Unavailable):
        await promise.call(bench)
    assert bench.outside() == found
    await promise.call(bench)
    assert len(bench.outside()) == len(found) + promise.acts


@every_acting_job
async def test_when_the_answer_was_lost_the_second_call_settles_it(bench: Bench, promise: Promise) -> None:
    """A lost purchase is told to the diagram, which waits before it asks; the others are tried again."""
    promise.other_side(bench).lose_answer(promise.method)
    with pytest.raises((OutcomeUnknown, BusinessOutcome)):
        await promise.call(bench)
    outside, told = bench.outside(), await bench.timeline()
    assert len(outside) == 1
    await promise.call(bench)
    assert bench.outside() == outside
    assert len(await bench.timeline()) == len(told) + 1


@every_acting_job
async def test_when_the_call_broke_down_on_our_side_it_is_settled_too(bench: Bench, promise: Promise) -> None:
    """An exception nobody thought of says nothing about what the other side did."""
    promise.other_side(bench).refuse(promise.method, ZeroDivisionError())
    with pytest.raises((OutcomeUnknown, BusinessOutcome)):
        await promise.call(bench)
    await bench.let_settle()
    await promise.call(bench)
    assert len(bench.outside()) == 1
