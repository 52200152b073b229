"""Jobs that wait for a worker, or for its answer."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

_JOBS = table("waiting_jobs")
_new_job = given(
    _JOBS,
    "key",
    "type",
    "process",
    "process_instance_key",
    "element_id",
    "retries",
    "error",
    "created_at",
    "failed_at",
)
_ADD_JOBS = insert(_JOBS).from_select(_new_job.c.keys(), select(*_new_job.c)).on_conflict_do_nothing()
_changed_job = given(_JOBS, "key", "element_id", "retries", "error", "failed_at")
_CHANGE_JOBS = (
    update(_JOBS)
    .values(
        element_id=func.coalesce(_changed_job.c.element_id, _JOBS.c.element_id),
        retries=func.coalesce(_changed_job.c.retries, _JOBS.c.retries),
        error=func.coalesce(_changed_job.c.error, _JOBS.c.error),
        failed_at=func.coalesce(_changed_job.c.failed_at, _JOBS.c.failed_at),
    )
    .where(_JOBS.c.key == _changed_job.c.key)
)
_FINISH_JOBS = delete(_JOBS).where(_JOBS.c.key == func.any(bindparam("keys", type_=ARRAY(BigInteger()))))


async def keep_jobs(tables: Tables, news: Sequence[Reduced]) -> None:
    """Most jobs are created and finished within a batch or two; those that are finished are not kept."""
    new: dict[int, dict[str, Any]] = {}
    changed: dict[int, dict[str, Any]] = {}
    finished: set[int] = set()
    for record in news:
        if record.value_type != "JOB":
            continue
        key = record.key
        if record.intent == "CREATED":
            new[key] = _job(record)
        elif record.intent in {"FAILED", "RETRIES_UPDATED", "MIGRATED"}:
            known = new if key in new else changed
            known[key] = known.get(key, {"key": key}) | _change(record)
        elif new.pop(key, None) is None:
            finished.add(key)
    await tables.put(_ADD_JOBS, list(new.values()))
    await tables.put(_CHANGE_JOBS, [row for key, row in changed.items() if key not in finished])
    if finished:
        await tables.find(_FINISH_JOBS, {"keys": list(finished)})


def _job(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    return {
        "key": record.key,
        "type": facts["type"],
        "process": record.process,
        "process_instance_key": record.process_instance_key,
        "element_id": record.element_id,
        "retries": facts["retries"],
        "created_at": record.happened_at,
    }


def _change(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    if record.intent == "MIGRATED":
        return {"element_id": record.element_id}
    attempt = {"retries": facts["retries"]}
    if record.intent == "FAILED":
        attempt |= {"failed_at": record.happened_at}
        attempt |= {"error": facts["errorMessage"]} if "errorMessage" in facts else {}
    return attempt
