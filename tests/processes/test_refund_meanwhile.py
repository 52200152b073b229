"""The jobs of refund while other things happen: what is made is not judged, stopped or cut as if it was not."""

from typing import Any

import pytest
from sqlalchemy import insert, update

from api.people import Role
from tests.processes.refund_bench import RefundBench
from tests.processes.test_refund import came_back, failed, made
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.casefile.people_models import User
from workers.casefile.record_models import Instance
from workers.casefile.refund_models import Refund, Standing
from workers.ports.payments import RefundState
from workers.runtime.errors import BusinessOutcome, EffectStopped, Retryable


@pytest.fixture
async def bench(database: Database) -> RefundBench:
    return RefundBench(database)


async def change(bench: RefundBench, statement: Any) -> None:
    async with bench.database.transaction() as session:
        await session.execute(statement)


async def approved(bench: RefundBench) -> str:
    """Who has approved it."""
    await bench.compute()
    await bench.decide(1)
    agent = await bench.somebody(Role.AGENT)
    await bench.complete(agent)
    assert (await bench.jobs.check_approval(bench.refund_id, 1)).approvals_complete
    return agent


async def gone(bench: RefundBench, who: str) -> None:
    """They may approve nothing any more."""
    await change(bench, update(User).where(User.name == who).values(roles=[]))


class TestApprovedBefore:
    async def test_what_is_on_its_way_is_not_judged_again(self, bench: RefundBench) -> None:
        agent = await approved(bench)
        bench.payments.next_state = RefundState.PENDING
        await bench.jobs.execute_refund(bench.refund_id, 1)
        await gone(bench, agent)
        await bench.jobs.handle_failure(bench.refund_id, "retry")
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SENT

    async def test_nor_what_may_be_there(self, bench: RefundBench) -> None:
        agent = await approved(bench)
        bench.payments.lose_answer("refund")
        await bench.jobs.execute_refund(bench.refund_id, 1)
        await gone(bench, agent)
        await bench.jobs.handle_failure(bench.refund_id, "retry")
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED
        assert len(bench.payments.refunds) == 1

    async def test_nor_what_was_paid_when_the_worker_was_killed(self, bench: RefundBench) -> None:
        agent = await approved(bench)
        await bench.jobs.execute_refund(bench.refund_id, 1)
        before = {"state": Standing.APPROVED, "finished_at": None, "provider_refund_id": None}
        await change(bench, update(Refund).where(Refund.id == bench.refund_id).values(before))
        await gone(bench, agent)
        assert (await bench.jobs.execute_refund(bench.refund_id, 1)).refund_state == Standing.SETTLED

    async def test_what_was_not_made_is_judged(self, bench: RefundBench) -> None:
        agent = await approved(bench)
        await gone(bench, agent)
        with pytest.raises(BusinessOutcome, match="every approval"):
            await bench.jobs.execute_refund(bench.refund_id, 1)

    async def test_a_rejection_of_what_is_made_comes_too_late(self, bench: RefundBench) -> None:
        await approved(bench)
        bench.payments.next_state = RefundState.PENDING
        await bench.jobs.execute_refund(bench.refund_id, 1)
        await bench.complete(await bench.somebody(Role.LEAD), {"decision": "reject", "why": "no"})
        verdict = await bench.jobs.check_approval(bench.refund_id, 1)
        assert (verdict.approved, verdict.approvals_complete, verdict.refund_state) == (True, True, Standing.SENT)


class TestStopped:
    async def test_another_attempt_is_looked_at_anew(
        self, bench: RefundBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody has it tried again while it is being stopped."""
        await failed(bench)
        stop = bench.jobs._maker.stop

        async def slowly(refund: Refund) -> bool:
            stopped = await stop(refund)
            await bench.jobs.handle_failure(bench.refund_id, "retry")
            return stopped

        monkeypatch.setattr(bench.jobs._maker, "stop", slowly)
        with pytest.raises(Retryable) as raised:
            await bench.jobs.stop_refund(bench.refund_id, "disputed")
        monkeypatch.undo()
        assert not raised.value.burns_retry
        assert (await bench.jobs.stop_refund(bench.refund_id, "disputed")).stopped
        with pytest.raises(EffectStopped):
            await bench.jobs.execute_refund(bench.refund_id, 1)


class TestReserved:
    async def test_nothing_is_cut_for_what_may_be_counted_twice(self, bench: RefundBench) -> None:
        await bench.ready(2_000)
        bench.payments.lose_answer("refund")
        await bench.jobs.execute_refund(bench.refund_id, 1)
        first, bench.refund_id = bench.refund_id, f"{bench.id}-second"
        bench.enter(bench.instance + 1)
        with pytest.raises(Retryable) as raised:
            await bench.compute(2_995)
        assert not raised.value.burns_retry
        await bench.jobs.follow_refund(first)
        assert (await bench.compute(2_995)).amount == 2_995


class TestCameBack:
    async def test_who_made_it_ends_first(self, bench: RefundBench) -> None:
        await came_back(bench)
        at_work = {"key": bench.instance, "root_key": bench.instance, "case_id": bench.id, "process": "refund"}
        more = {"definition_key": 1, "state": "open", "started_at": (await bench.refund()).requested_at}
        await change(bench, insert(Instance).values(at_work | more))
        with pytest.raises(Retryable) as raised:
            await bench.jobs.take_back_refund(bench.refund_id)
        assert not raised.value.burns_retry
        await change(bench, update(Instance).where(Instance.key == bench.instance).values(state="done"))
        assert (await bench.jobs.take_back_refund(bench.refund_id)).came_back

    async def test_who_is_erased_is_not_written_to(self, bench: RefundBench) -> None:
        await made(bench)
        await change(bench, update(Case).where(Case.id == bench.id).values(shop_order=None))
        await bench.jobs.tell_customer(bench.refund_id)
        assert bench.mailer.mails == {}
        assert await bench.timeline("mail_impossible") == [
            "The customer is erased: nobody told them of the refund"
        ]
