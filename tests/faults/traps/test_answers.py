"""Answers that the gateway does not take, or whose receipt gets lost."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from enum import StrEnum

import grpc
import pytest
from pyzeebe import ZeebeClient, create_insecure_channel
from pyzeebe.errors import BusinessError, ZeebeBackPressureError
from structlog.testing import capture_logs

from tests.containers import Containers
from tests.engine.small import Small, until
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.engine import Engine
from workers.runtime.errors import BusinessOutcome, NeedsHuman
from workers.runtime.jobs import Job
from workers.runtime.native.stack import Stack

pytestmark = pytest.mark.engine

SOON = timedelta(seconds=2)
METHODS = ("CompleteJob", "FailJob", "ThrowError")
PASSING = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)

CAUGHT = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
    targetNamespace="http://bpmn.io/schema/bpmn">
  <error id="Error_1" errorCode="SOLD_OUT"/>
  <message id="Message_1" name="{id}"/>
  <process id="{id}" isExecutable="true">
    <startEvent id="Start"><messageEventDefinition messageRef="Message_1"/></startEvent>
    <sequenceFlow id="Flow_1" sourceRef="Start" targetRef="Task_First"/>
    <serviceTask id="Task_First">
      <extensionElements><zeebe:taskDefinition type="{id}.first" retries="3"/></extensionElements>
    </serviceTask>
    <boundaryEvent id="Caught" attachedToRef="Task_First">
      <outgoing>Flow_3</outgoing>
      <errorEventDefinition errorRef="Error_1"/>
    </boundaryEvent>
    <sequenceFlow id="Flow_2" sourceRef="Task_First" targetRef="End"/>
    <sequenceFlow id="Flow_3" sourceRef="Caught" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""


class Code(StrEnum):
    SOLD_OUT = "SOLD_OUT"


class Orders(Small):
    """Started by a message; the task's BPMN error is caught."""

    async def deploy(self) -> None:
        await self.client.deploy({f"{self.id}.bpmn": CAUGHT.format(id=self.id).encode()})

    async def start(self, orders: range) -> None:
        for order in orders:
            await publish(self.client, self.id, str(order))


async def publish(client: Engine, name: str, order: str) -> None:
    await client.publish_message(
        name, order, message_id=f"{name}/{order}", ttl=timedelta(minutes=5), variables={"shopify_order_id": order}
    )


class Answers:
    """A handler whose order decides how it ends, by the method that tells the engine."""

    def __init__(self) -> None:
        self.runs = Counter[str]()

    async def ours(self, shopify_order_id: str) -> None:
        self.runs[shopify_order_id] += 1
        match METHODS[int(shopify_order_id)]:
            case "FailJob":
                raise NeedsHuman("the test wants an incident")
            case "ThrowError":
                raise BusinessOutcome(Code.SOLD_OUT, "sold out")

    async def plain(self, shopify_order_id: str) -> dict[str, str]:
        self.runs[shopify_order_id] += 1
        match METHODS[int(shopify_order_id)]:
            case "FailJob":
                raise RuntimeError("the test wants a failure")
            case "ThrowError":
                raise BusinessError("SOLD_OUT")
        return {}


@pytest.fixture
async def orders(engine: Stack | Containers) -> AsyncIterator[Orders]:
    async with Engine(engine.grpc_address, engine.rest_url) as client:
        process = Orders(client)
        await process.deploy()
        yield process


class TestPlainPyzeebe:
    @pytest.mark.parametrize("code", PASSING, ids=lambda code: code.name)
    async def test_an_answer_refused_once_is_never_repeated_and_the_job_runs_again(
        self, orders: Orders, gateway: MisbehavingGateway, code: grpc.StatusCode
    ) -> None:
        answers = Answers()
        for method in METHODS:
            gateway.refuse(method, code=code)
        async with plain(gateway.address, Job(f"{orders.id}.first", answers.plain, timeout=SOON)):
            await orders.start(range(3))
            await until(lambda: all(answers.runs[str(order)] >= 2 for order in range(3)))

    async def test_an_answer_without_receipt_is_waited_for_for_ever_and_takes_a_slot(
        self, orders: Orders, gateway: MisbehavingGateway
    ) -> None:
        runs = Counter[str]()

        async def do(shopify_order_id: str) -> dict[str, str]:
            runs[shopify_order_id] += 1
            return {}

        gateway.lose("CompleteJob", code=None)
        async with plain(gateway.address, Job(f"{orders.id}.first", do, max_running=1), stream=False) as worker:
            worker.worker.poll_retry_delay = 0
            await orders.start(range(2))
            await asyncio.sleep(2)
        assert len(runs) == 1

    async def test_a_message_is_published_once_or_not_at_all(
        self, orders: Orders, gateway: MisbehavingGateway
    ) -> None:
        gateway.refuse("PublishMessage", code=grpc.StatusCode.RESOURCE_EXHAUSTED)
        channel = create_insecure_channel(grpc_address=gateway.address)
        try:
            with pytest.raises(ZeebeBackPressureError):
                await ZeebeClient(channel).publish_message(orders.id, "1", {"shopify_order_id": "1"})
        finally:
            await channel.close()


class TestOurHost:
    @pytest.mark.parametrize("code", PASSING, ids=lambda code: code.name)
    async def test_an_answer_refused_three_times_is_repeated_until_it_is_taken(
        self, orders: Orders, gateway: MisbehavingGateway, code: grpc.StatusCode
    ) -> None:
        answers = Answers()
        for method in METHODS:
            gateway.refuse(method, code=code, times=3)
        async with ours(gateway.address, Job(f"{orders.id}.first", answers.ours, timeout=timedelta(seconds=20))):
            await orders.start(range(3))
            await until(lambda: all(taken(gateway, method) for method in METHODS))
        assert answers.runs == Counter("012")
        assert {len(gateway.asked(method)) for method in METHODS} == {4}

    async def test_repetitions_do_not_come_all_at_once(self, small: Small, gateway: MisbehavingGateway) -> None:
        """Jitter: after a refusal of all, the gateway is not asked by all at the same moment."""

        async def do(shopify_order_id: str) -> None:
            pass

        gateway.refuse("CompleteJob", code=grpc.StatusCode.RESOURCE_EXHAUSTED, times=24)
        async with ours(gateway.address, Job(f"{small.id}.first", do)):
            await small.start(range(24))
            await until(lambda: taken(gateway, "CompleteJob") == 24)
        waits = sorted(first_waits(gateway))
        assert waits[0] >= 0.1
        assert waits[-1] - waits[0] > 0.1

    @pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, None], ids=["refused", "silent"])
    async def test_an_answer_whose_receipt_got_lost_counts_as_given(
        self, orders: Orders, gateway: MisbehavingGateway, code: grpc.StatusCode | None
    ) -> None:
        """Asked again, the engine knows no such job any more. It is told once, and nothing runs twice."""
        answers = Answers()
        for method in METHODS:
            gateway.lose(method, code=code)
        with capture_logs() as logs:
            async with ours(gateway.address, Job(f"{orders.id}.first", answers.ours, timeout=SOON * 10)):
                await orders.start(range(3))
                await until(lambda: {log["event"] for log in logs} >= HOW_IT_WENT)
        assert answers.runs == Counter("012")
        assert {taken(gateway, method) for method in METHODS} == {1}


HOW_IT_WENT = {"job.completed", "job.incident", "job.error_thrown"}


def taken(gateway: MisbehavingGateway, method: str) -> int:
    """How many of these calls the engine has accepted."""
    return sum(call.passed for call in gateway.asked(method))


def first_waits(gateway: MisbehavingGateway) -> list[float]:
    """Seconds between the first two completions of each job that needed two."""
    times = defaultdict[int, list[float]](list)
    for call in gateway.asked("CompleteJob"):
        times[call.request.jobKey].append(call.at)
    return [each[1] - each[0] for each in times.values() if len(each) > 1]


async def test_a_message_is_published_once_whatever_the_gateway_does(
    orders: Orders, gateway: MisbehavingGateway, engine: Stack | Containers
) -> None:
    """What the relay does with each row of the inbox."""
    answers = Answers()
    gateway.refuse("PublishMessage", code=grpc.StatusCode.RESOURCE_EXHAUSTED, times=2)
    gateway.refuse("PublishMessage", code=grpc.StatusCode.UNAVAILABLE)
    gateway.lose("PublishMessage")
    gateway.lose("PublishMessage", code=None)
    async with (
        Engine(gateway.address, engine.rest_url) as client,
        ours(gateway.address, Job(f"{orders.id}.first", answers.ours)),
    ):
        await publish(client, orders.id, "0")
        await publish(client, orders.id, "1")
        await until(lambda: len(answers.runs) == 2)
    assert answers.runs == Counter("01")
    assert len(gateway.asked("PublishMessage")) == 7
