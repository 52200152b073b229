"""bpmn/chargeback.bpmn on the real engine: every way a dispute can go, judged by the providers' and our books."""

from datetime import timedelta
from typing import Any, cast

import orjson
import pytest
from sqlalchemy import func, insert, select, update

from api.people import Role
from tests.engine.bank import Bank
from tests.engine.orders import an_order
from tests.engine.parcels import CARRIER, ordered
from tests.engine.refund_desk import paid
from tests.engine.shop_floor import Floor
from workers.adapters.mock_behaviour import behave, misbehave
from workers.adapters.mock_books import ChargeRow, DisputeRow, RefundRow
from workers.adapters.mock_certificates import KeptCertificates
from workers.adapters.mock_shop import MockShop
from workers.casefile.record_models import Instance
from workers.casefile.refund_models import Standing
from workers.ports.carriers import ParcelState
from workers.ports.payments import Dispute
from workers.ports.values import Money

pytestmark = pytest.mark.engine


@pytest.fixture
def bank(floor: Floor) -> Bank:
    return Bank(floor)


async def took(floor: Floor, case_id: str, flow: str) -> None:
    await floor.until(case_id, flow, "SEQUENCE_FLOW_TAKEN")


class TestTheTableKnows:
    async def test_what_was_delivered_is_shown_and_won(self, bank: Bank) -> None:
        dispute = await bank.claims()
        await bank.awaits_verdict(dispute)
        row = await bank.row(dispute)
        assert (row.state, row.answers) == ("under_review", 1)
        assert row.evidence["shipping_tracking_number"] == f"JD{dispute.order_id}"
        assert "delivered" in row.evidence["uncategorized_text"]
        assert "10115 Berlin" in row.evidence["shipping_address"]
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"
        assert await bank.booked(dispute) == []
        assert await bank.announced(dispute) == ["chargeback_won"]

    async def test_a_lost_one_is_booked_although_its_message_got_lost(self, bank: Bank, floor: Floor) -> None:
        """Asked every day: first there is no verdict yet."""
        dispute = await bank.claims()
        await bank.awaits_verdict(dispute)
        await floor.travel(days=1, minutes=1)
        await bank.awaits_verdict(dispute, times=2)
        await bank.decides(dispute, won=False, told=False)
        await floor.travel(days=1, minutes=1)
        assert await bank.ends(dispute) == "chargeback_lost"
        assert await bank.booked(dispute) == [(dispute.id, 11_900)]
        assert await bank.announced(dispute) == ["chargeback_lost"]
        assert (await bank.row(dispute)).answers == 1

    async def test_what_nobody_can_show_is_accepted_and_booked(self, bank: Bank) -> None:
        dispute = await bank.claims("fraudulent", delivered=False, total_price="45.00")
        assert await bank.ends(dispute) == "chargeback_accepted"
        row = await bank.row(dispute)
        assert (row.state, row.answers, row.evidence) == ("accepted", 1, {})
        assert await bank.booked(dispute) == [(dispute.id, 4_500)]
        assert await bank.announced(dispute) == ["chargeback_lost"]

    async def test_what_was_refunded_is_accepted_and_neither_refunded_nor_booked_again(
        self, bank: Bank, floor: Floor
    ) -> None:
        case_id = await MockShop(floor.world).seed_order(an_order())
        await bank.payments.refund(f"ch_{case_id}", "earlier", Money(11_900, "EUR"), "returned")
        dispute = await bank.claims_of(case_id, amount=Money(11_900, "EUR"))
        assert await bank.ends(dispute) == "chargeback_accepted"
        assert (await bank.row(dispute)).state == "accepted"
        refunds = await floor.world.rows(select(RefundRow).where(RefundRow.order_id == case_id))
        assert [refund.amount_minor for refund in refunds] == [11_900]
        assert await bank.booked(dispute) == []

    async def test_of_what_was_refunded_in_part_the_rest_is_booked(self, bank: Bank, floor: Floor) -> None:
        case_id = await MockShop(floor.world).seed_order(an_order())
        await bank.payments.refund(f"ch_{case_id}", "earlier", Money(10_000, "EUR"), "damaged")
        dispute = await bank.claims_of(case_id, "fraudulent", amount=Money(11_900, "EUR"))
        assert await bank.ends(dispute) == "chargeback_accepted"
        assert await bank.booked(dispute) == [(dispute.id, 1_900)]


class TestAShippedOrder:
    async def test_what_tracking_has_seen_is_shown(self, bank: Bank, floor: Floor) -> None:
        """From the paid order to the won dispute, without a word of ours in between."""
        order = await ordered(floor)
        number = await order.ships()
        await order.on_the_way()
        await floor.scan(number, ParcelState.IN_TRANSIT, place="Leipzig", carrier=CARRIER)
        await floor.scan(number, ParcelState.DELIVERED, place="10115 Berlin, DE", carrier=CARRIER)
        await floor.travel(days=1, minutes=1)
        assert await order.ends() == "delivered"
        case_id = order.case_id
        dispute = await bank.claims_of(case_id)
        await bank.awaits_verdict(dispute)
        shown = (await bank.row(dispute)).evidence
        assert (shown["shipping_tracking_number"], shown["shipping_carrier"]) == (number, CARRIER)
        assert "is on the way\nHello" in shown["customer_communication"]
        assert f"Tracking number: {number}" in shown["customer_communication"]
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"


class TestAPersonDecides:
    @pytest.mark.parametrize(
        ("response", "state"), [("submit", "under_review"), ("accept", "accepted")], ids=["submit", "accept"]
    )
    async def test_somebody_of_finance_or_a_lead_decides(
        self, response: str, state: str, bank: Bank, floor: Floor
    ) -> None:
        dispute = await bank.claims("product_unacceptable")
        task = await floor.task(dispute.order_id, "Task_DecideOnDispute")
        assert (sorted(task.candidate_groups), task.priority) == (["finance", "lead"], 80)
        assert task.due_at is not None
        assert task.due_at < dispute.evidence_due_by
        assert (await floor.complete(task, {"response": response})).is_success
        if response == "submit":
            await bank.awaits_verdict(dispute)
            await bank.decides(dispute, won=False)
            assert await bank.ends(dispute) == "chargeback_lost"
        else:
            assert await bank.ends(dispute) == "chargeback_accepted"
        assert (await bank.row(dispute)).state in {state, "lost"}
        assert (await bank.row(dispute)).answers == 1
        [asked] = [
            each for each in await floor.app.cases.timeline(dispute.order_id) if each.kind == "dispute_asked"
        ]
        assert "a person decides" in asked.sentence

    async def test_who_says_nothing_is_reminded_and_then_evidence_is_submitted_in_time(
        self, bank: Bank, floor: Floor
    ) -> None:
        dispute = await bank.claims("product_unacceptable")
        await floor.task(dispute.order_id, "Task_DecideOnDispute")
        await floor.travel(days=4, minutes=1)
        await floor.until(dispute.order_id, "Event_DecidersReminded")
        assert await bank.announced(dispute) == ["chargeback_decision_due"]
        assert (await bank.row(dispute)).answers == 0
        await floor.travel(days=2)
        await bank.awaits_verdict(dispute)
        row = await bank.row(dispute)
        assert (row.state, row.answers) == ("under_review", 1)
        assert row.answered_at is not None
        assert row.answered_at < row.evidence_due_by
        await took(floor, dispute.order_id, "Flow_FallbackTaken")
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"

    async def test_who_completes_it_without_a_decision_gives_no_money_away(self, bank: Bank, floor: Floor) -> None:
        """At the engine itself, where no form is asked for."""
        dispute = await bank.claims("product_unacceptable")
        task = await floor.task(dispute.order_id, "Task_DecideOnDispute")
        await floor.app.engine.complete_user_task(task.key, {})
        await bank.awaits_verdict(dispute)
        assert (await bank.row(dispute)).state == "under_review"
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"

    async def test_nobody_has_to_decide_any_more_on_what_was_closed_meanwhile(
        self, bank: Bank, floor: Floor
    ) -> None:
        """The customer withdrew it."""
        dispute = await bank.claims("product_unacceptable")
        await floor.task(dispute.order_id, "Task_DecideOnDispute")
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"
        assert (await bank.row(dispute)).answers == 0

    async def test_an_order_that_nobody_knows_waits_for_a_person_and_for_the_order(
        self, bank: Bank, floor: Floor
    ) -> None:
        """The dispute is seen under the order's id at once, and shows the order when that comes."""
        order = an_order()
        case_id = str(order["id"])
        charge = {"id": f"ch_{case_id}", "provider": "stripe", "order_id": case_id, "currency": "EUR"}
        await floor.world.row(insert(ChargeRow).values(captured_minor=11_900, **charge).returning(ChargeRow))
        dispute = await bank.claims_of(case_id)
        task = await floor.task(case_id, "Task_DecideOnDispute")
        assert await floor.pay(order) == case_id
        assert await floor.ends(case_id, "fulfillment") == "supplied"
        assert (await floor.complete(task, {"response": "submit"})).is_success
        await bank.awaits_verdict(dispute)
        row = await bank.row(dispute)
        assert (row.answers, row.evidence["customer_email_address"]) == (1, order["email"])
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "chargeback_lost"


class TestTheProviderWasThere:
    async def test_what_was_answered_elsewhere_only_waits_for_the_verdict(self, bank: Bank) -> None:
        dispute = await bank.claims(told=False)
        await bank.payments.submit_evidence(dispute.id, {"uncategorized_text": "by hand"})
        await bank.tells(dispute, "updated")
        await bank.awaits_verdict(dispute)
        assert (await bank.row(dispute)).evidence == {"uncategorized_text": "by hand"}
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "chargeback_lost"
        assert await bank.booked(dispute) == [(dispute.id, 11_900)]

    async def test_one_that_was_lost_before_it_was_heard_of_is_looked_into_and_booked(
        self, bank: Bank, floor: Floor
    ) -> None:
        """Its closing arrives first and alone; nobody has answered it."""
        dispute = await bank.claims(told=False)
        await bank.decides(dispute, won=False)
        task = await floor.task(dispute.order_id, "Task_LookIntoMissedDeadline")
        assert await bank.announced(dispute) == ["chargeback_deadline_missed"]
        assert (await floor.complete(task, {"cause": "Its webhook was lost"})).is_success
        await bank.awaits_verdict(dispute)
        await floor.travel(days=1, minutes=1)
        assert await bank.ends(dispute) == "deadline_missed"
        assert await bank.booked(dispute) == [(dispute.id, 11_900)]

    async def test_one_that_was_won_before_it_was_heard_of_stops_no_refund(self, bank: Bank, floor: Floor) -> None:
        desk = await paid(floor)
        refund_id = await desk.ask("60.00", "changed_mind")
        task = await desk.task(refund_id)
        dispute = await bank.claims_of(desk.order_id, told=False)
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"
        await took(floor, desk.order_id, "Flow_ClosedBefore")
        assert (await desk.refund(refund_id)).state == Standing.REQUESTED
        assert (await desk.complete(task, await desk.somebody(Role.LEAD))).is_success
        await desk.ends(refund_id)
        assert await desk.paid_back() == [6_000]

    async def test_paypals_disputes_go_the_same_way(self, bank: Bank, floor: Floor) -> None:
        dispute = await bank.claims(told=False, payment_gateway_names=["paypal"])
        assert dispute.provider == "paypal"
        certificates = cast(KeptCertificates, floor.app.certificates)
        body = {"event_type": "CUSTOMER.DISPUTE.CREATED", "resource": {"dispute_id": dispute.id}}
        raw = orjson.dumps(body)
        headers = await certificates.headers(raw, floor.app.settings.paypal_webhook_ids[0])
        answer = await floor.http.post(
            "/webhooks/paypal", content=raw, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.status_code == 200, answer.text
        await bank.awaits_verdict(dispute)
        await bank.decides(dispute, won=True, told=False)
        await floor.travel(days=1, minutes=1)
        assert await bank.ends(dispute) == "chargeback_won"


class TestTooLate:
    async def test_refused_evidence_cannot_be_overlooked(self, bank: Bank, floor: Floor) -> None:
        """Announced, on a lead's desk, and the case ends as nothing else does."""
        dispute = await self._refused(bank, floor, "submit_evidence", "product_not_received")
        assert await bank.announced(dispute) == ["chargeback_deadline_missed"]
        await self._looked_into(bank, floor, dispute)
        assert await bank.announced(dispute) == ["chargeback_deadline_missed", "chargeback_lost"]

    async def test_an_acceptance_that_came_too_late_is_the_same(self, bank: Bank, floor: Floor) -> None:
        dispute = await self._refused(bank, floor, "accept_dispute", "credit_not_processed", total_price="15.00")
        await self._looked_into(bank, floor, dispute)

    async def test_a_provider_that_is_away_until_the_deadline_is_noticed(self, bank: Bank, floor: Floor) -> None:
        dispute = await bank.claims(told=False)
        await floor.misbehave("payments.submit_evidence", "unavailable", dispute.id)
        await bank.tells(dispute, "created")
        await floor.until(dispute.order_id, "Task_SubmitEvidence")
        await floor.travel(days=7, minutes=1)
        await took(floor, dispute.order_id, "Flow_DeadlinePassed")
        await self._looked_into(bank, floor, dispute)
        assert (await bank.row(dispute)).answers == 0

    async def test_what_holds_us_up_before_the_answer_is_noticed_at_the_deadline(
        self, bank: Bank, floor: Floor
    ) -> None:
        """An incident where evidence is collected: nobody was asked, and nothing was submitted."""
        dispute = await bank.claims(told=False)
        await floor.misbehave("carriers.track", "unavailable", f"JD{dispute.order_id}")
        await bank.tells(dispute, "created")
        await floor.until(dispute.order_id, "Task_CollectEvidence")
        await floor.travel(days=7, minutes=1)
        await took(floor, dispute.order_id, "Flow_NoTimeLeft")
        await self._looked_into(bank, floor, dispute)
        assert (await bank.row(dispute)).answers == 0

    async def test_a_deadline_that_was_moved_is_kept(self, bank: Bank, floor: Floor) -> None:
        """When the old one passes, the provider is asked anew, and there is a week more to answer."""
        dispute = await bank.claims(told=False)
        away = await misbehave(floor.world, "carriers.track", "unavailable", f"JD{dispute.order_id}")
        await bank.tells(dispute, "created")
        await floor.until(dispute.order_id, "Task_CollectEvidence")
        later = dispute.evidence_due_by + timedelta(days=7)
        moved = update(DisputeRow).where(DisputeRow.id == dispute.id).values(evidence_due_by=later)
        await floor.world.one(moved.returning(DisputeRow))
        await floor.travel(days=7, minutes=1)
        await floor.until(dispute.order_id, "Task_CollectEvidence", times=2)
        await behave(floor.world, away)
        await bank.awaits_verdict(dispute)
        assert ((await bank.row(dispute)).answers, await bank.announced(dispute)) == (1, [])
        await bank.decides(dispute, won=True)
        assert await bank.ends(dispute) == "chargeback_won"

    async def test_a_bank_that_decides_at_the_deadline_does_not_hide_it(self, bank: Bank, floor: Floor) -> None:
        """When we ask, the dispute is lost already, and nobody has answered it."""
        dispute = await bank.claims(told=False)
        await floor.misbehave("payments.submit_evidence", "unavailable", dispute.id)
        await bank.tells(dispute, "created")
        await floor.until(dispute.order_id, "Task_SubmitEvidence")
        await bank.decides(dispute, won=False, told=False)
        await floor.travel(days=7, minutes=1)
        task = await floor.task(dispute.order_id, "Task_LookIntoMissedDeadline")
        assert await bank.announced(dispute) == ["chargeback_deadline_missed"]
        assert (await floor.complete(task, {"cause": "The provider was away"})).is_success
        await bank.awaits_verdict(dispute)
        await floor.travel(days=1, minutes=1)
        assert await bank.ends(dispute) == "deadline_missed"
        assert len(await bank.booked(dispute)) == 1

    @staticmethod
    async def _refused(bank: Bank, floor: Floor, operation: str, reason: str, **changes: Any) -> Dispute:
        dispute = await bank.claims(reason, told=False, **changes)
        await floor.misbehave(f"payments.{operation}", "refused", dispute.id)
        await bank.tells(dispute, "created")
        await floor.task(dispute.order_id, "Task_LookIntoMissedDeadline")
        return dispute

    @staticmethod
    async def _looked_into(bank: Bank, floor: Floor, dispute: Dispute) -> None:
        task = await floor.task(dispute.order_id, "Task_LookIntoMissedDeadline")
        assert (task.candidate_groups, task.priority) == (["lead"], 100)
        assert (await floor.complete(task, {"cause": "Nobody was there"})).is_success
        await bank.awaits_verdict(dispute)
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "deadline_missed"
        assert len(await bank.booked(dispute)) == 1


class TestRunningRefunds:
    async def test_a_refund_that_waits_for_approval_is_stopped_in_time(self, bank: Bank, floor: Floor) -> None:
        """Nobody gets the same money twice: here the dispute alone takes it."""
        desk = await paid(floor)
        await bank.was_delivered(desk.order_id)
        refund_id = await desk.ask("60.00", "changed_mind")
        await desk.task(refund_id)
        dispute = await bank.claims_of(desk.order_id)
        assert (await desk.stands(refund_id, Standing.STOPPED)).failure == "disputed"
        await bank.awaits_verdict(dispute)
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "chargeback_lost"
        assert await desk.paid_back() == []
        assert [minor for _, minor in await bank.booked(dispute)] == [desk.total]

    async def test_a_refund_that_the_provider_has_is_not_at_stake(self, bank: Bank, floor: Floor) -> None:
        """It can be stopped no more, so it is the rest that is lost."""
        desk = await paid(floor)
        await floor.misbehave("payments.refund", "pending", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        await desk.stands(refund_id, Standing.SENT)
        dispute = await bank.claims_of(desk.order_id, "fraudulent", amount=Money(2_500, "EUR"))
        assert await bank.ends(dispute) == "chargeback_accepted"
        assert [minor for _, minor in await bank.booked(dispute)] == [min(2_500, desk.total - 2_000)]
        [named] = await desk.told("refund_not_stopped")
        assert refund_id in named.sentence
        assert await desk.paid_back() == [2_000]

    async def test_nothing_can_be_refunded_while_it_is_disputed_and_when_it_is_lost(
        self, bank: Bank, floor: Floor
    ) -> None:
        """Neither at the door, nor for another process of ours."""
        desk = await paid(floor)
        await bank.was_delivered(desk.order_id)
        dispute = await bank.claims_of(desk.order_id)
        await bank.awaits_verdict(dispute)
        refused = await desk.post("20.00", "damaged")
        assert (refused.status_code, "disputed" in refused.json()["detail"]) == (409, True)
        await desk.handed_over("late", 2_000, "EUR", reason="damaged")
        late = await desk.stands(f"{desk.order_id}-late", Standing.REJECTED)
        assert late.failure == "payment_disputed"
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "chargeback_lost"
        assert (await desk.post("20.00", "damaged")).status_code == 409
        assert await desk.paid_back() == []


class TestOnce:
    async def test_the_same_news_five_times_at_once_and_after_the_end_acts_once(
        self, bank: Bank, floor: Floor
    ) -> None:
        dispute = await bank.claims(told=False)
        await bank.tells(dispute, "created", times=5)
        await bank.awaits_verdict(dispute)
        await bank.payments.close_dispute(dispute.id, won=False)
        await bank.tells(dispute, "closed", times=5)
        assert await bank.ends(dispute) == "chargeback_lost"
        await floor.travel(days=2)
        for what in ("created", "updated", "closed"):
            await bank.tells(dispute, what, times=5)
        await self._nothing_more(bank, floor, dispute)

    @pytest.mark.parametrize("kind", ["answer_lost", "error_after"])
    async def test_evidence_whose_answer_got_lost_is_found_and_not_submitted_again(
        self, kind: str, bank: Bank, floor: Floor
    ) -> None:
        dispute = await bank.claims(told=False)
        await floor.misbehave("payments.submit_evidence", kind, dispute.id, times=1, value=50)
        await bank.tells(dispute, "created")
        await bank.awaits_verdict(dispute)
        await bank.decides(dispute, won=False)
        assert await bank.ends(dispute) == "chargeback_lost"
        await self._nothing_more(bank, floor, dispute)

    @staticmethod
    async def _nothing_more(bank: Bank, floor: Floor, dispute: Dispute) -> None:
        other = await bank.claims("fraudulent", delivered=False, total_price="45.00")
        assert await bank.ends(other) == "chargeback_accepted"
        assert (await bank.row(dispute)).answers == 1
        assert await bank.booked(dispute) == [(dispute.id, 11_900)]
        assert (await bank.announced(dispute)).count("chargeback_lost") == 1
        assert await instances(floor, dispute) == 1


async def instances(floor: Floor, dispute: Dispute) -> int:
    """How many instances the engine has told of that this dispute began."""
    query = select(func.count()).where(Instance.process == "chargeback", Instance.correlation_key == dispute.id)
    async with floor.app.database.sessions() as session:
        return int(await session.scalar(query) or 0)
