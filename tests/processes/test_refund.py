"""The jobs of refund: what is reserved, whose approval counts, and that money goes back once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from api.people import Role
from tests.fakes.faults import Faults
from tests.processes.refund_bench import RefundBench
from workers.casefile.db import Database
from workers.casefile.refund_models import Standing
from workers.ports.payments import RefundState
from workers.ports.values import Money
from workers.refund import registration
from workers.runtime.errors import (
    BusinessOutcome,
    EffectInProgress,
    NeedsHuman,
    OutcomeUnknown,
    Retryable,
    Unavailable,
)


@pytest.fixture
async def bench(database: Database) -> RefundBench:
    return RefundBench(database)


class TestComputeRefundable:
    """Never more than what was captured, less what others have."""

    async def test_what_is_asked_for_is_reserved(self, bench: RefundBench) -> None:
        result = await bench.compute(2_000)
        assert (result.refundable, result.amount, result.refund_state) == (True, 2_000, Standing.REQUESTED)
        assert await bench.timeline("refund_computed") == ["Refund of 20.00 EUR reserved: damaged"]

    async def test_more_than_is_left_is_cut(self, bench: RefundBench) -> None:
        await bench.payments.refund(bench.charge.id, "at the provider's own page", Money(3_000, "EUR"), "none")
        assert (await bench.compute(4_995)).amount == 1_995

    async def test_what_others_reserved_is_not_left(self, bench: RefundBench) -> None:
        await bench.compute(4_000)
        bench.refund_id = f"{bench.id}-second"
        bench.enter(bench.instance + 1)
        assert (await bench.compute(4_000)).amount == 995

    async def test_a_refund_that_the_provider_has_is_counted_once(self, bench: RefundBench) -> None:
        await bench.ready(4_000)
        await bench.jobs.execute_refund(bench.refund_id, 1)
        bench.refund_id = f"{bench.id}-second"
        bench.enter(bench.instance + 1)
        assert (await bench.compute(4_000)).amount == 995

    async def test_nothing_left_is_rejected(self, bench: RefundBench) -> None:
        await bench.payments.refund(bench.charge.id, "elsewhere", Money(4_995, "EUR"), "none")
        result = await bench.compute(1)
        assert (result.refundable, result.refund_state) == (False, Standing.REJECTED)
        assert await bench.timeline("refund_computed") == ["No refund: nothing refundable"]

    async def test_another_currency_is_rejected(self, bench: RefundBench) -> None:
        assert not (await bench.compute(100, currency="USD")).refundable
        assert (await bench.refund()).failure == "wrong_currency"

    async def test_a_refund_id_that_another_instance_has_is_rejected(self, bench: RefundBench) -> None:
        await bench.compute(1_000)
        bench.enter(bench.instance + 1)
        assert not (await bench.compute(1_000)).refundable
        assert (await bench.refund()).state == Standing.REQUESTED

    async def test_the_order_that_was_checked_stays_the_one_in_the_case_file(self, bench: RefundBench) -> None:
        await bench.cases.describe("fulfillment", bench.order)
        bench.shop.orders[bench.id] = replace(bench.order, email="other@example.com")
        await bench.compute()
        assert (await bench.cases.order(bench.id)).email == bench.order.email


class TestCheckApproval:
    """What the records say counts."""

    async def test_it_waits_for_the_record_without_using_up_retries(self, bench: RefundBench) -> None:
        await bench.compute()
        for missing in (1, 2):
            with pytest.raises(Retryable) as raised:
                await bench.jobs.check_approval(bench.refund_id, 1)
            assert not raised.value.burns_retry
            assert raised.value.retry_after is not None
            if missing == 1:
                await bench.decide(1)

    async def test_an_approval_by_somebody_who_may_is_enough(self, bench: RefundBench) -> None:
        await bench.compute()
        await bench.decide(1)
        agent = await bench.somebody(Role.AGENT)
        await bench.complete(agent)
        verdict = await bench.jobs.check_approval(bench.refund_id, 1)
        assert (verdict.approval_valid, verdict.approved, verdict.approvals_complete) == (True, True, True)
        assert await bench.timeline("approval_given") == [f"{agent} approved 20.00 EUR: It was broken"]

    @pytest.mark.parametrize(
        ("role", "group", "counts"),
        [
            (Role.AGENT, "support", True),
            (Role.LEAD, "support", True),
            (Role.AGENT, "lead", False),
            (Role.LEAD, "lead", True),
            (Role.FINANCE, "lead", False),
            (Role.FINANCE, "support", False),
            (Role.ADMIN, "support", False),
            (Role.AUDITOR, "lead", False),
        ],
    )
    async def test_roles(self, bench: RefundBench, role: Role, group: str, counts: bool) -> None:
        await bench.compute()
        await bench.decide(1, group)
        await bench.complete(await bench.somebody(role))
        verdict = await bench.jobs.check_approval(bench.refund_id, 1)
        assert verdict.approval_valid == counts

    async def test_a_disabled_person_does_not_count(self, bench: RefundBench) -> None:
        await bench.compute()
        await bench.decide(1)
        await bench.complete("gone")
        assert not (await bench.jobs.check_approval(bench.refund_id, 1)).approval_valid

    async def test_one_answer_is_judged_by_its_own_round(self, bench: RefundBench) -> None:
        """Asked again after a void approval, the second answer is looked for."""
        await bench.compute()
        await bench.decide(1)
        await bench.complete("requester")
        assert not (await bench.jobs.check_approval(bench.refund_id, 1)).approval_valid
        bench.enter(element=1)
        with pytest.raises(Retryable):
            await bench.jobs.check_approval(bench.refund_id, 1)
        await bench.complete(await bench.somebody(Role.LEAD))
        assert (await bench.jobs.check_approval(bench.refund_id, 1)).approvals_complete
        assert await bench.timeline("approval_void") == [
            "The approval by requester does not count: whoever asks for a refund does not decide on it"
        ]

    async def test_no_answer_at_all_does_not_count(self, bench: RefundBench) -> None:
        """An operator has moved the instance there."""
        await bench.compute()
        await bench.decide(1)
        await bench.arrive()
        verdict = await bench.jobs.check_approval(bench.refund_id, 1)
        assert (verdict.approval_valid, verdict.approvals_complete) == (False, False)

    async def test_whoever_decided_that_money_goes_back_has_asked_for_it(self, bench: RefundBench) -> None:
        """A process asks; the people who completed its tasks for this order are who asked."""
        decider, other = await bench.somebody(Role.LEAD), await bench.somebody(Role.LEAD)
        await bench.decided_before(decider)
        await bench.decided_before(other, case_id="another-order")
        await bench.decided_before(other, process="fulfillment")
        await bench.compute(requested_by="process:tracking")
        await bench.decide(1)
        await bench.complete(decider)
        assert not (await bench.jobs.check_approval(bench.refund_id, 1)).approval_valid
        await bench.complete(other)
        assert (await bench.jobs.check_approval(bench.refund_id, 1)).approvals_complete

    async def test_who_is_waited_for_hears_of_it(self, bench: RefundBench) -> None:
        """First in the chat; when it is overdue, leads are called. Neither names the customer."""
        await bench.compute()
        await bench.jobs.remind_approvers(bench.refund_id, 1, 0)
        await bench.jobs.escalate_approval(bench.refund_id, 1, 1)
        [post], [alert] = bench.alerts.posts.values(), bench.alerts.pushes.values()
        said = f"A refund of 20.00 EUR for order {bench.id} waits for approval."
        assert (post.channel, post.text) == ("#refunds", said)
        assert (alert.to, alert.level, alert.message) == ("lead", "warning", said)


class TestExecuteRefund:
    """Money goes back once, and only when the records show every approval."""

    async def test_the_money_goes_back(self, bench: RefundBench) -> None:
        await bench.ready()
        standing = await bench.jobs.execute_refund(bench.refund_id, 1)
        assert (standing.refund_state, standing.refunded) == (Standing.SETTLED, 2_000)
        [made] = bench.payments.refunds.values()
        assert (made.amount, made.reference) == (Money(2_000, "EUR"), f"orderops-{bench.refund_id}")

    @pytest.mark.parametrize(
        "asked", [{"Input_Amount": 1_999}, {"Input_Reason": "goodwill"}, {"Input_Together": 1_999}]
    )
    async def test_a_policy_that_was_asked_about_something_else_is_none(
        self, bench: RefundBench, asked: dict[str, Any]
    ) -> None:
        await bench.compute()
        await bench.decide(0, **asked)
        await self._is_refused(bench)

    async def test_an_approval_that_is_missing_is_noticed(self, bench: RefundBench) -> None:
        await bench.compute()
        await bench.decide(2, "lead")
        await bench.complete(await bench.somebody(Role.LEAD))
        await self._is_refused(bench)

    async def test_a_rejection_is_no_approval(self, bench: RefundBench) -> None:
        await bench.compute()
        await bench.decide(1)
        await bench.complete(await bench.somebody(Role.AGENT))
        await bench.complete(await bench.somebody(Role.AGENT), {"decision": "reject", "why": "no"})
        await self._is_refused(bench)

    async def test_our_books_have_to_say_the_amount_that_was_approved(self, bench: RefundBench) -> None:
        await bench.compute()
        await bench.decide(1)
        await bench.complete(await bench.somebody(Role.AGENT), {"decision": "change", "new_amount": "5.00"})
        await self._is_refused(bench)
        await bench.jobs.check_approval(bench.refund_id, 1)
        await bench.jobs.execute_refund(bench.refund_id, 1)
        assert [made.amount.minor for made in bench.payments.refunds.values()] == [500]

    async def _is_refused(self, bench: RefundBench) -> None:
        with pytest.raises(BusinessOutcome, match="every approval"):
            await bench.jobs.execute_refund(bench.refund_id, 1)
        assert bench.outside() == []

    async def test_it_waits_for_the_record_of_the_policy(self, bench: RefundBench) -> None:
        await bench.compute()
        with pytest.raises(Retryable) as raised:
            await bench.jobs.execute_refund(bench.refund_id, 1)
        assert not raised.value.burns_retry

    async def test_a_provider_that_is_away_changes_nothing(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.refuse("refund", Unavailable("away"))
        with pytest.raises(Unavailable):
            await bench.jobs.execute_refund(bench.refund_id, 1)
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED

    async def test_a_lost_answer_makes_it_unknown_and_it_is_found(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.lose_answer("refund")
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.UNKNOWN
        assert (await bench.refund()).state == Standing.UNKNOWN
        bench.payments.keys.clear()
        assert (await bench.jobs.follow_refund(bench.refund_id)).refund_state == Standing.SETTLED
        assert len(bench.payments.refunds) == 1

    async def test_what_never_got_there_is_made_once_the_provider_had_its_time(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.refuse("refund", OutcomeUnknown("500"))
        await bench.jobs.execute_refund(bench.refund_id, 1)
        with pytest.raises(EffectInProgress):
            await bench.jobs.follow_refund(bench.refund_id)
        await bench.let_settle()
        assert (await bench.jobs.follow_refund(bench.refund_id)).refund_state == Standing.SETTLED
        assert len(bench.payments.refunds) == 1

    async def test_while_nobody_answers_it_stays_unknown(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.lose_answer("refund")
        await bench.jobs.execute_refund(bench.refund_id, 1)
        bench.payments.refuse("find_refund", Unavailable("away"))
        assert (await bench.jobs.follow_refund(bench.refund_id)).refund_state == Standing.UNKNOWN

    async def test_two_workers_at_once_make_one(self, bench: RefundBench) -> None:
        await bench.ready()
        calls = (bench.jobs.execute_refund(bench.refund_id, 1) for _ in range(2))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(not isinstance(result, Exception) or isinstance(result, EffectInProgress) for result in results)
        assert len(bench.payments.refunds) == 1

    async def test_a_refusal_is_a_failure_of_its_own(self, bench: RefundBench) -> None:
        await bench.ready()
        await bench.payments.open_dispute(bench.charge.id, "fraudulent")
        standing = await bench.jobs.execute_refund(bench.refund_id, 1)
        assert standing.refund_state == Standing.FAILED
        assert (await bench.refund()).failure == "charge_disputed"

    async def test_a_refund_of_no_books_is_an_incident(self, bench: RefundBench) -> None:
        with pytest.raises(NeedsHuman, match="no refund"):
            await bench.jobs.execute_refund("unheard-of", 1)


class TestFollowRefund:
    async def test_the_provider_says_where_it_stands(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.next_state = RefundState.PENDING
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SENT
        assert (await bench.jobs.follow_refund(bench.refund_id)).refund_state == Standing.SENT
        [made] = bench.payments.refunds
        await bench.payments.fail_refund(made, "lost_or_stolen_card")
        assert (await bench.jobs.follow_refund(bench.refund_id)).refund_state == Standing.FAILED
        assert (await bench.refund()).failure == "lost_or_stolen_card"

    async def test_a_refund_that_the_provider_has_lost_needs_somebody(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.next_state = RefundState.PENDING
        await bench.jobs.execute_refund(bench.refund_id, 1)
        bench.payments.refunds.clear()
        with pytest.raises(NeedsHuman, match="does not know"):
            await bench.jobs.follow_refund(bench.refund_id)

    async def test_nothing_is_made_here_that_was_not_approved_before(self, bench: RefundBench) -> None:
        """Moved here at the engine, past every approval."""
        await bench.compute()
        with pytest.raises(NeedsHuman):
            await bench.jobs.follow_refund(bench.refund_id)
        assert bench.payments.refunds == {}


class TestHandleFailure:
    async def test_tried_again_it_has_another_reference(self, bench: RefundBench) -> None:
        await self._failed(bench)
        bench.payments.next_state = RefundState.SUCCEEDED
        for _ in range(2):
            await bench.jobs.handle_failure(bench.refund_id, "retry")
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED
        references = [made.reference for made in bench.payments.refunds.values()]
        assert references == [f"orderops-{bench.refund_id}", f"orderops-{bench.refund_id}:2"]

    async def test_given_up_it_is_never_made_and_its_amount_is_free(self, bench: RefundBench) -> None:
        await self._failed(bench)
        assert (await bench.jobs.handle_failure(bench.refund_id, "give_up")).refund_state == Standing.FAILED
        bench.refund_id = f"{bench.id}-second"
        bench.enter(bench.instance + 1)
        assert (await bench.compute(4_995)).amount == 4_995

    async def test_what_the_provider_has_after_all_counts(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.lose_answer("refund")
        await bench.jobs.execute_refund(bench.refund_id, 1)
        assert (await bench.jobs.handle_failure(bench.refund_id, "done_by_hand")).refund_state == Standing.APPROVED
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED
        assert len(bench.payments.refunds) == 1

    async def _failed(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.next_state = RefundState.FAILED
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.FAILED


class TestStopRefund:
    async def test_what_was_not_made_never_is(self, bench: RefundBench) -> None:
        await bench.ready()
        assert (await bench.jobs.stop_refund(bench.refund_id, "disputed")).stopped
        with pytest.raises(NeedsHuman):
            await bench.jobs.execute_refund(bench.refund_id, 1)
        assert bench.payments.refunds == {}

    async def test_what_was_made_is_not_stopped(self, bench: RefundBench) -> None:
        await bench.ready()
        await bench.jobs.execute_refund(bench.refund_id, 1)
        assert not (await bench.jobs.stop_refund(bench.refund_id, "disputed")).stopped

    async def test_what_may_have_been_made_is_looked_for(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.payments.lose_answer("refund")
        await bench.jobs.execute_refund(bench.refund_id, 1)
        assert not (await bench.jobs.stop_refund(bench.refund_id, "disputed")).stopped

    async def test_one_that_is_not_entered_yet_is_waited_for(self, bench: RefundBench) -> None:
        with pytest.raises(Retryable):
            await bench.jobs.stop_refund(bench.refund_id, "disputed")


class TestTellCustomer:
    async def test_the_mail_names_the_amount(self, bench: RefundBench) -> None:
        await made(bench)
        await bench.jobs.tell_customer(bench.refund_id)
        [mail] = bench.mailer.mails.values()
        assert mail.values == {"order_number": bench.order.number, "amount": "20.00 EUR"}

    async def test_without_an_address_the_timeline_says_so(self, database: Database) -> None:
        bench = RefundBench(database)
        bench.shop.orders[bench.id] = replace(bench.order, email="")
        await made(bench)
        await bench.jobs.tell_customer(bench.refund_id)
        assert bench.mailer.mails == {}
        assert len(await bench.timeline("mail_impossible")) == 1


async def made(bench: RefundBench) -> None:
    await bench.ready()
    await bench.jobs.execute_refund(bench.refund_id, 1)


async def ready(bench: RefundBench) -> None:
    await bench.ready()


async def computed(bench: RefundBench) -> None:
    await bench.compute()


async def answered(bench: RefundBench) -> None:
    await bench.compute()
    await bench.decide(1)
    await bench.complete(await bench.somebody(Role.AGENT))


async def pending(bench: RefundBench) -> None:
    bench.payments.next_state = RefundState.PENDING
    await made(bench)


async def failed(bench: RefundBench) -> None:
    bench.payments.next_state = RefundState.FAILED
    await made(bench)


async def came_back(bench: RefundBench) -> None:
    """The customer had the money; another instance hears that it came back."""
    await made(bench)
    await bench.jobs.book_refund(bench.refund_id)
    [refund] = bench.payments.refunds
    await bench.payments.fail_refund(refund, "lost_or_stolen_card")
    bench.enter(bench.instance + 1)


async def nothing(_bench: RefundBench) -> None:
    """The first job needs nothing."""


def nobody(_bench: RefundBench) -> Faults:
    raise AssertionError("this job calls nobody")


@dataclass(frozen=True)
class Promise:
    """One job as the engine calls it; whom it calls, if anybody, and what came before."""

    call: Callable[[RefundBench], Awaitable[Any]]
    before: Callable[[RefundBench], Awaitable[None]] = made
    other_side: Callable[[RefundBench], Faults] = nobody
    method: str = ""


PROMISES = {
    "compute_refundable": Promise(lambda b: b.compute(), nothing, lambda b: b.payments, "charge_of"),
    "note_approval_request": Promise(lambda b: b.jobs.note_approval_request(b.refund_id, 1, 0), computed),
    "remind_approvers": Promise(
        lambda b: b.jobs.remind_approvers(b.refund_id, 1, 0), computed, lambda b: b.events, "publish"
    ),
    "escalate_approval": Promise(
        lambda b: b.jobs.escalate_approval(b.refund_id, 1, 1), computed, lambda b: b.events, "publish"
    ),
    "check_approval": Promise(lambda b: b.jobs.check_approval(b.refund_id, 1), answered),
    "take_back_refund": Promise(
        lambda b: b.jobs.take_back_refund(b.refund_id), came_back, lambda b: b.ledger, "book"
    ),
    "execute_refund": Promise(lambda b: b.jobs.execute_refund(b.refund_id, 1), ready),
    "follow_refund": Promise(
        lambda b: b.jobs.follow_refund(b.refund_id), pending, lambda b: b.payments, "find_refund"
    ),
    "handle_failure": Promise(lambda b: b.jobs.handle_failure(b.refund_id, "give_up"), failed),
    "book_refund": Promise(lambda b: b.jobs.book_refund(b.refund_id), made, lambda b: b.ledger, "book"),
    "tell_customer": Promise(lambda b: b.jobs.tell_customer(b.refund_id), made, lambda b: b.mailer, "send"),
    "stop_refund": Promise(lambda b: b.jobs.stop_refund(b.refund_id, "disputed"), ready),
}


def test_every_job_has_a_row(bench: RefundBench) -> None:
    assert {job.type for job in registration(bench.jobs).jobs} == {f"refund.{name}" for name in PROMISES}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
class TestEveryJob:
    """Called twice, or again after trouble, it acts once and says the same."""

    async def test_twice_is_once(self, bench: RefundBench, promise: Promise) -> None:
        await promise.before(bench)
        first = await promise.call(bench)
        outside, timeline = bench.outside(), await bench.timeline()
        assert await promise.call(bench) == first
        assert (bench.outside(), await bench.timeline()) == (outside, timeline)

    async def test_after_an_outage_it_acts_once(self, bench: RefundBench, promise: Promise) -> None:
        await promise.before(bench)
        if not promise.method:
            return
        promise.other_side(bench).refuse(promise.method, Unavailable("away"))
        with pytest.raises(Unavailable):
            await promise.call(bench)
        first = await promise.call(bench)
        assert await promise.call(bench) == first
