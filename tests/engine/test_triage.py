"""bpmn/triage.bpmn on the real engine: a ticket's life until it is closed for good."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.engine.shop_floor import Floor
from tests.engine.ticket_desk import SUGGESTION, WHERE, customer, stranger
from workers.casefile.record_models import Instance
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.contracts.triage import PROCESS, REPLIED, TicketReplied

pytestmark = pytest.mark.engine


async def test_a_question_that_we_can_answer_is_answered_solved_and_closed(floor: Floor) -> None:
    ada = await customer(floor)
    await ada.writes(WHERE)
    await ada.reaches("Gateway_AwaitReply")
    [reply] = await ada.replies()
    assert ada.order is not None
    assert ada.order["name"] in reply.body
    assert await ada.status() == "solved"
    assert [event["name"] for event in await ada.announced()] == ["ticket_triaged", "ticket_solved"]
    [triaged, _] = await ada.announced()
    assert triaged == {
        "name": "ticket_triaged",
        "ticket_id": ada.ticket_id,
        "intent": "tracking",
        "sentiment": "calm",
        "priority": "high",
    }
    assert await ada.decisions() == [("auto_reply", "process:resolution", "send")]
    await floor.travel(days=14, minutes=1)
    assert await floor.ends(ada.case_id, "triage") == "ticket_closed"
    assert (await ada.ticket()).state == "closed"
    assert await ada.status() == "closed"


async def test_the_timeline_says_in_a_sentence_who_writes_and_about_what(floor: Floor) -> None:
    ada = await customer(floor, created_at=(await floor.world.now() - timedelta(days=3)).isoformat())
    await ada.writes(WHERE)
    await ada.reaches("Gateway_AwaitReply")
    [entry] = [each for each in await floor.app.cases.timeline(ada.case_id) if each.kind == "ticket_triaged"][:1]
    assert "Ada Example bought Reading lamp" in entry.sentence
    assert "not shipped yet; asks where it is; calm, " in entry.sentence


async def test_a_customer_who_replies_reopens_the_ticket(floor: Floor) -> None:
    ada = await customer(floor)
    await ada.writes(WHERE)
    await ada.reaches("Gateway_AwaitReply")
    first = ada.ticket_id
    await ada.writes(SUGGESTION)
    assert ada.ticket_id == first, "never a second ticket"
    await ada.takes("Flow_Reopened")
    await ada.takes("Flow_ReadBefore")
    await ada.task()
    assert (await ada.ticket()).state == "open"
    assert await ada.status() == "open"
    await ada.is_answered("no_answer")
    await ada.reaches("Gateway_AwaitReply", times=2)
    assert (await ada.ticket()).state == "solved"
    assert len(await ada.replies()) == 1


async def test_more_while_somebody_answers_is_looked_at_anew(floor: Floor) -> None:
    bob = stranger(floor)
    await bob.writes(SUGGESTION)
    task = await bob.task()
    await bob.writes("I forgot to say: it is for my desk.")
    await bob.takes("Flow_WroteAgain")
    assert (await bob.task(after=task.key)).key != task.key
    assert await bob.been_at("Task_AnalyseMessages") == 2
    await bob.is_answered("send", after=task.key)
    await bob.reaches("Gateway_AwaitReply")
    assert len(await bob.replies()) == 1


async def test_a_message_that_was_read_before_reopens_nothing(floor: Floor) -> None:
    ada = await customer(floor)
    await ada.writes(WHERE)
    await ada.reaches("Gateway_AwaitReply")
    await floor.handover.tell(PROCESS, REPLIED, TicketReplied(ticket_id=ada.ticket_id, message_number=ada.number))
    await ada.takes("Flow_ReadBefore")
    await ada.reaches("Gateway_AwaitReply", times=2)
    assert (await ada.ticket()).state == "solved"
    assert await ada.been_at("Task_ReopenTicket") == 0


async def test_a_ticket_whose_instance_is_cancelled_is_closed_and_the_next_message_is_read(floor: Floor) -> None:
    bob = stranger(floor)
    await bob.writes(SUGGESTION)
    await bob.task()
    mine = select(Instance.key).where(Instance.correlation_key == bob.ticket_id)
    async with floor.app.database.sessions() as session:
        await floor.app.engine.cancel_instance(await session.scalar(mine) or 0)
    await bob.reaches("triage", "ELEMENT_TERMINATED")
    first = bob.ticket_id
    assert (await bob.ticket()).state == "closed"
    await bob.writes("Hello?")
    assert bob.ticket_id == f"{first}-f1"
    await bob.task()


async def test_a_ticket_is_not_closed_over_a_message_that_nobody_has_read(floor: Floor) -> None:
    """It may have expired in the engine; should it come after all, it was read before."""
    ada = await customer(floor)
    await ada.writes(WHERE)
    await ada.reaches("Gateway_AwaitReply")
    written = Written(ada.ticket_id, uuid4().hex, Channel.API, ada.email, "", "", SUGGESTION)
    taken = await Tickets(floor.app.database).take(written)
    await floor.travel(days=14, minutes=1)
    await ada.takes("Flow_WroteMeanwhile")
    await ada.takes("Flow_Reopened")
    await ada.is_answered("no_answer")
    await ada.reaches("Task_SetSolved", "ELEMENT_COMPLETED", times=2)
    told = TicketReplied(ticket_id=ada.ticket_id, message_number=taken.number)
    await floor.handover.tell(PROCESS, REPLIED, told)
    await ada.takes("Flow_ReadBefore")
    await ada.reaches("Gateway_AwaitReply", times=3)
    await floor.travel(days=14, minutes=1)
    assert await floor.ends(ada.case_id, "triage") == "ticket_closed"
    assert await ada.been_at("Task_ReopenTicket") == 1
