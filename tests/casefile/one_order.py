"""The records of one order's instance, made by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from time import time
from typing import Any

from sqlalchemy import select

from workers.casefile.db import Database
from workers.casefile.models import Case, Task
from workers.casefile.record_models import Record, RecordPosition
from workers.casefile.records import Projection

OUTCOMES = {"fulfillment": {"Event_OrderSupplied": "supplied", "Event_OrderStopped": "cancelled"}}
NOON = 1_772_712_000_000  # 5 March 2026, 12:00 UTC, in milliseconds
keys = count(int(time() * 1000) * 1000)

Sent = dict[str, Any]


@dataclass
class Stream:
    """The records of one order's instance, on a partition of its own, as the broker's exporter sends them."""

    database: Database
    partition: int = field(default_factory=lambda: next(keys))
    instance: int = field(default_factory=lambda: next(keys))
    order: str = field(default_factory=lambda: str(next(keys)))
    definition: int = field(default_factory=lambda: next(keys))
    positions: "count[int]" = field(default_factory=lambda: count(1))

    def record(self, value_type: str, intent: str, value: dict[str, Any], **more: Any) -> Sent:
        position = next(self.positions)
        return {
            "partitionId": self.partition,
            "position": position,
            "recordType": "EVENT",
            "valueType": value_type,
            "intent": intent,
            "timestamp": NOON + position * 1000,
            "key": position,
            "value": {"bpmnProcessId": "fulfillment", "processInstanceKey": self.instance, **value},
            **more,
        }

    def started(self) -> Sent:
        value = {
            "correlationKey": self.order,
            "messageName": "order_paid",
            "startEventId": "Event_OrderPaid",
            "processDefinitionKey": self.definition,
        }
        return self.record("MESSAGE_START_EVENT_SUBSCRIPTION", "CORRELATED", value)

    def element(self, element: str, intent: str, kind: str = "SERVICE_TASK", **more: Any) -> Sent:
        return self.record("PROCESS_INSTANCE", intent, {"elementId": element, "bpmnElementType": kind}, **more)

    def ended(self, intent: str = "ELEMENT_COMPLETED") -> Sent:
        return self.element("fulfillment", intent, "PROCESS")

    def task(self, key: int, intent: str, **value: Any) -> Sent:
        task = {
            "userTaskKey": key,
            "elementId": "Task_CorrectAddress",
            "assignee": "",
            "candidateGroupsList": ["support"],
            "dueDate": "2026-03-06T12:00:00Z",
            "priority": 60,
            "variables": {},
        }
        return self.record("USER_TASK", intent, {**task, **value})

    def incident(self, key: int, intent: str, **value: Any) -> Sent:
        incident = {
            "elementId": "Task_GetOrder",
            "jobKey": -1,
            "errorType": "JOB_NO_RETRIES",
            "errorMessage": "No such order.",
        }
        return self.record("INCIDENT", intent, {**incident, **value}, key=key)

    async def take_in(self, *records: Sent) -> None:
        await Projection(self.database, OUTCOMES).take_in(records)

    async def case(self) -> Case:
        async with self.database.sessions() as session:
            return await session.get_one(Case, self.order)

    async def one_task(self, key: int) -> Task:
        async with self.database.sessions() as session:
            return await session.get_one(Task, key)

    async def way(self) -> list[str | None]:
        """Elements and flows as they were taken in, in the engine's order."""
        query = select(Record).where(Record.partition == self.partition, Record.value_type == "PROCESS_INSTANCE")
        async with self.database.sessions() as session:
            return [e.element_id for e in await session.scalars(query.order_by(Record.position))]

    async def reached(self) -> int:
        async with self.database.sessions() as session:
            return (await session.get_one(RecordPosition, self.partition)).position


def at(second: int) -> datetime:
    """The time of the record at this position."""
    return datetime.fromtimestamp(NOON / 1000 + second, UTC)
