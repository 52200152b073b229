"""bpmn/escalation.bpmn on the real engine: every way an escalation can go, judged by who was called."""

import pytest

from api.people import Role
from tests.engine.escalated import Ticket, deploy_caller, escalate
from tests.engine.refund_desk import paid
from tests.engine.shop_floor import Floor
from tests.engine.test_people import browser
from tests.engine.ticket_desk import BROKEN, customer
from workers.casefile.models import Task
from workers.runtime.native.stack import Stack

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def caller(engine: Stack, floor: Floor) -> None:
    """What calls escalation in these tests."""
    deploy_caller(engine.grpc_address)


async def waits(ticket: Ticket, times: int) -> None:
    """So many rounds were alerted."""
    await ticket.floor.until(ticket.case_id, "Event_TimeToClaimOver", times=times)


async def took(ticket: Ticket, flow: str, times: int = 1) -> None:
    await ticket.floor.until(ticket.case_id, flow, "SEQUENCE_FLOW_TAKEN", times)


async def claimed(floor: Floor) -> tuple[Ticket, Task, str]:
    """An escalation that an agent took at once, 17 minutes old: the chain is over. The task, and whose it is."""
    ticket = await escalate(floor)
    await waits(ticket, 1)
    agent = await browser(floor, Role.AGENT)
    task = await ticket.task()
    answer = await floor.http.post(f"/tasks/{task.key}/claim", json={}, headers=dict(agent))
    assert answer.is_success, answer.text
    await floor.travel(minutes=6)
    await waits(ticket, 2)
    await floor.travel(minutes=11)
    await took(ticket, "Flow_Claimed")
    return ticket, task, agent["X-Name"]


class TestHandling:
    async def test_an_answer_goes_back_to_who_called_and_nobody_is_woken_any_more(self, floor: Floor) -> None:
        ticket = await escalate(floor)
        lead = await browser(floor, Role.LEAD)
        await waits(ticket, 1)
        task = await ticket.task()
        assert (task.candidate_groups, task.priority) == (["support", "lead"], 100)
        answer = {"variables": {"escalation_decision": "answer", "escalation_reply": "Please stop using it."}}
        done = await floor.http.post(f"/tasks/{task.key}/complete", json=answer, headers=dict(lead))
        assert done.status_code == 200, done.text
        name = lead["X-Name"]
        assert await ticket.got() == [
            "answer",
            "Please stop using it.",
            "null",
            f"person:{name}",
            str(ticket.number),
        ]
        row = await ticket.row()
        assert (row.handled_by, row.round) == (name, 1)
        await floor.travel(hours=1)
        assert await ticket.alerts() == ["on-call"]
        assert await ticket.events() == ["ticket_escalated"]

    async def test_a_refund_names_the_amount_in_minor_units_and_needs_an_order(self, floor: Floor) -> None:
        desk = await paid(floor)
        ticket = await escalate(floor, desk.order_id, safety=False, priority="high")
        answer = {"escalation_decision": "refund", "escalation_reply": "Here it is.", "refund_amount": 60.5}
        await floor.complete(await ticket.task(), answer)
        decision, _, amount, by, _ = await ticket.got()
        assert (decision, amount, by) == ("refund", "6050", "process:escalation")

    async def test_nothing_is_answered(self, floor: Floor) -> None:
        ticket = await escalate(floor)
        await floor.complete(await ticket.task(), {"escalation_decision": "no_answer"})
        assert (await ticket.got())[:3] == ["no_answer", "-", "null"]

    @pytest.mark.parametrize(
        "incomplete",
        [
            {"escalation_decision": "answer"},
            {"escalation_decision": "refund", "escalation_reply": "Here it is."},
            {"escalation_decision": "refund", "escalation_reply": "Of which order?", "refund_amount": 3},
        ],
        ids=["no reply", "no amount", "no order"],
    )
    async def test_an_answer_that_is_not_complete_is_asked_for_again(
        self, floor: Floor, incomplete: dict[str, object]
    ) -> None:
        ticket = await escalate(floor)
        await floor.complete(await ticket.task(), incomplete)
        await took(ticket, "Flow_AnswerIncomplete")
        await floor.complete(await ticket.task(), {"escalation_decision": "no_answer"})
        assert (await ticket.got())[0] == "no_answer"


class TestTheChain:
    async def test_who_does_not_take_it_is_followed_by_others_five_times_at_most(self, floor: Floor) -> None:
        ticket = await escalate(floor)
        for number in range(1, 6):
            await waits(ticket, number)
            await floor.travel(minutes=31)
        await took(ticket, "Flow_NobodyLeft")
        assert await ticket.alerts() == ["on-call", "lead", "owner", "everyone", "everyone"]
        assert len(await ticket.posts()) == 5
        assert (await ticket.row()).round == 5
        await ticket.task()

    async def test_a_claim_stops_it_after_the_lead_has_heard_of_the_danger(self, floor: Floor) -> None:
        ticket, _, name = await claimed(floor)
        assert await ticket.alerts() == ["on-call", "lead"]
        assert (await ticket.row()).claimed_by == name


class TestForgotten:
    async def test_who_has_it_and_does_nothing_is_named_to_a_lead(self, floor: Floor) -> None:
        ticket, task, name = await claimed(floor)
        await floor.travel(minutes=45)
        await floor.until(ticket.case_id, "Flow_HandlerReminded", "SEQUENCE_FLOW_TAKEN")
        assert await ticket.alerts() == ["on-call", "lead", "lead"]
        assert name in (await ticket.messages())[-1]
        await floor.travel(hours=1)
        await floor.until(ticket.case_id, "Flow_HandlerReminded", "SEQUENCE_FLOW_TAKEN", times=2)
        assert len(await ticket.alerts()) == 4
        assert (await ticket.task()).key == task.key


class TestReplies:
    async def test_the_customer_writes_again_and_whoever_is_on_call_hears_of_it_once(self, floor: Floor) -> None:
        ticket = await escalate(floor)
        task = await ticket.task()
        await ticket.is_told(ticket.number, "late")
        await took(ticket, "Flow_MessageKnown")
        number = await ticket.writes_again("The lamp exploded, and there is smoke everywhere.")
        await took(ticket, "Flow_NoReplyHazard")
        read = await ticket.read(number)
        assert read is not None
        assert read.safety
        assert (await ticket.task()).key == task.key
        assert [m for m in await ticket.messages() if "wrote again" in m] == [
            "The customer wrote again: John bought a Neck Massager 3 days ago; angry, 85/100"
        ]
        await floor.complete(await ticket.task(), {"escalation_decision": "no_answer"})
        assert (await ticket.got())[-1] == str(number)

    async def test_a_danger_that_is_told_later_wakes_a_lead_and_is_one_for_the_rounds_that_follow(
        self, floor: Floor
    ) -> None:
        ticket = await escalate(floor, safety=False, priority="low", text="I want my money back.")
        await waits(ticket, 1)
        await ticket.writes_again("It gave my child an electric shock!")
        await took(ticket, "Flow_NoReplyHazard")
        assert await ticket.alerts() == ["on-call", "lead"]
        context = "John bought a Neck Massager 3 days ago; angry, 85/100"
        said = f"The customer wrote again, and somebody may get hurt: {context}"
        assert await ticket.messages() == [said, said]
        await ticket.writes_again("Are you there?")
        await took(ticket, "Flow_ReplyNoted", times=2)
        assert (await ticket.messages())[-1] == f"The customer wrote again: {context}"
        await floor.travel(hours=8, minutes=1)
        await waits(ticket, 2)
        assert (await ticket.alerts())[-1] == "lead", "the second round of a danger; else it were who is on call"

    async def test_two_messages_at_once_are_each_read_by_themselves(self, floor: Floor) -> None:
        ticket = await escalate(floor, safety=False, text="I want my money back.")
        number = await ticket.writes_again("It gave my child an electric shock!")
        await ticket.is_told(ticket.number, "late")
        await took(ticket, "Flow_MessageKnown")
        await took(ticket, "Flow_NoReplyHazard")
        assert await ticket.read(number) is not None
        await floor.complete(await ticket.task(), {"escalation_decision": "no_answer"})
        assert (await ticket.got())[-1] == str(number)


class TestHazardsOfReplies:
    async def test_the_hazard_that_a_message_tells_of_is_reported_with_the_order_of_the_product(
        self, floor: Floor
    ) -> None:
        ada = await customer(floor, "80.00")
        await ada.writes(BROKEN)
        await ada.task("Task_HandleEscalation")
        await ada.writes("It gave my child an electric shock!")
        await ada.takes("Flow_ReplyHazardReported")
        [reported] = [
            each for each in await floor.app.cases.timeline(ada.case_id) if each.kind == "hazard_reported"
        ]
        assert ada.order is not None
        assert reported.facts["product"] == ada.order["line_items"][0]["sku"]
        assert reported.facts["hazard"] == "shock"
        await floor.until(str(reported.facts["hazard_case"]), "Task_AwaitReport")


class TestHostileWords:
    async def test_what_stands_in_the_context_calls_nobody_and_leads_nowhere(self, floor: Floor) -> None:
        context = "<!channel> @here see https://evil.example.com\r\nand <@U123> & **more**"
        ticket = await escalate(floor, context=context, hazard="burn", product="<!everyone> & Söhne\u202e")
        await waits(ticket, 1)
        [post], [message] = await ticket.posts(), await ticket.messages()
        assert "<!" not in post
        assert "<@" not in post
        assert "@here" not in post
        assert "://evil" not in post
        assert "\n" not in message
        await took(ticket, "Flow_HazardReported")
        assert [e.case_id for e in await floor.app.cases.timeline(ticket.id) if e.kind == "hazard_reported"]
