"""New versions under load lose no start, and one that would lose them all is refused before it is deployed."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor
from tests.faults.traffic import RATE, Traffic, only_warnings
from workers.casefile.record_models import Record
from workers.runtime.deploy import deploy, resources
from workers.runtime.resources import forms_dir, models_dir

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

NAME = "fulfillment.bpmn"
OLD, NEW = "Event_OrderPaid", "Event_OrderPaidAnew"
"""The start event in the files as they are, and in the other version: records tell which one an instance has."""


async def started_by(floor: Floor, process: str, *events: str) -> Counter[str]:
    """Start event → instances of the process that began there."""
    query = select(Record.element_id).where(
        Record.process == process,
        Record.element_id.in_(events),
        Record.intent == "ELEMENT_COMPLETED",
    )
    async with floor.app.database.sessions() as session:
        return Counter(await session.scalars(query))


async def test_a_new_version_and_back_under_load_loses_no_start(floor: Floor, full: bool) -> None:
    files = resources()
    other = files | {NAME: files[NAME].replace(f'"{OLD}"'.encode(), f'"{NEW}"'.encode())}
    assert other != files
    before = await started_by(floor, "fulfillment", OLD, NEW)
    traffic, stop, versions = Traffic(floor), asyncio.Event(), set[int]()
    await traffic.seed(RATE * (20 if full else 3))
    with only_warnings():
        sending = asyncio.create_task(traffic.run(stop))
        while not sending.done():
            for deployed in (
                await floor.app.engine.deploy(other),
                await deploy(floor.app.engine, floor.app.processes),
            ):
                versions |= {item.version for item in deployed if item.id == "fulfillment"}
                await asyncio.sleep(0.3)
        began = time.monotonic()
        await traffic.come_to_rest(seconds=200)
    begun = await started_by(floor, "fulfillment", OLD, NEW) - before
    print(  # noqa: T201  # figures for people
        f"\n{len(versions)} versions deployed by turns at {RATE} starts/s: {len(traffic.acknowledged)} orders"
        f" acknowledged, {begun[OLD]} instances of the one and {begun[NEW]} of the other version;"
        f" at rest after {time.monotonic() - began:.0f} s; other answers: {dict(traffic.other_answers) or 'none'}"
    )
    assert traffic.refused <= {"503"}  # on a busy machine, with Retry-After
    assert await traffic.instances() == Counter(traffic.acknowledged)
    assert await traffic.books() == Counter(traffic.to_be_bought)
    assert begun[OLD] > 0 < begun[NEW]


STARTED_BY_MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="http://bpmn.io/schema/bpmn">
  <message id="Msg" name="{id}"/>
  <process id="{id}" isExecutable="true">
    <startEvent id="Start">{trigger}</startEvent>
    <sequenceFlow id="Flow" sourceRef="Start" targetRef="End"/>
    <endEvent id="End"/>
  </process>
</definitions>"""
TRIGGER = '<messageEventDefinition messageRef="Msg"/>'


async def test_alone_the_engine_takes_such_a_version_and_messages_start_nothing_any_more(floor: Floor) -> None:
    """Not even when the start event is back, although they are accepted and buffered for an hour."""
    process, engine = f"small_{uuid4().hex}", floor.app.engine

    async def version(trigger: str) -> None:
        await engine.deploy({"small.bpmn": STARTED_BY_MESSAGE.format(id=process, trigger=trigger).encode()})

    async def publish(key: str) -> None:
        await engine.publish_message(process, key, message_id=key, ttl=timedelta(hours=1), variables={})

    async def begun(number: int) -> None:
        async with asyncio.timeout(60):
            while (await started_by(floor, process, "Start")).total() < number:  # noqa: ASYNC110  # in the engine
                await asyncio.sleep(0.1)

    await version(TRIGGER)
    await publish("first")
    await begun(1)
    await version("")
    await publish("lost")
    await version(TRIGGER)
    await publish("last")
    await begun(2)
    await asyncio.sleep(0.5)
    assert (await started_by(floor, process, "Start")).total() == 2


BROKEN = {
    "no message start": (
        'messageRef="Msg_OrderPaid"',
        "",
        "no start event has message order_paid, so nothing would start any more;",
    ),
    "a start message of another name": (
        'name="order_paid"',
        'name="order_payed"',
        "Event_OrderPaid waits for message order_payed, undeclared;",
    ),
    "a job type that no worker has": (
        'type="fulfillment.get_order"',
        'type="fulfillment.fetch_order"',
        "Task_GetOrder has job type fulfillment.fetch_order, which no handler does;",
    ),
}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the program with models of its own."""
    for folder in (models_dir().parent / "workers", models_dir(), forms_dir()):
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(("old", "new", "sentence"), BROKEN.values(), ids=BROKEN)
async def test_a_version_that_would_lose_orders_is_refused_before_it_is_deployed(
    floor: Floor, installed: Path, old: str, new: str, sentence: str
) -> None:
    """In one sentence, and paid orders go on starting."""
    model = installed / "bpmn" / NAME
    text = model.read_text()
    assert old in text
    model.write_text(text.replace(old, new))
    run = await asyncio.to_thread(orderops_deploy, installed, floor)
    assert run.returncode != 0
    assert sentence in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    [unchanged] = [item for item in await floor.app.engine.deploy(resources()) if item.id == "fulfillment"]
    assert not unchanged.new
    assert await floor.ends(await floor.pay(an_order())) == "supplied"


def orderops_deploy(installed: Path, floor: Floor) -> "subprocess.CompletedProcess[str]":
    settings = floor.app.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "ORDEROPS_DATABASE_URL": str(settings.database_url),
        "ORDEROPS_ZEEBE_GRPC": settings.zeebe_grpc,
        "ORDEROPS_ZEEBE_REST": settings.zeebe_rest,
        "ORDEROPS_LINK_SECRET": "links",
        "ORDEROPS_RECORDS_PASSWORD": "records",
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "workers.runtime.cli", "deploy"]
    return subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
