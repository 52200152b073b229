"""bpmn/resolution.bpmn on the real engine: every way a ticket is resolved, by all their books."""

import pytest
from sqlalchemy import select

from api.people import Role
from tests.engine.refund_desk import Desk, Person
from tests.engine.shop_floor import Floor
from tests.engine.ticket_desk import BROKEN, HARM, SUGGESTION, Customer, customer, disputed, stranger
from workers.casefile.finding_models import TicketLabel
from workers.casefile.refund_models import Standing
from workers.casefile.ticket_findings import Findings
from workers.contracts.triage import PROCESS, REPLIED, TicketReplied
from workers.ports.analysis import Intent

pytestmark = pytest.mark.engine
OURS = "process:resolution"


async def labels(floor: Floor, one: Customer) -> dict[str, tuple[str, str, str]]:
    """What was corrected: found, corrected, by whom."""
    mine = select(TicketLabel).where(TicketLabel.ticket_id == one.ticket_id)
    async with floor.app.database.sessions() as session:
        rows = await session.scalars(mine)
        return {row.label: (row.found, row.corrected, row.corrected_by) for row in rows}


async def approved(floor: Floor, one: Customer, decision: str = "approve", **more: str) -> None:
    """Somebody else says yes or no to the refund that is asked for, or lowers it."""
    desk = Desk(floor, one.order_id, 0)
    task = await one.task("Task_ApproveRefund")
    who = await desk.somebody(Role.LEAD)
    answers = {"decision": decision, "why": "Seen the photo", **more}
    assert (await desk.complete(task, who, answers)).status_code == 200


class TestByItself:
    async def test_a_small_damage_is_paid_back_and_said_so(self, floor: Floor) -> None:
        ada = await customer(floor, "15.00")
        await ada.writes(BROKEN)
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == [1_500]
        [reply] = await ada.replies()
        assert "15.00 EUR" in reply.body
        assert await ada.decisions() == [("auto_refund", OURS, "send")]

    async def test_however_often_it_is_told_it_is_paid_back_once(self, floor: Floor) -> None:
        ada = await customer(floor, "15.00")
        await ada.writes(BROKEN)
        await ada.reaches("Gateway_AwaitReply")
        await ada.writes("It is broken, I want my money back!")
        await ada.is_answered("no_answer")
        await ada.reaches("Gateway_AwaitReply", times=2)
        assert await ada.paid_back() == [1_500]

    async def test_what_cannot_be_paid_back_is_for_a_person(self, floor: Floor) -> None:
        ada = await customer(floor, "15.00")
        await disputed(ada)
        await ada.writes(BROKEN)
        await ada.takes("Flow_ToPerson")
        await ada.is_answered("send", reply="Your bank is paying you back.")
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == []
        assert [reply.body for reply in await ada.replies()] == ["Your bank is paying you back."]

    async def test_what_is_written_while_the_money_is_on_its_way_is_read_before_anything_is_answered(
        self, floor: Floor
    ) -> None:
        ada = await customer(floor, "15.00")
        desk = Desk(floor, ada.order_id, 1_500)
        refund_id = f"{ada.order_id}-ticket-damaged"
        await floor.misbehave("payments.refund", "pending", ada.order_id)
        await ada.writes(BROKEN)
        made = (await desk.stands(refund_id, Standing.SENT)).provider_refund_id
        assert made is not None
        await desk.reaches(refund_id, "Task_AwaitProvider")
        await ada.writes(HARM)
        await desk.payments.settle_refund(made)
        await desk.send("refund_changed", refund_id=refund_id, state="succeeded")
        await ada.task("Task_HandleEscalation")
        assert await ada.replies() == []
        assert await ada.paid_back() == [1_500]

    async def test_nothing_is_answered_automatically_where_somebody_may_get_hurt(self, floor: Floor) -> None:
        ada = await customer(floor, "15.00")
        await ada.writes(f"{BROKEN} {HARM}")
        await ada.task("Task_HandleEscalation")
        assert await ada.replies() == []
        assert await ada.paid_back() == []


class TestByAPerson:
    async def test_sees_why_and_a_draft_and_sends_their_own_words(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        ada = await bob.agent()
        task = await bob.is_answered("send", ada, reply="It takes an E27 bulb.")
        await bob.reaches("Gateway_AwaitReply")
        assert task.due_at is not None
        assert [reply.body for reply in await bob.replies()] == ["It takes an E27 bulb."]
        assert await bob.decisions() == [("ask_human", f"person:{ada['X-Name']}", "send")]
        assert await labels(floor, bob) == {}
        assert await bob.status() == "solved"

    async def test_what_they_correct_is_kept_as_labels(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        ada = await bob.agent()
        await bob.is_answered(
            "send", ada, label_intent="complaint", label_anger=40, label_safety=False, reply="We are sorry."
        )
        await bob.reaches("Gateway_AwaitReply")
        by = f"person:{ada['X-Name']}"
        assert await labels(floor, bob) == {
            "intent": ("product_info", "complaint", by),
            "anger": ("0", "40", by),
        }

    async def test_a_question_waits_for_the_customer(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        task = await bob.is_answered("ask_customer", reply="Which lamp do you mean?")
        await bob.reaches("Task_AwaitAnswer")
        assert await bob.status() == "pending"
        again = TicketReplied(ticket_id=bob.ticket_id, message_number=bob.number)
        await floor.handover.tell(PROCESS, REPLIED, again)
        await bob.takes("Flow_AnswerReadBefore")
        await bob.writes("The reading lamp, please.")
        await bob.takes("Flow_CustomerAnswered")
        await bob.is_answered("send", after=task.key)
        await bob.reaches("Gateway_AwaitReply")
        assert len(await bob.replies()) == 2

    async def test_a_question_that_is_not_answered_is_solved_after_a_week(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        await bob.is_answered("ask_customer", reply="Which lamp do you mean?")
        await bob.reaches("Task_AwaitAnswer")
        await floor.travel(days=7, minutes=1)
        await bob.takes("Flow_SevenDays")
        await bob.reaches("Gateway_AwaitReply")
        assert await bob.status() == "solved"

    async def test_pays_back_what_somebody_else_approves(self, floor: Floor) -> None:
        ada = await customer(floor, "30.00")
        await ada.writes(BROKEN)
        agent = await ada.agent(Role.LEAD)
        await ada.is_answered("refund", agent, amount=25.5, reply="We pay 25.50 back.")
        task = await ada.task("Task_ApproveRefund")
        answer = await floor.http.post(
            f"/tasks/{task.key}/complete",
            json={"variables": {"decision": "approve", "why": "Mine"}},
            headers=dict(agent),
        )
        assert answer.status_code == 403, "whoever decided on it does not approve it"
        await approved(floor, ada)
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == [2_550]
        assert [reply.body for reply in await ada.replies()] == ["We pay 25.50 back."]

    async def test_what_is_written_meanwhile_is_not_answered_by_it_nor_forgotten(self, floor: Floor) -> None:
        """Not even when a thank you takes the task away that somebody had to answer it."""
        ada = await customer(floor, "30.00")
        await ada.writes(BROKEN)
        task = await ada.is_answered("refund", amount=25.5, reply="We pay 25.50 back.")
        await ada.task("Task_ApproveRefund")
        await ada.writes(SUGGESTION)
        await approved(floor, ada)
        task = await ada.task(after=task.key)
        await ada.writes("Thanks!")
        await ada.task(after=task.key)
        found, _ = await Findings(floor.app.database).analysis(ada.ticket_id, ada.number)
        assert found.best.intent == Intent.PRODUCT_INFO
        assert [reply.body for reply in await ada.replies()] == ["We pay 25.50 back."]

    async def test_a_refund_that_is_refused_comes_back_to_a_person(self, floor: Floor) -> None:
        ada = await customer(floor, "30.00")
        await ada.writes(BROKEN)
        task = await ada.is_answered("refund", amount=25.5, reply="We pay 25.50 back.")
        await approved(floor, ada, "reject")
        await ada.takes("Flow_NotPaidBack")
        await ada.is_answered("send", after=task.key, reply="We cannot pay it back.")
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == []
        assert [reply.body for reply in await ada.replies()] == ["We cannot pay it back."]

    async def test_when_less_goes_back_than_they_decided_their_words_are_not_sent(self, floor: Floor) -> None:
        ada = await customer(floor, "30.00")
        await ada.writes(BROKEN)
        task = await ada.is_answered("refund", amount=25.5, reply="We pay 25.50 back.")
        await approved(floor, ada, "change", new_amount="12.50")
        await ada.takes("Flow_NotPaidBack")
        await ada.is_answered("send", after=task.key, reply="We pay 12.50 back.")
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == [1_250]
        assert [reply.body for reply in await ada.replies()] == ["We pay 12.50 back."]

    async def test_a_danger_that_they_see_is_escalated_whatever_they_chose(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        await bob.is_answered("send", label_safety=True)
        await bob.task("Task_HandleEscalation")
        assert await bob.replies() == []
        assert [decided for _, _, decided in await bob.decisions()] == ["escalate"]

    async def test_money_for_no_known_order_is_escalated(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes("I want my money back for the lamp.")
        await bob.is_answered("refund", amount=10)
        await bob.task("Task_HandleEscalation")
        assert await bob.replies() == []


class TestTheClock:
    async def test_reminds_the_team_and_then_tells_the_lead(self, floor: Floor) -> None:
        bob = stranger(floor)
        await bob.writes(SUGGESTION)
        await bob.task()
        await floor.travel(days=14)
        await bob.takes("Flow_AgentsReminded")
        await bob.takes("Flow_BreachReported")
        posts = await bob.posts()
        assert len(posts) == 2
        assert "little time" in " ".join(posts)
        assert "overdue" in " ".join(posts)
        assert "sla_breached" in [event["name"] for event in await bob.announced()]
        await bob.is_answered("send")
        await bob.reaches("Gateway_AwaitReply")


class TestEscalated:
    async def test_a_large_refund_is_decided_by_who_takes_it(self, floor: Floor) -> None:
        ada = await customer(floor, "80.00")
        await ada.writes(BROKEN)
        lead = await ada.agent(Role.LEAD)
        await handled(ada, lead, "refund", "We pay it back.", 80.0)
        await approved(floor, ada)
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.paid_back() == [8_000]
        assert await ada.decisions() == [("escalate", f"person:{lead['X-Name']}", "refund")]

    async def test_what_was_read_meanwhile_does_not_take_the_question_away(self, floor: Floor) -> None:
        ada = await customer(floor, "80.00")
        await ada.writes(BROKEN)
        await ada.task("Task_HandleEscalation")
        await ada.writes(HARM)
        await ada.reaches("Event_ReplyNoted")
        await handled(ada, await ada.agent(Role.LEAD), "refund", "We pay it back.", 80.0)
        await approved(floor, ada, "reject")
        await ada.takes("Flow_ReadBefore")
        await ada.is_answered("send", reply="We cannot pay it back.")
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.been_at("Event_WroteWhileOpen") == 0
        assert await labels(floor, ada) == {}, "they corrected nothing of what the form showed"
        assert [reply.body for reply in await ada.replies()] == ["We cannot pay it back."]

    async def test_an_answer_is_sent(self, floor: Floor) -> None:
        ada = await customer(floor)
        await ada.writes(HARM)
        lead = await ada.agent(Role.LEAD)
        await handled(ada, lead, "answer", "Please stop using it. We call you today.")
        await ada.reaches("Gateway_AwaitReply")
        assert [reply.body for reply in await ada.replies()] == ["Please stop using it. We call you today."]

    async def test_sometimes_no_answer_is_needed(self, floor: Floor) -> None:
        ada = await customer(floor)
        await ada.writes(HARM)
        await handled(ada, await ada.agent(Role.LEAD), "no_answer")
        await ada.reaches("Gateway_AwaitReply")
        assert await ada.replies() == []
        assert await ada.status() == "solved"


async def handled(
    one: Customer, who: Person, decision: str, reply: str | None = None, amount: float | None = None
) -> None:
    """Somebody completes *Handle escalation*."""
    task = await one.task("Task_HandleEscalation")
    answers = {"escalation_decision": decision, "escalation_reply": reply, "refund_amount": amount}
    answer = await one.floor.http.post(
        f"/tasks/{task.key}/complete", json={"variables": answers}, headers=dict(who)
    )
    assert answer.status_code == 200, answer.text
