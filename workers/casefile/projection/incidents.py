"""Incidents as the engine last told us."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

_INCIDENTS = table("incidents")
_new = given(
    _INCIDENTS,
    "key",
    "process",
    "process_instance_key",
    "element_id",
    "job_key",
    "error_type",
    "message",
    "created_at",
)
_ADD = insert(_INCIDENTS).from_select(_new.c.keys(), select(*_new.c)).on_conflict_do_nothing()
_resolved = given(_INCIDENTS, "key", "resolved_at")
_RESOLVE = (
    update(_INCIDENTS).values(resolved_at=_resolved.c.resolved_at).where(_INCIDENTS.c.key == _resolved.c.key)
)
_moved = given(_INCIDENTS, "key", "process", "element_id")
_MOVE = (
    update(_INCIDENTS)
    .values(process=_moved.c.process, element_id=_moved.c.element_id)
    .where(_INCIDENTS.c.key == _moved.c.key)
)


async def keep_incidents(tables: Tables, news: Sequence[Reduced]) -> None:
    """Add what was created, and say of the others where they are now and when they were resolved."""
    records = [record for record in news if record.value_type == "INCIDENT"]
    await tables.put(_ADD, [_incident(record) for record in records if record.intent == "CREATED"])
    moved = {record.key: record for record in records if record.intent == "MIGRATED"}
    rows = [{"key": r.key, "process": r.process, "element_id": r.element_id} for r in moved.values()]
    await tables.put(_MOVE, rows)
    resolved = {record.key: record.happened_at for record in records if record.intent == "RESOLVED"}
    await tables.put(_RESOLVE, [{"key": key, "resolved_at": when} for key, when in resolved.items()])


def _incident(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    return {
        "key": record.key,
        "process": record.process,
        "process_instance_key": record.process_instance_key,
        "element_id": record.element_id,
        "job_key": facts["jobKey"] if facts["jobKey"] > 0 else None,
        "error_type": facts["errorType"],
        "message": facts["errorMessage"],
        "created_at": record.happened_at,
    }
