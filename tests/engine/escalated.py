"""Tickets that are escalated on the real engine, by a process of the tests' own that calls escalation."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from pyzeebe.proto.gateway_pb2 import DeployResourceRequest, Resource
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub
from sqlalchemy import select

from tests.engine.shop_floor import Floor
from tests.engine.ticket_desk import HARM
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_support_books import AlertRow, PostRow
from workers.casefile.escalation_models import Escalation
from workers.casefile.finding_models import TicketAnalysis
from workers.casefile.models import Task
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written

CALLER = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="Definitions_Caller" targetNamespace="http://test">
 <bpmn:process id="test_caller" isExecutable="true">
  <bpmn:startEvent id="Event_Asked"><bpmn:outgoing>Flow_1</bpmn:outgoing>
   <bpmn:messageEventDefinition id="Def_Asked" messageRef="Msg_Asked"/></bpmn:startEvent>
  <bpmn:callActivity id="Call_Escalation"><bpmn:extensionElements>
   <zeebe:calledElement processId="escalation" propagateAllChildVariables="true"/></bpmn:extensionElements>
   <bpmn:incoming>Flow_1</bpmn:incoming><bpmn:outgoing>Flow_2</bpmn:outgoing></bpmn:callActivity>
  <bpmn:userTask id="Task_Got"><bpmn:extensionElements><zeebe:userTask/>
   <zeebe:assignmentDefinition candidateGroups="=[escalation_decision,
    if escalation_reply = null then &quot;-&quot; else escalation_reply,
    if escalation_amount = null then &quot;null&quot; else string(escalation_amount),
    escalation_by, string(message_number)]"/>
   </bpmn:extensionElements><bpmn:incoming>Flow_2</bpmn:incoming></bpmn:userTask>
  <bpmn:sequenceFlow id="Flow_1" sourceRef="Event_Asked" targetRef="Call_Escalation"/>
  <bpmn:sequenceFlow id="Flow_2" sourceRef="Call_Escalation" targetRef="Task_Got"/>
 </bpmn:process>
 <bpmn:message id="Msg_Asked" name="test_escalation_asked"/>
</bpmn:definitions>"""
"""Its user task tells what escalation gave back, by its groups: the records show nothing else of variables."""
_numbers = itertools.count(int(time.time() * 1000))


def deploy_caller(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        resources = [Resource(name="test_caller.bpmn", content=CALLER)]
        GatewayStub(channel).DeployResource(DeployResourceRequest(resources=resources), timeout=60)


@dataclass(frozen=True)
class Ticket:
    """A ticket of a customer's; its case is called like its order, when that is known."""

    floor: Floor
    id: str
    case_id: str
    number: int
    """Of the message that it was escalated for."""

    async def writes_again(self, text: str) -> int:
        """The customer writes more, and the engine is told; gives the message's number."""
        number = await _write(self.floor, self.id, text)
        await self.is_told(number, "new")
        return number

    async def is_told(self, number: int, how: str) -> None:
        """The engine hears of a message."""
        variables = {"ticket_id": self.id, "message_number": number}
        await publish(self.floor, "ticket_replied", self.id, f"{self.id}-{number}-{how}", variables)

    async def read(self, number: int) -> TicketAnalysis | None:
        """What was found in what the customer had written up to this message."""
        async with self.floor.app.database.sessions() as session:
            return await session.get(TicketAnalysis, (self.id, number))

    async def alerts(self) -> Sequence[str]:
        """Who was called so far, by the service's own books."""
        rows = await self.floor.world.rows(
            select(AlertRow).where(AlertRow.key.contains(f"{self.id}:")).order_by(AlertRow.number)
        )
        return [row.to for row in rows]

    async def messages(self) -> Sequence[str]:
        """What they read on their phones."""
        rows = await self.floor.world.rows(
            select(AlertRow).where(AlertRow.key.contains(f"{self.id}:")).order_by(AlertRow.number)
        )
        return [row.message for row in rows]

    async def posts(self) -> Sequence[str]:
        """What the team's chat reads."""
        rows = await self.floor.world.rows(
            select(PostRow).where(PostRow.key.contains(f"{self.id}:")).order_by(PostRow.number)
        )
        return [row.text for row in rows]

    async def events(self) -> list[str]:
        """What other systems heard of the ticket."""
        query = select(EventRow).where(EventRow.payload["ticket_id"].astext == self.id)
        return [row.name for row in await self.floor.world.rows(query.order_by(EventRow.number))]

    async def task(self, element: str = "Task_HandleEscalation") -> Task:
        return await self.floor.task(self.case_id, element)

    async def got(self) -> list[str]:
        """What escalation gave back: decision, reply, amount, who, and the latest message."""
        return list((await self.task("Task_Got")).candidate_groups)

    async def row(self) -> Escalation:
        """It in our books."""
        async with self.floor.app.database.sessions() as session:
            return (await session.scalars(select(Escalation).where(Escalation.ticket_id == self.id))).one()


async def escalate(floor: Floor, case_id: str | None = None, text: str = HARM, **facts: Any) -> Ticket:
    """Escalate a new ticket: dangerous, and of nobody's order, unless it is said otherwise."""
    ticket_id = f"chat-{next(_numbers)}"
    number = await _write(floor, ticket_id, text)
    told: Mapping[str, Any] = {
        "ticket_id": ticket_id,
        "message_number": number,
        "why": "Somebody may be harmed",
        "priority": "urgent",
        "safety": True,
        "hazard": None,
        "product": None,
        "context": "John bought a Neck Massager 3 days ago; angry, 85/100",
        "shopify_order_id": case_id,
        **facts,
    }
    await publish(floor, "test_escalation_asked", ticket_id, ticket_id, told)
    return Ticket(floor, ticket_id, case_id or ticket_id, number)


async def _write(floor: Floor, ticket_id: str, text: str) -> int:
    message_id = f"{ticket_id}-{next(_numbers)}"
    written = Written(ticket_id, message_id, Channel.CHAT, "john@example.com", "John Example", "", text)
    return (await Tickets(floor.app.database).take(written)).number


async def publish(floor: Floor, name: str, key: str, message_id: str, variables: Mapping[str, Any]) -> None:
    await floor.app.engine.publish_message(
        name,
        key,
        message_id=message_id,
        ttl=timedelta(hours=1),
        variables=variables,
        within=timedelta(seconds=20),
        insisting=True,
    )
