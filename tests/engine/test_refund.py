"""bpmn/refund.bpmn on the real engine: every way a refund can go, judged by the books of provider and ledger."""

import asyncio
from uuid import uuid4

import orjson
import pytest
from pyzeebe.proto.gateway_pb2 import (
    CreateProcessInstanceRequest,
    ModifyProcessInstanceRequest,
    SetVariablesRequest,
)
from sqlalchemy import update

from api.people import Role
from tests.engine.refund_desk import YES, Desk, paid
from tests.engine.shop_floor import Floor
from tests.engine.small import patiently
from workers.adapters.mock_books import RefundRow
from workers.adapters.mock_shop import MockShop
from workers.casefile.refund_models import Standing

pytestmark = pytest.mark.engine

LESS = {"decision": "change", "new_amount": "12,50", "why": "One of two was broken"}
NO = {"decision": "reject", "why": "The photo shows another article"}


async def assert_paid_back_once(desk: Desk, refund_id: str, minor: int) -> None:
    """Given back once, booked once, the customer told once."""
    await desk.ends(refund_id)
    assert await desk.paid_back() == await desk.booked() == [minor]
    assert len(await desk.floor.mails(desk.order_id, "refund_paid_back")) == 1
    assert (await desk.refund(refund_id)).state == Standing.SETTLED


class TestAutomatic:
    async def test_a_small_refund_of_damaged_goods_needs_nobody(self, floor: Floor) -> None:
        desk = await paid(floor)
        refund_id = await desk.ask("20.00", "damaged")
        await assert_paid_back_once(desk, refund_id, 2_000)

    async def test_called_by_another_process_it_tells_what_came_of_it(self, floor: Floor) -> None:
        """The caller's own variables are all it gets, and state and amount come back."""
        desk = await paid(floor)
        caller, refund_id = f"caller_{uuid4().hex}", f"{desk.order_id}-lost-1"
        await floor.app.engine.deploy({f"{caller}.bpmn": CALLER.format(id=caller).encode()})
        variables = {
            "shopify_order_id": desk.order_id,
            "refund_id": refund_id,
            "amount": 1_999,
            "currency": "EUR",
            "reason": "damaged",
            "requested_by": "process:tracking",
        }
        request = CreateProcessInstanceRequest(
            bpmnProcessId=caller, version=-1, variables=orjson.dumps(variables).decode()
        )
        await patiently(lambda: floor.app.engine.gateway.CreateProcessInstance(request, timeout=60))
        await assert_paid_back_once(desk, refund_id, 1_999)


class TestParts:
    async def test_one_of_two_lamps_is_given_back_with_its_tax(self, floor: Floor) -> None:
        """Who approves sees what it is for, the books say the tax in it, and the other lamp is left."""
        lamps = [
            {"id": 7, "title": "Reading lamp", "quantity": 2, "price": "20.00", "tax_lines": [{"price": "7.60"}]}
        ]
        shipping = [{"price": "4.90"}]
        desk = await paid(floor, "52.50", line_items=lamps, shipping_lines=shipping)
        await floor.app.cases.describe("fulfillment", await MockShop(floor.world).get_order(desk.order_id))
        refund_id = await desk.ask(None, parts=[{"id": "7", "quantity": 1}, {"id": "shipping"}])
        await desk.complete(await desk.task(refund_id), await desk.somebody(Role.AGENT))
        await assert_paid_back_once(desk, refund_id, 2_870)
        [asked] = await desk.told("approval_asked")
        assert asked.facts["asked"] == f"28.70 EUR for order {desk.order_id} (Reading lamp, Shipping)"
        [computed] = await desk.told("refund_computed")
        assert [part["left"] for part in computed.facts["left_of_parts"]] == [4_760, 490]
        assert await desk.memos() == [
            f"{(await desk.refund(refund_id)).provider_refund_id}, of which tax 3.80 EUR"
        ]
        two = await desk.post(None, parts=[{"id": "7", "quantity": 2}])
        assert two.json()["detail"] == "1 of 2 “Reading lamp” can still be refunded."


class TestApproval:
    async def test_one_agent_approves_what_another_asked_for(self, floor: Floor) -> None:
        desk = await paid(floor)
        ada, bob = [await desk.somebody(Role.AGENT) for _ in range(2)]
        refund_id = await desk.ask("50.00", "damaged", ada, evidence="https://helpdesk.example/tickets/17")
        task = await desk.task(refund_id)
        assert (task.candidate_groups, task.priority) == (["support"], 60)
        assert task.due_at is not None
        refused = await desk.complete(task, ada)
        assert refused.status_code == 403
        assert "whoever asks" in refused.json()["detail"]
        assert (await desk.complete(task, bob)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 5_000)
        [entry] = await desk.told("approval_given")
        assert entry.sentence == f"{bob['X-Name']} approved 50.00 EUR: {YES['why']}"
        [asked] = await desk.told("approval_asked")
        assert asked.facts["evidence"] == "https://helpdesk.example/tickets/17"

    async def test_whoever_completes_it_behind_our_back_has_to_be_one_who_may(self, floor: Floor) -> None:
        """At the engine itself: the requester, an agent for a lead's amount, nobody, somebody unknown, a raise."""
        desk = await paid(floor)
        lead, agent, other = [await desk.somebody(role) for role in (Role.LEAD, Role.AGENT, Role.LEAD)]
        refund_id = await desk.ask("50.01", who=lead)
        tries = (
            (lead["X-Name"], YES, "whoever asks for a refund does not decide on it"),
            (agent["X-Name"], YES, "they may not approve this amount"),
            (None, {**YES, "approval_round": 99, "policy_round": 99}, "nobody is named who gave it"),
            ("nobody-we-know", YES, "they may not approve this amount"),
            (other["X-Name"], {"decision": "perhaps"}, "it says neither yes nor no"),
            (
                other["X-Name"],
                {"decision": "change", "new_amount": "50.02"},
                "the amount can only be lowered, from 50.01 EUR",
            ),
            (
                other["X-Name"],
                {"decision": "change", "new_amount": "1.001"},
                "it names no amount of this currency",
            ),
        )
        after = 0
        for name, answers, _ in tries:
            task = await desk.task(refund_id, after=after)
            assert task.candidate_groups == ["lead"]
            await desk.behind_our_back(task, name, answers)
            after = task.key
        task = await desk.task(refund_id, after=after)
        assert await desk.voids(refund_id) == [(name, why) for name, _, why in tries]
        assert len(await desk.told("approval_void")) == len(tries)
        assert await desk.paid_back() == []
        assert (await desk.complete(task, other)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 5_001)

    async def test_above_500_it_takes_two_people(self, floor: Floor) -> None:
        desk = await paid(floor, "900.00")
        ada, bob, eve = [await desk.somebody(role) for role in (Role.LEAD, Role.FINANCE, Role.AGENT)]
        refund_id = await desk.ask("500.01", "damaged")
        first = await desk.task(refund_id)
        assert (await desk.complete(first, bob)).status_code == 403
        assert (await desk.complete(first, ada)).status_code == 200
        second = await desk.task(refund_id, after=first.key)
        assert second.candidate_groups == ["lead", "finance"]
        again = await desk.complete(second, ada)
        assert (again.status_code, (await desk.complete(second, eve)).status_code) == (403, 403)
        await desk.behind_our_back(second, ada["X-Name"])
        third = await desk.task(refund_id, after=second.key)
        assert await desk.voids(refund_id) == [(ada["X-Name"], "the second approval has to be another person's")]
        assert await desk.paid_back() == []
        assert (await desk.complete(third, bob)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 50_001)

    async def test_a_second_approval_that_is_overdue_is_still_finances_too(self, floor: Floor) -> None:
        """Else it would be stuck where there is one lead only, who has approved before."""
        desk = await paid(floor, "900.00")
        ada, bob = [await desk.somebody(role) for role in (Role.LEAD, Role.FINANCE)]
        refund_id = await desk.ask("500.01", "damaged")
        first = await desk.task(refund_id)
        assert (await desk.complete(first, ada)).status_code == 200
        second = await desk.task(refund_id, after=first.key)
        await floor.travel(hours=24, seconds=1)
        late = await desk.task(refund_id, after=second.key)
        assert late.candidate_groups == ["lead", "finance"]
        assert (await desk.complete(late, bob)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 50_001)

    async def test_the_amount_can_be_lowered_and_who_approved_more_is_asked_again(self, floor: Floor) -> None:
        desk = await paid(floor, "900.00")
        ada, bob, eve = [await desk.somebody(Role.LEAD) for _ in range(3)]
        refund_id = await desk.ask("600.00")
        first = await desk.task(refund_id)
        assert (await desk.complete(first, ada)).status_code == 200
        second = await desk.task(refund_id, after=first.key)
        assert (await desk.complete(second, bob, LESS)).status_code == 200
        third = await desk.task(refund_id, after=second.key)
        assert await desk.voids(refund_id) == [(ada["X-Name"], f"{bob['X-Name']} lowered the amount afterwards")]
        assert (await desk.complete(third, eve)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 1_250)
        assert (await desk.post("887.50")).status_code == 202, "what is not given back can be asked for"

    async def test_a_rejected_refund_is_not_made_and_frees_its_amount(self, floor: Floor) -> None:
        desk = await paid(floor)
        agent = await desk.somebody(Role.AGENT)
        refund_id = await desk.ask("30.00")
        assert (await desk.complete(await desk.task(refund_id), agent, NO)).status_code == 200
        await desk.ends(refund_id, "Event_RefundRejected")
        refund = await desk.stands(refund_id, Standing.REJECTED)
        assert (refund.amount_minor, await desk.paid_back()) == (0, [])
        assert (await desk.post("119.00")).status_code == 202

    async def test_who_is_late_is_reminded_and_then_a_lead_is_asked(self, floor: Floor) -> None:
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        refund_id = await desk.ask("30.00")
        task = await desk.task(refund_id)
        await floor.travel(hours=12, seconds=1)
        await desk.reaches(refund_id, "Event_ApproversReminded")
        assert await desk.announced("refund_approval_reminder") == 1
        await floor.travel(hours=12)
        late = await desk.task(refund_id, after=task.key)
        assert (late.candidate_groups, late.priority) == (["lead"], 90)
        assert await desk.announced("refund_approval_overdue") == 1
        assert (await desk.complete(late, lead)).status_code == 200
        await assert_paid_back_once(desk, refund_id, 3_000)

    async def test_what_is_executed_without_approval_is_asked_for_after_all(self, floor: Floor) -> None:
        """Somebody moves the token past the task at the engine, and says that nobody has to approve."""
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        refund_id = await desk.ask("60.00")
        task = await desk.task(refund_id)
        request = ModifyProcessInstanceRequest(processInstanceKey=task.process_instance_key)
        policy = {"refund_policy": {"approvals": 0, "group": "support"}, "amount": 1, "approvals_complete": True}
        gateway = floor.app.engine.gateway
        await gateway.SetVariables(
            SetVariablesRequest(
                elementInstanceKey=task.process_instance_key, variables=orjson.dumps(policy).decode()
            )
        )
        request.activateInstructions.add(elementId="Join_ExecuteRefund")
        await gateway.ModifyProcessInstance(request)
        await desk.reaches(refund_id, "Boundary_ApprovalMissing")
        await desk.reaches(refund_id, "Task_ApproveRefund", times=2)
        assert await desk.paid_back() == []
        assert len(await desk.told("approval_missing")) == 1
        await desk.behind_our_back(task, lead["X-Name"])
        await desk.stands(refund_id, Standing.SETTLED)
        assert await desk.paid_back() == [6_000]


class TestNothingToRefund:
    async def test_what_another_process_asks_for_is_cut_to_what_is_left(self, floor: Floor) -> None:
        desk = await paid(floor)
        first = await desk.ask("101.50")
        await desk.handed_over("late", 11_900, "EUR", reason="damaged")
        task = await desk.task(
            f"{desk.order_id}-late"
        )  # the first one is not approved yet, so this one is asked for
        assert (await desk.complete(task, await desk.somebody(Role.AGENT))).is_success
        await assert_paid_back_once(desk, f"{desk.order_id}-late", 1_750)
        assert (await desk.refund(first)).state == Standing.REQUESTED

    @pytest.mark.parametrize(("amount", "currency"), [("119.00", "EUR"), ("1.00", "USD")])
    async def test_nothing_left_or_another_currency_is_rejected(
        self, floor: Floor, amount: str, currency: str
    ) -> None:
        desk = await paid(floor)
        await desk.ask(amount)
        await desk.handed_over("late", 100, currency)
        refund = await desk.stands(f"{desk.order_id}-late", Standing.REJECTED)
        await desk.ends(refund.id, "Event_NothingRefundable")
        assert refund.failure == ("nothing_refundable" if currency == "EUR" else "wrong_currency")
        assert await desk.paid_back() == []

    async def test_partial_refunds_at_the_same_time_never_exceed_what_was_captured(self, floor: Floor) -> None:
        desk = await paid(floor)
        answers = await asyncio.gather(*(desk.post("20.00", "damaged") for _ in range(10)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [202] * 5 + [409] * 5
        made = [await desk.refund(answer.json()["id"]) for answer in answers if answer.status_code == 202]
        first, *others = sorted(made, key=lambda refund: refund.requested_at)
        await desk.ends(first.id)
        lead = await desk.somebody(Role.LEAD)
        for refund in others:
            assert (await desk.complete(await desk.task(refund.id), lead)).is_success
            await desk.ends(refund.id)
        assert await desk.paid_back() == [2_000] * 5

    async def test_small_ones_that_nobody_approves_do_not_add_up(self, floor: Floor) -> None:
        """Together they come to 20.00 at most; what is more is for a person."""
        desk = await paid(floor)
        for amount in ("15.00", "5.00"):
            await desk.ends(await desk.ask(amount, "damaged"))
        third = await desk.ask("0.01", "damaged")
        task = await desk.task(third)
        assert task.candidate_groups == ["support"]
        assert (await desk.complete(task, await desk.somebody(Role.AGENT))).is_success
        await desk.ends(third)
        assert sorted(await desk.paid_back()) == [1, 500, 1_500]


class TestStopped:
    async def test_before_it_is_made_it_never_is_and_its_amount_is_free(self, floor: Floor) -> None:
        desk = await paid(floor)
        refund_id = await desk.ask("119.00")
        await desk.task(refund_id)
        await desk.send("refund_stopped", refund_id=refund_id, reason="disputed")
        await desk.ends(refund_id, "Event_RefundStopped")
        refund = await desk.stands(refund_id, Standing.STOPPED)
        assert (refund.failure, await desk.paid_back()) == ("disputed", [])
        assert (await desk.post("119.00")).status_code == 202

    async def test_once_the_provider_has_it_it_goes_on(self, floor: Floor) -> None:
        desk = await paid(floor)
        await floor.misbehave("payments.refund", "pending", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        made = (await desk.stands(refund_id, Standing.SENT)).provider_refund_id
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await desk.send("refund_stopped", refund_id=refund_id, reason="disputed")
        await desk.reaches(refund_id, "Event_TooLateToStop")
        assert made is not None
        await desk.payments.settle_refund(made)
        await desk.send("refund_changed", refund_id=refund_id, state="succeeded")
        await assert_paid_back_once(desk, refund_id, 2_000)


class TestOnItsWay:
    async def test_it_is_asked_about_every_six_hours_without_any_news(self, floor: Floor) -> None:
        desk = await paid(floor)
        await floor.misbehave("payments.refund", "pending", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        made = (await desk.stands(refund_id, Standing.SENT)).provider_refund_id
        assert made is not None
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await floor.travel(hours=6, seconds=1)
        await desk.reaches(refund_id, "Task_AwaitProvider", times=2)
        await desk.payments.settle_refund(made)
        await floor.travel(hours=6, seconds=1)
        await assert_paid_back_once(desk, refund_id, 2_000)

    async def test_one_that_was_unknown_and_is_found_on_its_way_has_its_five_days(self, floor: Floor) -> None:
        """Not the hour that an answer may be missing."""
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        await floor.misbehave("payments.refund", "answer_lost", desk.order_id, times=1)
        refund_id = await desk.ask("20.00", "damaged")
        await desk.reaches(refund_id, "Task_AwaitProvider")
        on_its_way = update(RefundRow).where(RefundRow.order_id == desk.order_id).values(state="pending")
        await floor.world.row(on_its_way.returning(RefundRow))
        await floor.travel(minutes=1, seconds=1)
        await desk.stands(refund_id, Standing.SENT)
        await desk.reaches(refund_id, "Task_AwaitProvider", times=2)
        await floor.travel(hours=6, seconds=1)
        await desk.reaches(refund_id, "Task_AwaitProvider", times=3)
        await floor.travel(days=5)
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (await desk.complete(task, lead, {"handling": "give_up"})).status_code == 200
        made = (await desk.refund(refund_id)).provider_refund_id
        assert made is not None
        await desk.reaches(refund_id, "Task_AwaitProvider", times=4)
        await desk.payments.settle_refund(made)
        await floor.travel(hours=6, seconds=1)
        await assert_paid_back_once(desk, refund_id, 2_000)

    async def test_after_five_days_somebody_is_asked_and_may_wait_on(self, floor: Floor) -> None:
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        await floor.misbehave("payments.refund", "pending", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        made = (await desk.stands(refund_id, Standing.SENT)).provider_refund_id
        assert made is not None
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await floor.travel(days=5, hours=1)
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (task.candidate_groups, task.priority) == (["lead", "finance"], 80)
        assert (await desk.complete(task, lead, {"handling": "give_up"})).status_code == 200
        await desk.reaches(refund_id, "Task_AwaitProvider", times=2)
        await desk.payments.settle_refund(made)
        await desk.send("refund_changed", refund_id=refund_id, state="succeeded")
        await assert_paid_back_once(desk, refund_id, 2_000)

    async def test_what_fails_at_the_bank_is_tried_again_under_another_reference(self, floor: Floor) -> None:
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        await floor.misbehave("payments.refund", "failed", desk.order_id, times=1)
        refund_id = await desk.ask("20.00", "damaged")
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (await desk.refund(refund_id)).failure == "declined"
        assert (await desk.complete(task, lead, {"handling": "retry"})).status_code == 200
        await assert_paid_back_once(desk, refund_id, 2_000)

    async def test_what_is_refused_may_be_paid_by_hand(self, floor: Floor) -> None:
        desk = await paid(floor)
        lead = await desk.somebody(Role.FINANCE)
        await floor.misbehave("payments.refund", "refused", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (await desk.complete(task, lead, {"handling": "done_by_hand"})).status_code == 200
        await desk.ends(refund_id)
        assert (await desk.paid_back(), await desk.booked()) == ([], [2_000])
        assert (await desk.refund(refund_id)).state == Standing.SETTLED
        assert (await desk.post("100.00")).status_code == 409, "what was paid by hand is not left"

    async def test_what_is_given_up_frees_its_amount(self, floor: Floor) -> None:
        desk = await paid(floor, "20.00")
        lead = await desk.somebody(Role.LEAD)
        await floor.misbehave("payments.refund", "refused", desk.order_id)
        refund_id = await desk.ask("20.00", "damaged")
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (await desk.post("20.00")).status_code == 409, "until somebody decides it stays reserved"
        assert (await desk.complete(task, lead, {"handling": "give_up"})).status_code == 200
        await desk.ends(refund_id, "Event_RefundFailed")
        assert (await desk.refund(refund_id)).state == Standing.FAILED
        assert (await desk.paid_back(), await desk.booked()) == ([], [])
        assert (await desk.post("20.00")).status_code == 202


class TestUnknown:
    async def test_a_refund_whose_answer_got_lost_is_found_and_not_made_again(self, floor: Floor) -> None:
        desk = await paid(floor)
        await floor.misbehave("payments.refund", "answer_lost", desk.order_id, times=1)
        refund_id = await desk.ask("20.00", "damaged")
        await desk.stands(refund_id, Standing.UNKNOWN)
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await floor.travel(minutes=1, seconds=1)
        await assert_paid_back_once(desk, refund_id, 2_000)
        assert len(await desk.told("refund_unknown")) == 1

    async def test_after_an_hour_without_any_answer_somebody_is_asked(self, floor: Floor) -> None:
        desk = await paid(floor)
        lead = await desk.somebody(Role.LEAD)
        await floor.misbehave("payments.refund", "answer_lost", desk.order_id, times=1)
        await floor.misbehave("payments.find_refund", "unavailable", desk.order_id, times=1)
        refund_id = await desk.ask("20.00", "damaged")
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await floor.travel(hours=1, seconds=1)
        task = await desk.task(refund_id, "Task_HandleFailedRefund")
        assert (await desk.refund(refund_id)).state == Standing.UNKNOWN
        assert (await desk.complete(task, lead, {"handling": "done_by_hand"})).status_code == 200
        await assert_paid_back_once(desk, refund_id, 2_000)
        assert len(await desk.told("refund_settled")) == 1, "the provider had it after all, and that counts"
        assert await desk.told("refund_closed") == []


CALLER = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    targetNamespace="http://bpmn.io/schema/bpmn">
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"/>
    <sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Call_Refund"/>
    <callActivity id="Call_Refund">
      <extensionElements>
        <zeebe:calledElement processId="refund" propagateAllChildVariables="false" />
      </extensionElements>
    </callActivity>
    <sequenceFlow id="Flow_2" sourceRef="Call_Refund" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""
