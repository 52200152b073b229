"""User tasks as the engine last told us."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

NO_FORM = -1
"""The engine's key of a form that is not there."""

_TASKS = table("tasks")
_new = given(
    _TASKS,
    "key",
    "process",
    "process_instance_key",
    "element_id",
    "form_key",
    "state",
    "assignee",
    "candidate_groups",
    "due_at",
    "priority",
    "created_at",
)
_ADD = insert(_TASKS).from_select(_new.c.keys(), select(*_new.c)).on_conflict_do_nothing()
_changed = given(_TASKS, "key", "element_id", "assignee", "state", "finished_at", assigned=Boolean())
_CHANGE = (
    update(_TASKS)
    .values(
        assignee=case((_changed.c.assigned, _changed.c.assignee), else_=_TASKS.c.assignee),
        element_id=func.coalesce(_changed.c.element_id, _TASKS.c.element_id),
        state=func.coalesce(_changed.c.state, _TASKS.c.state),
        finished_at=func.coalesce(_changed.c.finished_at, _TASKS.c.finished_at),
    )
    .where(_TASKS.c.key == _changed.c.key)
)


async def keep_tasks(tables: Tables, news: Sequence[Reduced]) -> None:
    """Add what was created, and of what was changed the last state only."""
    records = [record for record in news if record.value_type == "USER_TASK"]
    await tables.put(_ADD, [_task(record) for record in records if record.intent == "CREATED"])
    changed: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.intent != "CREATED":
            key = (record.facts or {})["userTaskKey"]
            changed[key] = changed.get(key, {"key": key, "assigned": False}) | _change(record)
    await tables.put(_CHANGE, list(changed.values()))


def _task(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    return {
        "key": facts["userTaskKey"],
        "process": record.process,
        "process_instance_key": record.process_instance_key,
        "element_id": record.element_id,
        "form_key": form if (form := facts.get("formKey", NO_FORM)) != NO_FORM else None,
        "state": "open",
        "assignee": facts["assignee"] or None,
        "candidate_groups": facts["candidateGroupsList"],
        "due_at": _due(facts["dueDate"]),
        "priority": facts["priority"],
        "created_at": record.happened_at,
    }


def _change(record: Reduced) -> dict[str, Any]:
    """CANCELED says nothing of an assignee, and nobody answered."""
    assigned = {"assigned": True, "assignee": (record.facts or {})["assignee"] or None}
    match record.intent:
        case "ASSIGNED":
            return assigned
        case "COMPLETED":
            return assigned | {"state": "completed", "finished_at": record.happened_at}
        case "MIGRATED":
            return {"element_id": record.element_id}
    return {"state": "canceled", "finished_at": record.happened_at}


def _due(text: str) -> datetime | None:
    """A due date as the engine writes it: ISO 8601, perhaps with a zone's name after it (2026-…Z[GMT])."""
    try:
        due = datetime.fromisoformat(text.partition("[")[0])
    except ValueError:
        return None
    return due if due.tzinfo else due.replace(tzinfo=UTC)
