"""Takes in the engine's own record stream: cases opened and closed, tasks, incidents, the way taken.

The broker sends every record again until we have answered, and in the order of each partition; a batch is taken in
in one transaction together with the position reached, so each record counts exactly once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, DateTime, Text, Update, bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from workers.casefile.db import SCHEMA, Database
from workers.casefile.models import Base, Case, Incident, RecordPosition, Task

Record = Mapping[str, Any]

_ELEMENT_INTENTS = frozenset(
    {"ELEMENT_ACTIVATED", "ELEMENT_COMPLETED", "ELEMENT_TERMINATED", "SEQUENCE_FLOW_TAKEN"}
)

_CASE_STATES = {"ELEMENT_COMPLETED": "done", "ELEMENT_TERMINATED": "terminated"}
_EVENT_COLUMNS: dict[str, TypeEngine[Any]] = {
    "partition": BigInteger(),
    "position": BigInteger(),
    "process": Text(),
    "process_instance_key": BigInteger(),
    "element_id": Text(),
    "element_type": Text(),
    "intent": Text(),
    "happened_at": DateTime(timezone=True),
}
_ADD_EVENTS = (
    insert(Base.metadata.tables[f"{SCHEMA}.element_events"])
    .from_select(
        list(_EVENT_COLUMNS),
        select(*(func.unnest(bindparam(name, type_=ARRAY(kind))) for name, kind in _EVENT_COLUMNS.items())),
    )
    .on_conflict_do_nothing()
)
"""One statement with an array for each column: a batch has some hundred of these rows."""


class Projection:
    """`outcomes` says for each process which end events decide how a case ended, and by which word."""

    def __init__(self, database: Database, outcomes: Mapping[str, Mapping[str, str]]) -> None:
        self._database = database
        self._outcomes = outcomes

    async def take_in(self, records: Sequence[Record]) -> None:
        """Apply a batch. Idempotent by (partition, position): what was taken in before is passed over."""
        async with self._database.transaction() as session:
            for partition, batch in groupby(
                sorted(records, key=lambda record: (record["partitionId"], record["position"])),
                key=lambda record: int(record["partitionId"]),
            ):
                await self._take_in_partition(session, partition, list(batch))

    async def _take_in_partition(self, session: AsyncSession, partition: int, batch: list[Record]) -> None:
        reached = await _reached(session, partition)
        news = [r for r in batch if r["position"] > reached and r["recordType"] == "EVENT"]
        await session.execute(
            update(RecordPosition)
            .where(RecordPosition.partition == partition)
            .values(position=max(reached, batch[-1]["position"]))
        )
        await _add_element_events(session, news)
        await _open_cases(session, _with_text(news, "MESSAGE_START_EVENT_SUBSCRIPTION"))
        for record in _with_text(news, "USER_TASK"):
            await _apply_task(session, record)
        for record in _with_text(news, "INCIDENT"):
            await _apply_incident(session, record)
        await self._close_cases(session, _of(news, "PROCESS_INSTANCE"))

    async def _close_cases(self, session: AsyncSession, records: Iterable[Record]) -> None:
        for record in records:
            value, intent = record["value"], record["intent"]
            outcome = self._outcomes.get(value["bpmnProcessId"], {}).get(value["elementId"])
            if intent == "ELEMENT_COMPLETED" and outcome:
                await session.execute(_case_of(value).values(outcome=outcome))
            elif value["bpmnElementType"] == "PROCESS" and intent in _CASE_STATES:
                state, closed_at = _CASE_STATES[intent], _time(record["timestamp"])
                await session.execute(_case_of(value).values(state=state, closed_at=closed_at))


def _case_of(value: Mapping[str, Any]) -> Update:
    return update(Case).where(Case.process_instance_key == value["processInstanceKey"])


async def _reached(session: AsyncSession, partition: int) -> int:
    """The position reached on this partition; its row stays locked until the transaction ends."""
    await session.execute(insert(RecordPosition).values(partition=partition, position=-1).on_conflict_do_nothing())
    position = await session.scalar(
        select(RecordPosition.position).where(RecordPosition.partition == partition).with_for_update()
    )
    return -1 if position is None else position


def _of(records: Iterable[Record], value_type: str) -> list[Record]:
    return [record for record in records if record["valueType"] == value_type]


def _with_text(records: Iterable[Record], value_type: str) -> list[Record]:
    """Records with what people and programs wrote in them.

    PostgreSQL stores no NUL: left in, it would hold up this record and all that come after it for ever.
    """
    return [{**record, "value": _without_nul(record["value"])} for record in _of(records, value_type)]


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {_without_nul(key): _without_nul(each) for key, each in value.items()}
        case list():
            return [_without_nul(each) for each in value]
    return value


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


async def _add_element_events(session: AsyncSession, records: Iterable[Record]) -> None:
    rows = [
        (
            record["partitionId"],
            record["position"],
            record["value"]["bpmnProcessId"],
            record["value"]["processInstanceKey"],
            record["value"]["elementId"],
            record["value"]["bpmnElementType"],
            record["intent"],
            _time(record["timestamp"]),
        )
        for record in _of(records, "PROCESS_INSTANCE")
        if record["intent"] in _ELEMENT_INTENTS
    ]
    if rows:
        columns = zip(_EVENT_COLUMNS, zip(*rows, strict=True), strict=True)
        await session.execute(_ADD_EVENTS, {name: list(values) for name, values in columns})


async def _open_cases(session: AsyncSession, records: Iterable[Record]) -> None:
    """Each such record is a new instance: a case that had ended is open again."""
    for record in records:
        value = record["value"]
        if record["intent"] != "CORRELATED":
            continue
        instance = {"process_instance_key": value["processInstanceKey"]}
        reopened = {"state": "open", "outcome": None, "closed_at": None}
        await session.execute(
            insert(Case)
            .values(
                id=value["correlationKey"],
                process=value["bpmnProcessId"],
                opened_at=_time(record["timestamp"]),
                **instance,
            )
            .on_conflict_do_update(index_elements=[Case.id], set_=instance | reopened)
        )


async def _apply_task(session: AsyncSession, record: Record) -> None:
    value, intent = record["value"], record["intent"]
    task = update(Task).where(Task.key == value["userTaskKey"])
    if intent == "CREATED":
        await session.execute(insert(Task).values(**_new_task(record)).on_conflict_do_nothing())
    elif intent == "ASSIGNED":
        await session.execute(task.values(assignee=value["assignee"] or None))
    elif intent == "COMPLETED":
        finished = {"state": "completed", "finished_at": _time(record["timestamp"])}
        await session.execute(task.values(assignee=value["assignee"] or None, **finished))
    elif intent == "CANCELED":
        await session.execute(task.values(state="canceled", finished_at=_time(record["timestamp"])))


def _due(text: str) -> datetime | None:
    """A due date as the engine writes it: ISO 8601, perhaps with a zone's name after it (2026-…Z[GMT])."""
    try:
        due = datetime.fromisoformat(text.partition("[")[0])
    except ValueError:
        return None
    return due if due.tzinfo else due.replace(tzinfo=UTC)


def _new_task(record: Record) -> dict[str, Any]:
    value = record["value"]
    return {
        "key": value["userTaskKey"],
        "process": value["bpmnProcessId"],
        "process_instance_key": value["processInstanceKey"],
        "element_id": value["elementId"],
        "state": "open",
        "assignee": value["assignee"] or None,
        "candidate_groups": value["candidateGroupsList"],
        "due_at": _due(value["dueDate"]),
        "priority": value["priority"],
        "created_at": _time(record["timestamp"]),
    }


async def _apply_incident(session: AsyncSession, record: Record) -> None:
    value = record["value"]
    if record["intent"] == "CREATED":
        await session.execute(
            insert(Incident)
            .values(
                key=record["key"],
                process=value["bpmnProcessId"],
                process_instance_key=value["processInstanceKey"],
                element_id=value["elementId"],
                job_key=value["jobKey"] if value["jobKey"] > 0 else None,
                error_type=value["errorType"],
                message=value["errorMessage"],
                created_at=_time(record["timestamp"]),
            )
            .on_conflict_do_nothing()
        )
    elif record["intent"] == "RESOLVED":
        await session.execute(
            update(Incident).where(Incident.key == record["key"]).values(resolved_at=_time(record["timestamp"]))
        )
    await _show_incidents(session, value["processInstanceKey"])


async def _show_incidents(session: AsyncSession, process_instance_key: int) -> None:
    """A case with an unresolved incident is in state `incident`, without one it is open again."""
    unresolved = exists().where(
        Incident.process_instance_key == process_instance_key, Incident.resolved_at.is_(None)
    )
    this = Case.process_instance_key == process_instance_key
    await session.execute(update(Case).where(this, Case.state == "open", unresolved).values(state="incident"))
    await session.execute(update(Case).where(this, Case.state == "incident", ~unresolved).values(state="open"))
