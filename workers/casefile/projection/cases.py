"""Cases and their process instances: opened by a message, ended by the engine, stopped by incidents in between."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

Outcomes = Mapping[str, Mapping[str, str]]
"""By process and end event: the word for how a case ended that reached it."""

ENDS = {"ELEMENT_COMPLETED": "done", "ELEMENT_TERMINATED": "terminated"}

_CASES, _INSTANCES, _INCIDENTS = table("cases"), table("instances"), table("incidents")
_started = given(_INSTANCES, "key", "case_id", "process", "definition_key", "state", "started_at")
_ADD_INSTANCES = insert(_INSTANCES).from_select(_started.c.keys(), select(*_started.c)).on_conflict_do_nothing()
_moved = given(_INSTANCES, "key", "definition_key")
_MOVE = update(_INSTANCES).values(definition_key=_moved.c.definition_key).where(_INSTANCES.c.key == _moved.c.key)
_opened = given(_CASES, "id", "process", "process_instance_key", "opened_at")
_NEW = insert(_CASES).from_select(_opened.c.keys(), select(*_opened.c))
_OPEN = _NEW.on_conflict_do_update(
    index_elements=[_CASES.c.id],
    set_={
        "process_instance_key": _NEW.excluded.process_instance_key,
        "opened_at": case(
            (_CASES.c.process_instance_key.is_(None), _NEW.excluded.opened_at), else_=_CASES.c.opened_at
        ),
        "state": "open",
        "outcome": None,
        "closed_at": None,
    },
)
"""A case that a worker described before has no instance yet; one that had ended is open again."""
_ended = given(_INSTANCES, "key", "state", "ended_at")
_END_INSTANCES = (
    update(_INSTANCES)
    .values(state=_ended.c.state, ended_at=_ended.c.ended_at)
    .where(_INSTANCES.c.key == _ended.c.key)
)
_closed = given(_CASES, "process_instance_key", "state", "outcome", "closed_at")
_CLOSE = (
    update(_CASES)
    .values(
        state=func.coalesce(_closed.c.state, _CASES.c.state),
        outcome=func.coalesce(_closed.c.outcome, _CASES.c.outcome),
        closed_at=func.coalesce(_closed.c.closed_at, _CASES.c.closed_at),
    )
    .where(_CASES.c.process_instance_key == _closed.c.process_instance_key)
)
_of_instances = _CASES.c.process_instance_key == func.any(bindparam("instances", type_=ARRAY(BigInteger())))
_unresolved = exists().where(
    _INCIDENTS.c.process_instance_key == _CASES.c.process_instance_key, _INCIDENTS.c.resolved_at.is_(None)
)
_SHOW_INCIDENTS = (
    update(_CASES)
    .values(state=case((_unresolved, "incident"), else_="open"))
    .where(
        _of_instances,
        or_(and_(_CASES.c.state == "open", _unresolved), and_(_CASES.c.state == "incident", ~_unresolved)),
    )
)
"""A case with an unresolved incident is in state `incident`, without one it is open again."""


async def open_cases(tables: Tables, news: Sequence[Reduced]) -> None:
    """Each start message is a new instance, of a new case or of one that had ended."""
    started = [record for record in news if record.value_type == "MESSAGE_START_EVENT_SUBSCRIPTION"]
    await tables.put(_ADD_INSTANCES, [_instance(record) for record in started])
    opened: dict[str, dict[str, Any]] = {}
    for record in started:
        row = _case(record)
        first = opened.setdefault(row["id"], row)
        opened[row["id"]] = row | {"opened_at": first["opened_at"]}
    await tables.put(_OPEN, list(opened.values()))


async def move_instances(tables: Tables, news: Sequence[Reduced]) -> None:
    """After all else was said of them, since until then they went by the version they had."""
    rows = [{"key": key, "definition_key": moves[-1][1]} for key, moves in moved(news).items()]
    await tables.put(_MOVE, rows)


def moved(news: Iterable[Reduced]) -> dict[int, list[tuple[int, int]]]:
    """Instances that go on by other versions: from which position on by which definition, in their order."""
    moves: dict[int, list[tuple[int, int]]] = {}
    for record in news:
        if record.value_type == "PROCESS_INSTANCE_MIGRATION":
            target = (record.facts or {})["targetProcessDefinitionKey"]
            moves.setdefault(record.process_instance_key or 0, []).append((record.position, target))
    return moves


def _instance(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    return {
        "key": record.process_instance_key,
        "case_id": facts["correlationKey"],
        "process": record.process,
        "definition_key": facts["processDefinitionKey"],
        "state": "open",
        "started_at": record.happened_at,
    }


def _case(record: Reduced) -> dict[str, Any]:
    return {
        "id": (record.facts or {})["correlationKey"],
        "process": record.process,
        "process_instance_key": record.process_instance_key,
        "opened_at": record.happened_at,
    }


async def close_cases(tables: Tables, news: Sequence[Reduced], outcomes: Outcomes) -> None:
    """The end event says how a case ended, the end of its instance when; incidents show as long as it is open."""
    closed: dict[int, dict[str, Any]] = {}
    for record in news:
        if record.value_type == "PROCESS_INSTANCE" and (found := _ending(record, outcomes)):
            instance = record.process_instance_key or 0
            closed[instance] = closed.get(instance, {"process_instance_key": instance}) | found
    await tables.put(_CLOSE, list(closed.values()))
    ended = [row for row in closed.values() if "state" in row]
    await tables.put(
        _END_INSTANCES,
        [{"key": r["process_instance_key"], "state": r["state"], "ended_at": r["closed_at"]} for r in ended],
    )
    touched = {record.process_instance_key for record in news if record.value_type == "INCIDENT"}
    if touched:
        await tables.find(_SHOW_INCIDENTS, {"instances": list(touched)})


def _ending(record: Reduced, outcomes: Outcomes) -> dict[str, Any]:
    if record.element_type == "PROCESS":
        state = ENDS.get(record.intent)
        return {"state": state, "closed_at": record.happened_at} if state else {}
    if record.element_type != "END_EVENT" or record.intent != "ELEMENT_COMPLETED":
        return {}
    outcome = outcomes.get(record.process or "", {}).get(record.element_id or "")
    return {"outcome": outcome} if outcome else {}
