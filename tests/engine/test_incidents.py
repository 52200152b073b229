"""What an operator does about a case that stands still, on the real engine: mend the cause, then try again."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from pyzeebe.proto.gateway_pb2 import SetVariablesRequest

from tests.engine.orders import an_order
from tests.engine.shop_floor import TOKEN, Floor
from workers.adapters.mock_behaviour import behave, misbehave

pytestmark = pytest.mark.engine

BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    targetNamespace="http://bpmn.io/schema/bpmn">
  <message id="Message_Asked" name="{id}"/>
  <process id="{id}" isExecutable="true">
    <startEvent id="Event_Asked"><messageEventDefinition messageRef="Message_Asked"/></startEvent>
    <sequenceFlow id="Flow_1" sourceRef="Event_Asked" targetRef="Gateway_Answer"/>
    <exclusiveGateway id="Gateway_Answer"/>
    <sequenceFlow id="Flow_2" sourceRef="Gateway_Answer" targetRef="Event_Answered">
      <conditionExpression xsi:type="tFormalExpression">=answer</conditionExpression>
    </sequenceFlow>
    <endEvent id="Event_Answered"/>
  </process>
</definitions>"""


async def retry(floor: Floor, key: int) -> httpx.Response:
    """Try again as an operator's program does."""
    return await floor.http.post(f"/incidents/{key}/retry", headers={"Authorization": f"Bearer {TOKEN}"})


async def state_of(floor: Floor, case_id: str) -> str:
    case = await floor.app.cases.get(case_id)
    assert case is not None
    return case.state


async def test_a_case_goes_on_once_the_cause_is_mended(floor: Floor) -> None:
    order = an_order()
    case_id = str(order["id"])
    unknown = await misbehave(floor.world, "shop.get_order", "not_found", case_id)
    await misbehave(floor.world, "ledger.book", "latency", case_id, value=1500)
    await floor.pay(order)
    incident = await floor.incident(case_id)
    assert incident.message == f"The shop has no order {case_id}."
    assert incident.job_key is not None
    assert await state_of(floor, case_id) == "incident"

    await behave(floor.world, unknown)
    assert (await retry(floor, incident.key)).status_code == 202
    await floor.until(case_id, "Task_BookCostOfGoods")
    assert await state_of(floor, case_id) == "open"
    assert (await retry(floor, incident.key)).status_code == 409
    assert await floor.ends(case_id) == "supplied"
    assert await state_of(floor, case_id) == "open"  # tracking goes on
    assert len(await floor.bought(case_id)) == len(await floor.booked(case_id)) == 1


async def test_tried_again_in_vain_there_is_a_new_incident(floor: Floor) -> None:
    order = an_order()
    case_id = str(order["id"])
    unknown = await misbehave(floor.world, "shop.get_order", "not_found", case_id)
    await floor.pay(order)
    first = await floor.incident(case_id)
    assert (await retry(floor, first.key)).status_code == 202
    second = await floor.incident(case_id, after=first.key)
    assert second.message == first.message

    await behave(floor.world, unknown)
    answers = await asyncio.gather(*(retry(floor, second.key) for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert await floor.ends(case_id) == "supplied"
    assert len(await floor.bought(case_id)) == 1


async def test_an_incident_without_a_job_is_mended_by_its_variable(floor: Floor) -> None:
    name = f"incident_{uuid4().hex}"
    engine = floor.app.engine
    await engine.deploy({f"{name}.bpmn": BPMN.format(id=name).encode()})
    await engine.publish_message(name, name, message_id=name, ttl=timedelta(hours=1), variables={})
    incident = await floor.incident(name)
    assert (incident.job_key, incident.element_id) == (None, "Gateway_Answer")

    instance = incident.process_instance_key
    await engine.gateway.SetVariables(
        SetVariablesRequest(elementInstanceKey=instance, variables='{"answer": true}')
    )
    assert (await retry(floor, incident.key)).status_code == 202
    await floor.until(name, "Event_Answered", "ELEMENT_COMPLETED")


async def test_what_is_gone_by_now_counts_as_resolved(floor: Floor) -> None:
    order = an_order()
    case_id = str(order["id"])
    await floor.misbehave("shop.get_order", "not_found", case_id)
    await floor.pay(order)
    incident = await floor.incident(case_id)
    await floor.app.engine.cancel_instance(incident.process_instance_key)
    await floor.app.engine.resolve_incident(incident.key, incident.job_key)
