"""Plain pyzeebe 4.7.0 with its defaults and twelve task types, beside ours on the same broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from pyzeebe import ZeebeWorker, create_insecure_channel
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest

from workers.runtime.engine import Engine

TYPES = 12
BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    targetNamespace="http://bpmn.io/schema/bpmn">
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"/>
    <sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Task"/>
    <serviceTask id="Task">
      <extensionElements><zeebe:taskDefinition type="{id}.task_0"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_2" sourceRef="Task" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""


class PlainWorker:
    """A ZeebeWorker as its documentation shows it, and how many jobs it did."""

    def __init__(self, engine: Engine, grpc_address: str) -> None:
        self.id = f"plain_{uuid4().hex}"
        self.done = 0
        self._engine = engine
        self.worker = ZeebeWorker(create_insecure_channel(grpc_address=grpc_address))
        for number in range(TYPES):
            register = self.worker.task(task_type=f"{self.id}.task_{number}")
            register(self.count)  # type: ignore[arg-type]  # the decorator's type fits no function

    async def deploy(self) -> None:
        await self._engine.deploy({f"{self.id}.bpmn": BPMN.format(id=self.id).encode()})

    async def give_work(self) -> None:
        """Start one instance, whose one job is for this worker."""
        request = CreateProcessInstanceRequest(bpmnProcessId=self.id, version=-1)
        await self._engine.gateway.CreateProcessInstance(request, timeout=30)

    async def did(self, jobs: int, seconds: float) -> bool:
        """Whether it has done so many jobs within this time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.done < jobs:  # noqa: ASYNC110  # what is waited for happens in the engine
                    await asyncio.sleep(0.1)
        return self.done >= jobs

    async def count(self) -> None:
        """The handler of every type."""
        self.done += 1


@asynccontextmanager
async def plain_worker(engine: Engine, grpc_address: str) -> AsyncIterator[PlainWorker]:
    """One that works until the block ends, as far as it does."""
    plain = PlainWorker(engine, grpc_address)
    await plain.deploy()
    working = asyncio.create_task(plain.worker.work())
    try:
        yield plain
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await working
        await plain.worker.zeebe_adapter._channel.close()
