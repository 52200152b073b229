"""One case, several processes: what the real engine tells of an order known late, and of a process called."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.engine.shop_floor import Floor
from tests.engine.small import serving
from workers.casefile.models import TimelineEntry
from workers.casefile.record_models import Instance
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

XML = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    targetNamespace="http://bpmn.io/schema/bpmn">"""
DISPUTE = """
  <message id="Message_Opened" name="{id}"/>
  <process id="{id}" name="Dispute" isExecutable="true">
    <startEvent id="Event_Opened"><messageEventDefinition messageRef="Message_Opened"/></startEvent>
    <sequenceFlow id="Flow_1" sourceRef="Event_Opened" targetRef="Task_FindOrder"/>
    <serviceTask id="Task_FindOrder">
      <extensionElements><zeebe:taskDefinition type="{id}.find_order" retries="3"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_2" sourceRef="Task_FindOrder" targetRef="Call_GiveBack"/>
    <callActivity id="Call_GiveBack">
      <extensionElements>
        <zeebe:calledElement processId="{id}_back" propagateAllChildVariables="false"/>
      </extensionElements>
    </callActivity>
    <sequenceFlow id="Flow_3" sourceRef="Call_GiveBack" targetRef="Event_Closed"/>
    <endEvent id="Event_Closed"/>
  </process>
</definitions>"""
BACK = """
  <process id="{id}_back" name="Give back" isExecutable="true">
    <startEvent id="Event_Called"/>
    <sequenceFlow id="Flow_1" sourceRef="Event_Called" targetRef="Task_GiveBack"/>
    <serviceTask id="Task_GiveBack">
      <extensionElements><zeebe:taskDefinition type="{id}.give_back" retries="3"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_2" sourceRef="Task_GiveBack" targetRef="Event_GivenBack"/>
    <endEvent id="Event_GivenBack"/>
  </process>
</definitions>"""


@dataclass(frozen=True)
class Found:
    shopify_order_id: str


async def sentences(floor: Floor, case_id: str) -> list[str]:
    query = select(TimelineEntry.sentence).where(TimelineEntry.case_id == case_id).order_by(TimelineEntry.id)
    async with floor.app.database.sessions() as session:
        return list(await session.scalars(query))


async def test_what_a_dispute_calls_belongs_to_the_order_that_it_was_matched_with(floor: Floor) -> None:
    name, order, may_go_on = f"dispute_{uuid4().hex}", f"order-{uuid4().hex}", asyncio.Event()
    engine = floor.app.engine
    files = {f"{name}.bpmn": XML + DISPUTE.format(id=name), f"{name}_back.bpmn": XML + BACK.format(id=name)}
    await engine.deploy({path: text.encode() for path, text in files.items()})

    async def find_order() -> Found:
        return Found(order)

    async def give_back(shopify_order_id: str) -> None:
        assert shopify_order_id == order
        await may_go_on.wait()

    jobs = [Job(f"{name}.find_order", find_order), Job(f"{name}.give_back", give_back)]
    async with serving(engine, jobs):
        await engine.publish_message(name, f"dp-{name}", message_id=name, ttl=timedelta(hours=1), variables={})
        await floor.until(order, "Task_GiveBack")
        case, left = await floor.app.cases.get(order), await floor.app.cases.get(f"dp-{name}")
        may_go_on.set()
        await floor.until(order, "Event_Closed", "ELEMENT_COMPLETED")
    assert case is not None
    assert (case.state, case.process) == ("open", name)
    assert left is not None
    assert (left.state, left.outcome) == ("done", "matched")
    assert await sentences(floor, f"dp-{name}") == [
        f"Message {name} received: “Event_Opened”",
        f"Belongs to order {order}: it goes on there",
    ]
    assert await sentences(floor, order) == [
        f"“Dispute” belongs to this order; it began as dp-{name}",
        "“Give back” begins",
    ]
    async with floor.app.database.sessions() as session:
        [root] = await session.scalars(select(Instance).where(Instance.case_id == order, Instance.process == name))
        [called] = await session.scalars(select(Instance).where(Instance.parent_key == root.key))
    assert (called.root_key, called.process, called.case_id) == (root.key, f"{name}_back", order)
