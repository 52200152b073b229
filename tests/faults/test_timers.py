"""Timers that became due while the broker was away fire once each."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
import pytest
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest
from sqlalchemy import select

from tests.engine.shop_floor import Floor
from tests.engine.small import patiently
from tests.faults.own_broker import OwnBroker
from tests.faults.traffic import only_warnings
from workers.casefile.record_models import Record
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Job

pytestmark = [pytest.mark.engine, pytest.mark.timeout(420)]

BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="http://bpmn.io/schema/bpmn">
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"/>
    <sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Timer"/>
    <intermediateCatchEvent id="Timer">
      <timerEventDefinition><timeDate xsi:type="tFormalExpression">=due</timeDate></timerEventDefinition>
    </intermediateCatchEvent>
    <sequenceFlow id="Flow_2" sourceRef="Timer" targetRef="Task"/>
    <serviceTask id="Task">
      <extensionElements><zeebe:taskDefinition type="{id}.task"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_3" sourceRef="Task" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""


class Waiting:
    """Instances that wait for a timer, and then have one job each."""

    def __init__(self, floor: Floor) -> None:
        self.id = f"timers_{uuid4().hex}"
        self.done = Counter[int]()
        self._floor = floor

    async def start(self, number: int, due: datetime) -> None:
        """Start so many, and wait until the engine says that each waits for its timer."""
        await self._floor.app.engine.deploy({"timers.bpmn": BPMN.format(id=self.id).encode()})
        gateway, limited = self._floor.app.engine.gateway, asyncio.Semaphore(16)

        async def one(each: int) -> None:
            variables = orjson.dumps({"number": each, "due": due.isoformat()}).decode()
            request = CreateProcessInstanceRequest(bpmnProcessId=self.id, version=-1, variables=variables)
            async with limited:
                await patiently(lambda: gateway.CreateProcessInstance(request, timeout=60))

        await asyncio.gather(*(one(each) for each in range(number)))
        async with asyncio.timeout(120):
            while (await self.timers("ELEMENT_ACTIVATED")).total() < number:  # noqa: ASYNC110  # in the engine
                await asyncio.sleep(0.2)

    async def timers(self, intent: str) -> Counter[int]:
        """Instance → how often the engine said this of its timer."""
        query = select(Record.process_instance_key).where(
            Record.process == self.id, Record.element_id == "Timer", Record.intent == intent
        )
        async with self._floor.app.database.sessions() as session:
            return Counter(await session.scalars(query))

    async def after_the_timer(self, number: int) -> None:
        """The one job."""
        self.done[number] += 1

    async def all_done(self, number: int, seconds: float) -> None:
        """Wait for so many instances' jobs, and until the engine has told of their timers."""
        async with asyncio.timeout(seconds):
            while not await self._at_rest(number):  # noqa: ASYNC110  # what is waited for happens in the engine
                await asyncio.sleep(0.2)

    async def _at_rest(self, number: int) -> bool:
        return len(self.done) >= number and (await self.timers("ELEMENT_COMPLETED")).total() >= number


async def test_timers_due_during_an_outage_fire_once_each(floor: Floor, broker: OwnBroker, full: bool) -> None:
    number, waiting, stop = 10_000 if full else 300, Waiting(floor), asyncio.Event()
    due = datetime.now(UTC) + timedelta(seconds=150 if full else 20)
    with only_warnings():
        await waiting.start(number, due)
        left = (due - datetime.now(UTC)).total_seconds()
        assert left > 1, "too slow a machine: give it more time"
        await broker.kill()
        await asyncio.sleep(left + 1)
        await broker.start()
        began = time.monotonic()
        job = Job(f"{waiting.id}.task", waiting.after_the_timer)
        working = asyncio.create_task(Host([job], GrpcJobGateway(floor.app.engine.channel)).run(stop))
        await waiting.all_done(number, seconds=200)
        took = time.monotonic() - began
        await asyncio.sleep(1)
        stop.set()
        await working
    print(f"\n{number} timers due during an outage: all done {took:.0f} s after the broker was ready")  # noqa: T201
    assert set((await waiting.timers("ELEMENT_COMPLETED")).values()) == {1}
    assert waiting.done == Counter(range(number))
