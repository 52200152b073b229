"""A small process, the client that starts it, and a worker host for it: what tests of the host share."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

import grpc
import orjson
from pyzeebe.proto.gateway_pb2 import CreateProcessInstanceRequest

from workers.runtime.engine import Engine
from workers.runtime.gateway import GrpcJobGateway, Subscription
from workers.runtime.host import Host
from workers.runtime.jobs import Job

Answer = TypeVar("Answer")

BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    targetNamespace="http://bpmn.io/schema/bpmn">
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"/>
    <sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Task_First"/>
    <serviceTask id="Task_First">
      <extensionElements><zeebe:taskDefinition type="{id}.first" retries="3"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_2" sourceRef="Task_First" targetRef="Task_Second"/>
    <serviceTask id="Task_Second">
      <extensionElements><zeebe:taskDefinition type="{id}.second" retries="3"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="Flow_3" sourceRef="Task_Second" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""


@dataclass(frozen=True)
class Price:
    price: int


class Small:
    """A process of two tasks under an id of its own, and who did what."""

    def __init__(self, client: Engine) -> None:
        self.id = f"host_{uuid4().hex}"
        self.client = client
        self.first, self.second = Counter[str](), Counter[str]()

    async def deploy(self) -> None:
        await self.client.deploy({f"{self.id}.bpmn": BPMN.format(id=self.id).encode()})

    async def start(self, orders: range) -> None:
        limited = asyncio.Semaphore(12)

        async def one(order: int) -> None:
            variables = orjson.dumps({"shopify_order_id": str(order), "total": order}).decode()
            request = CreateProcessInstanceRequest(bpmnProcessId=self.id, version=-1, variables=variables)
            async with limited:
                await patiently(lambda: self.client.gateway.CreateProcessInstance(request, timeout=60))

        await asyncio.gather(*(one(order) for order in orders))

    async def do_first(self, shopify_order_id: str, total: int) -> Price:
        self.first[shopify_order_id] += 1
        return Price(total * 2)

    async def do_second(self, shopify_order_id: str, price: int) -> None:
        assert price == int(shopify_order_id) * 2
        self.second[shopify_order_id] += 1

    def jobs(self) -> list[Job]:
        return [Job(f"{self.id}.first", self.do_first), Job(f"{self.id}.second", self.do_second)]

    async def all_done(self, number: int, seconds: float = 60) -> None:
        await until(lambda: len(self.second) == number, seconds)


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call again only when the engine, being too busy, surely did nothing: creating twice makes two instances."""
    while True:
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            await asyncio.sleep(0.1)


async def until(condition: Callable[[], object], seconds: float = 40) -> None:
    """Shorter than a job is lent for (60 s): what was given back is seen to come at once."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in the engine
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(client: Engine, jobs: list[Job]) -> AsyncIterator[Host]:
    host, stop = Host(jobs, GrpcJobGateway(client.channel)), asyncio.Event()
    task = asyncio.create_task(host.run(stop))
    try:
        yield host
    finally:
        stop.set()
        await task


async def waiting(client: Engine, job_type: str) -> int:
    """How many jobs of this type lie there."""
    wanted = Subscription(job_type, "test", 1_000, ("shopify_order_id",))
    return len(await GrpcJobGateway(client.channel).poll(wanted, most=100, wait_ms=-1))
