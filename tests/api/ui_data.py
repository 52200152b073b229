"""Rows as workers and the engine's records leave them, for tests of pages."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from api import csrf
from tests.api.people import Browser
from workers.casefile.db import Database
from workers.casefile.models import Base, Case, Incident, Task, TimelineEntry
from workers.casefile.record_models import Definition, Instance, Record
from workers.runtime.resources import forms_dir

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e"
"""A customer's name that would like to be more than text."""

_numbers = itertools.count(uuid.uuid4().int % 10**12 + 10**13)


def number() -> int:
    """A key that nothing else has."""
    return next(_numbers)


def ago(**length: float) -> datetime:
    return datetime.now(UTC) - timedelta(**length)


async def add(database: Database, *rows: Base) -> None:
    """As they are; a case gets its instance, unless that is among them."""
    there = {row.key for row in rows if isinstance(row, Instance)}
    cases = [row for row in rows if isinstance(row, Case) and row.process_instance_key not in there]
    async with database.transaction() as session:
        session.add_all([*rows, *(an_instance(case) for case in cases)])


FORMS = {
    "Task_CorrectAddress": (1, "fulfillment_address"),
    "Task_DecideOnMargin": (2, "fulfillment_margin"),
    "Task_AnswerTicket": (3, "resolution_answer"),
    "Task_HandleEscalation": (4, "escalation_handling"),
}
"""By task: key and id of its form."""


def form_key(element: str) -> int | None:
    """The form of a task, as the engine tells it."""
    return FORMS[element][0] if element in FORMS else None


async def deploy_forms(database: Database) -> None:
    """As the engine tells of them when they are deployed."""
    async with database.transaction() as session:
        for key, form in FORMS.values():
            resource = (forms_dir() / f"{form}.form").read_text()
            await session.merge(
                Definition(key=key, kind="form", id=form, version=1, resource=resource, deployed_at=ago())
            )


def a_case(**changes: Any) -> Case:
    key = number()
    values = {
        "id": str(key), "process": "fulfillment", "process_instance_key": key + 10**15, "state": "open",
        "order_number": f"#{key}", "currency": "EUR", "total_minor": 5_490, "opened_at": datetime.now(UTC),
    }  # fmt: skip
    return Case(**(values | changes))


def an_instance(case: Case, **changes: Any) -> Instance:
    """The one that the case names, unless the changes say otherwise."""
    key = changes.get("key", case.process_instance_key)
    values = {
        "key": key, "parent_key": None, "root_key": key, "case_id": case.id, "process": case.process,
        "correlation_key": case.id, "definition_key": 0, "started_at": case.opened_at or datetime.now(UTC),
        "state": "open" if case.state in {None, "open", "incident"} else case.state,
        "outcome": case.outcome, "ended_at": case.closed_at,
    }  # fmt: skip
    return Instance(**(values | changes))


def a_task(case: Case, **changes: Any) -> Task:
    values = {
        "key": number(), "process": "fulfillment", "process_instance_key": case.process_instance_key,
        "element_id": "Task_CorrectAddress", "state": "open", "assignee": None, "candidate_groups": ["support"],
        "form_key": form_key(changes.get("element_id", "Task_CorrectAddress")),
        "due_at": ago(hours=-5), "priority": 50, "created_at": ago(hours=1), "finished_at": None,
    }  # fmt: skip
    return Task(**(values | changes))


def an_incident(case: Case, **changes: Any) -> Incident:
    values = {
        "key": number(), "process": "fulfillment", "process_instance_key": case.process_instance_key,
        "element_id": "Task_GetOrder", "job_key": 5, "error_type": "JOB_NO_RETRIES",
        "message": "The shop has no such order.", "created_at": ago(minutes=5), "resolved_at": None,
    }  # fmt: skip
    return Incident(**(values | changes))


def an_entry(case: Case, sentence: str, **changes: Any) -> TimelineEntry:
    values = {"case_id": case.id, "key": str(number()), "kind": "k", "sentence": sentence, "facts": {}}
    return TimelineEntry(**(values | changes))


def an_element(case: Case, element: str, intent: str, kind: str = "SERVICE_TASK") -> Record:
    """The engine's word of an element entered or left, or of a flow taken."""
    key = number()
    return Record(
        partition=1, position=key, happened_at=datetime.now(UTC), value_type="PROCESS_INSTANCE", intent=intent,
        key=key, process_instance_key=case.process_instance_key, process="fulfillment", element_id=element,
        element_type=kind, facts=None,
    )  # fmt: skip


def form_of(somebody: Browser, **fields: str) -> dict[str, str]:
    """What the forms of our pages send."""
    return {"csrf": somebody.client.headers[csrf.HEADER], **fields}


async def text(somebody: Browser, path: str, status: int = 200) -> str:
    """The page at an address; a busy machine is asked again, as people do."""
    for _ in range(3):
        answer = await somebody.client.get(path)
        if answer.status_code != 503:
            break
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text
