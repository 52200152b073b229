"""An instance that goes on by another version of its process, as the engine's records tell it."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from tests.casefile.one_order import Sent, Stream, keys
from tests.casefile.test_sentences import DIAGRAM, deployed
from workers.casefile.db import Database
from workers.casefile.deployments import Deployments, Running
from workers.casefile.models import Incident, TimelineEntry
from workers.casefile.record_models import Instance, WaitingJob
from workers.runtime.migration import told

OLD, NEW = "Task_CorrectAddress", "Task_MendAddress"
RENAMED = DIAGRAM.replace(OLD, NEW).replace("Correct\n the address", "Mend the address")


class Moved(Stream):
    """An order with two versions of its diagram."""

    def told(self, target: int) -> list[Sent]:
        """It waits at a task, is moved, and the task is completed under its new id."""
        task, element = next(keys), next(keys)
        names = ("bpmnProcessId", "version")
        return [
            deployed(self, self.definition, "PROCESS", names, DIAGRAM),
            deployed(self, target, "PROCESS", names, RENAMED),
            self.started(),
            self.element(OLD, "ELEMENT_ACTIVATED", "USER_TASK", key=element),
            self.task(task, "CREATED"),
            self.record("PROCESS_INSTANCE_MIGRATION", "MIGRATED", {"targetProcessDefinitionKey": target}),
            self.element(NEW, "ELEMENT_MIGRATED", "USER_TASK", key=element),
            self.task(task, "MIGRATED", elementId=NEW),
            self.task(task, "COMPLETED", elementId=NEW, assignee="anna"),
        ]

    async def sentences(self) -> list[str]:
        query = select(TimelineEntry.sentence).where(TimelineEntry.case_id == self.order)
        async with self.database.sessions() as session:
            return list(await session.scalars(query.order_by(TimelineEntry.happened_at)))


@pytest.mark.parametrize("size", [1, 2, 9])
async def test_what_came_before_is_told_by_the_old_version_and_the_rest_by_the_new(
    database: Database, size: int
) -> None:
    """Whatever batches the records come in."""
    stream, target = Moved(database), next(keys)
    records = stream.told(target)
    for first in range(0, len(records), size):
        await stream.take_in(*records[first : first + size])
    assert await stream.sentences() == [
        "Message order_paid received: “Order paid”",
        "Task “Correct the address” waits for support",
        "Goes on by another version of the process",
        "Task “Mend the address” was completed by anna",
    ]
    task = next(each["value"]["userTaskKey"] for each in records if each["valueType"] == "USER_TASK")
    assert (await stream.one_task(task)).element_id == NEW
    async with database.sessions() as session:
        assert (await session.get_one(Instance, stream.instance)).definition_key == target


async def test_it_runs_by_one_version_at_a_time_and_stands_where_it_was_moved_to(database: Database) -> None:
    stream, target = Moved(database), next(keys)
    records, deployments = stream.told(target), Deployments(database)
    await stream.take_in(*records[:5])
    assert await deployments.running(stream.definition) == [Running(stream.instance, stream.order, (OLD,))]
    assert await deployments.running(target) == []
    await stream.take_in(*records[5:7])
    assert await deployments.running(stream.definition) == []
    assert await deployments.running(target) == [Running(stream.instance, stream.order, (NEW,))]
    await stream.take_in(stream.ended())
    assert await deployments.running(target) == []


@pytest.mark.parametrize("size", [1, 9])
async def test_incidents_and_jobs_stand_where_they_were_moved_to(database: Database, size: int) -> None:
    stream, job, incident = Moved(database), next(keys), next(keys)
    records = [
        stream.started(),
        made(stream, job, "CREATED", OLD),
        made(stream, job, "FAILED", OLD, retries=0, errorMessage="No such order."),
        stream.incident(incident, "CREATED", elementId=OLD, jobKey=job),
        made(stream, job, "MIGRATED", NEW, retries=0),
        stream.incident(incident, "MIGRATED", elementId=NEW, jobKey=job),
    ]
    for first in range(0, len(records), size):
        await stream.take_in(*records[first : first + size])
    async with database.sessions() as session:
        waiting = await session.get_one(WaitingJob, job)
        assert (waiting.element_id, waiting.retries, waiting.error) == (NEW, 0, "No such order.")
        assert (await session.get_one(Incident, incident)).element_id == NEW
    assert not any("resolved" in sentence for sentence in await stream.sentences())


def made(stream: Stream, key: int, intent: str, element: str, **value: Any) -> Sent:
    told = {"type": "fulfillment.get_order", "retries": 5, "elementId": element, **value}
    return stream.record("JOB", intent, told, key=key)


async def test_a_move_is_waited_for_until_the_records_tell_it(database: Database) -> None:
    stream, target = Moved(database), next(keys)
    records, deployments = stream.told(target), Deployments(database)
    await stream.take_in(*records[:5])
    moved = {stream.instance}
    assert not await told(deployments, stream.definition, moved, patience=0.3)
    async with asyncio.TaskGroup() as group:
        waits = group.create_task(told(deployments, stream.definition, moved, patience=30))
        await stream.take_in(*records[5:])
    assert waits.result()
