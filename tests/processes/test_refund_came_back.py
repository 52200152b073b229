"""The jobs of refund on money that comes back after the customer had it: booked back, and paid once approved."""

import asyncio

import pytest

from api.people import Role
from tests.processes.refund_bench import RefundBench
from tests.processes.test_refund import came_back, made
from workers.casefile.db import Database
from workers.casefile.refund_models import Standing
from workers.contracts.refund import Errors
from workers.runtime.errors import BusinessOutcome, NeedsHuman, OutcomeUnknown, Retryable


@pytest.fixture
async def bench(database: Database) -> RefundBench:
    return RefundBench(database)


def booked(bench: RefundBench) -> list[int]:
    return [posting.amount.minor for posting in bench.ledger.postings.values()]


class TestTakeBackRefund:
    async def test_it_has_failed_and_is_booked_back_and_stays_reserved(self, bench: RefundBench) -> None:
        await came_back(bench)
        taken = await bench.jobs.take_back_refund(bench.refund_id)
        assert (taken.came_back, taken.shopify_order_id, taken.amount) == (True, bench.id, 2_000)
        assert taken.standing == "It came back after it was settled: lost or stolen card"
        refund = await bench.refund()
        assert (refund.state, refund.failure, refund.attempt) == (Standing.FAILED, "lost_or_stolen_card", 2)
        assert (refund.finished_at, refund.process_instance_key) == (None, bench.instance + 1)
        assert booked(bench) == [2_000, -2_000]
        assert await bench.timeline("refund_came_back") == [
            "Refund of 20.00 EUR: it came back after it was settled: lost or stolen card"
        ]
        bench.refund_id = f"{bench.id}-second"
        assert (await bench.compute(4_995)).amount == 2_995

    async def test_what_the_customer_still_has_is_left_alone(self, bench: RefundBench) -> None:
        await made(bench)
        await bench.jobs.book_refund(bench.refund_id)
        bench.enter(bench.instance + 1)
        assert not (await bench.jobs.take_back_refund(bench.refund_id)).came_back
        assert ((await bench.refund()).state, booked(bench)) == (Standing.SETTLED, [2_000])

    async def test_what_never_was_settled_is_its_own_instances(self, bench: RefundBench) -> None:
        await bench.ready()
        bench.enter(bench.instance + 1)
        assert not (await bench.jobs.take_back_refund(bench.refund_id)).came_back
        assert booked(bench) == []

    async def test_what_was_paid_by_hand_cannot_come_back(self, bench: RefundBench) -> None:
        await came_back(bench)
        await bench.jobs.take_back_refund(bench.refund_id)
        await bench.jobs.handle_failure(bench.refund_id, "done_by_hand")
        await bench.jobs.book_refund(bench.refund_id)
        bench.enter(bench.instance + 2)
        assert not (await bench.jobs.take_back_refund(bench.refund_id)).came_back
        assert booked(bench) == [2_000, -2_000, 2_000]

    async def test_its_own_booking_is_waited_for(self, bench: RefundBench) -> None:
        """Else it would be booked as another attempt afterwards."""
        await made(bench)
        [refund] = bench.payments.refunds
        await bench.payments.fail_refund(refund, "declined")
        with pytest.raises(Retryable) as waits:
            await bench.jobs.take_back_refund(bench.refund_id)
        assert not waits.value.burns_retry
        assert ((await bench.refund()).state, booked(bench)) == (Standing.SETTLED, [])

    async def test_killed_after_the_booking_it_is_booked_back_once(self, bench: RefundBench) -> None:
        await came_back(bench)
        bench.ledger.lose_answer("book")
        with pytest.raises(OutcomeUnknown):
            await bench.jobs.take_back_refund(bench.refund_id)
        assert (await bench.refund()).state == Standing.SETTLED
        assert (await bench.jobs.take_back_refund(bench.refund_id)).came_back
        assert booked(bench) == [2_000, -2_000]

    async def test_many_at_once_book_it_back_once(self, bench: RefundBench) -> None:
        await came_back(bench)
        await asyncio.gather(
            *(bench.jobs.take_back_refund(bench.refund_id) for _ in range(5)), return_exceptions=True
        )
        await bench.jobs.take_back_refund(bench.refund_id)
        assert (booked(bench), (await bench.refund()).attempt) == ([2_000, -2_000], 2)

    async def test_a_refund_that_is_not_ours_needs_a_human(self, bench: RefundBench) -> None:
        with pytest.raises(NeedsHuman, match="no refund"):
            await bench.jobs.take_back_refund("unknown")


class TestAfterwards:
    async def test_tried_again_nothing_is_paid_before_it_is_approved_anew(self, bench: RefundBench) -> None:
        await came_back(bench)
        await bench.jobs.take_back_refund(bench.refund_id)
        await bench.jobs.handle_failure(bench.refund_id, "retry")
        assert (await bench.refund()).state == Standing.REQUESTED
        with pytest.raises(BusinessOutcome) as missing:
            await bench.jobs.execute_refund(bench.refund_id)
        assert missing.value.code == Errors.APPROVAL_MISSING
        assert len(bench.payments.refunds) == 1

    async def test_it_can_be_rejected_and_its_amount_is_free(self, bench: RefundBench) -> None:
        await came_back(bench)
        bench.instance += 1
        await bench.jobs.take_back_refund(bench.refund_id)
        await bench.jobs.handle_failure(bench.refund_id, "retry")
        assert (await bench.compute()).refundable
        await bench.decide(1)
        await bench.complete(await bench.somebody(Role.AGENT), {"decision": "reject", "why": "Ask them first"})
        assert not (await bench.jobs.check_approval(bench.refund_id, 1)).approved
        assert (await bench.refund()).state == Standing.REJECTED
        bench.refund_id = f"{bench.id}-second"
        bench.enter(bench.instance + 1)
        assert (await bench.compute(4_995)).amount == 4_995

    async def test_paid_again_it_is_booked_and_told_again(self, bench: RefundBench) -> None:
        await came_back(bench)
        bench.instance += 1
        await bench.jobs.take_back_refund(bench.refund_id)
        await bench.jobs.handle_failure(bench.refund_id, "retry")
        await bench.compute()
        await bench.decide()
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED
        await bench.jobs.book_refund(bench.refund_id)
        assert [made.amount.minor for made in bench.payments.refunds.values()] == [2_000, 2_000]
        assert booked(bench) == [2_000, -2_000, 2_000]
        assert len(await bench.timeline("refund_settled")) == 2
