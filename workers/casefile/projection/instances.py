"""Process instances: begun by a message or called by another one, ended by the engine, each part of a case.

An instance's case is the order that its start message names, else the message's correlation key until one of its
jobs names the order. What an instance calls belongs to its case.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, case, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from workers.casefile.projection.reduced import CALLED, ORDER, Reduced
from workers.casefile.projection.tables import Tables, given, table

Outcomes = Mapping[str, Mapping[str, str]]
"""By process and end event: the word for how a case ended that reached it."""
Instances = Mapping[int, Any]
"""By key: case_id, root_key, definition_key, process, parent_key, started_at; and began_as of the root."""

START = "MESSAGE_START_EVENT_SUBSCRIPTION"
ENDS = {"ELEMENT_COMPLETED": "done", "ELEMENT_TERMINATED": "terminated"}

_INSTANCES = table("instances")
_ROOTS = _INSTANCES.alias("roots")
_FIND = (
    select(
        *(
            _INSTANCES.c[name]
            for name in ("key", "root_key", "parent_key", "case_id", "definition_key", "process")
        ),
        _INSTANCES.c.started_at,
        _ROOTS.c.began_as,
    )
    .join(_ROOTS, _ROOTS.c.key == _INSTANCES.c.root_key)
    .where(_INSTANCES.c.key == func.any(bindparam("keys", type_=ARRAY(BigInteger()))))
)
_begun = given(
    _INSTANCES,
    *("key", "parent_key", "root_key", "case_id", "began_as", "correlation_key", "process", "definition_key"),
    *("state", "started_at"),
)
_BEGIN = insert(_INSTANCES).from_select(_begun.c.keys(), select(*_begun.c)).on_conflict_do_nothing()
_ended = given(_INSTANCES, "key", "outcome", "state", "ended_at")
_END = (
    update(_INSTANCES)
    .values(
        outcome=func.coalesce(_ended.c.outcome, _INSTANCES.c.outcome),
        state=func.coalesce(_ended.c.state, _INSTANCES.c.state),
        ended_at=func.coalesce(_ended.c.ended_at, _INSTANCES.c.ended_at),
    )
    .where(_INSTANCES.c.key == _ended.c.key)
)
_matched = given(_INSTANCES, "root_key", "began_as", "case_id", "matched_at")
_MATCH = (
    update(_INSTANCES)
    .values(
        case_id=_matched.c.case_id,
        matched_at=case((_INSTANCES.c.key == _matched.c.root_key, _matched.c.matched_at)),
    )
    .where(_INSTANCES.c.case_id == _matched.c.began_as, _INSTANCES.c.root_key == _matched.c.root_key)
)
_moved = given(_INSTANCES, "key", "definition_key")
_MOVE = update(_INSTANCES).values(definition_key=_moved.c.definition_key).where(_INSTANCES.c.key == _moved.c.key)


class Match(NamedTuple):
    """From this position on an instance, and all that it calls, belongs to the case of an order."""

    position: int
    said_by: int
    """Key of the instance whose job named the order: this one, or one that it calls."""
    root_key: int
    began_as: str
    case_id: str
    matched_at: datetime


async def begin_instances(tables: Tables, news: Sequence[Reduced]) -> None:
    """By a message, or called by an instance that we know."""
    callers = {record.facts["parentProcessInstanceKey"] for record in news if record.facts and _is_call(record)}
    known = await find_instances(tables, callers)
    begun: dict[int, dict[str, Any]] = {}
    for record in news:
        if record.value_type == START:
            begun[record.process_instance_key or 0] = _by_message(record)
        elif _is_call(record) and (row := _by_call(record, begun, known)):
            begun[record.key] = row
    await tables.put(_BEGIN, list(begun.values()))


async def find_instances(tables: Tables, keys: Iterable[int]) -> Instances:
    """Those of these keys that we know."""
    wanted = list(keys)
    return {row.key: row for row in await tables.find(_FIND, {"keys": wanted})} if wanted else {}


async def end_instances(tables: Tables, news: Sequence[Reduced], outcomes: Outcomes) -> None:
    """The end event says how an instance ended, the end of its process when."""
    ended: dict[int, dict[str, Any]] = {}
    for record in news:
        if record.value_type == "PROCESS_INSTANCE" and (found := _ending(record, outcomes)):
            key = record.process_instance_key or 0
            ended[key] = ended.get(key, {"key": key}) | found
    await tables.put(_END, list(ended.values()))


async def match_instances(tables: Tables, matches: Iterable[Match]) -> None:
    """After all else was said of them, since until then they belonged to the case they began as."""
    await tables.put(_MATCH, [match._asdict() for match in matches])


async def move_instances(tables: Tables, news: Sequence[Reduced]) -> None:
    """After all else was said of them, since until then they went by the version they had."""
    rows = [{"key": key, "definition_key": moves[-1][1]} for key, moves in moved(news).items()]
    await tables.put(_MOVE, rows)


def matched(news: Iterable[Reduced], instances: Instances) -> dict[int, Match]:
    """By root: the first job of an instance without an order that names one says whose case it is."""
    matches: dict[int, Match] = {}
    for record in news:
        instance = instances.get(record.process_instance_key or 0)
        order = (record.facts or {}).get(ORDER)
        if instance is None or (record.value_type, record.intent) != ("JOB", "COMPLETED"):
            continue
        if order and order != instance.case_id == instance.began_as:
            where = record.position, instance.key, instance.root_key
            matches.setdefault(instance.root_key, Match(*where, instance.began_as, order, record.happened_at))
    return matches


def moved(news: Iterable[Reduced]) -> dict[int, list[tuple[int, int]]]:
    """Instances that go on by other versions: from which position on by which definition, in their order."""
    moves: dict[int, list[tuple[int, int]]] = {}
    for record in news:
        if record.value_type == "PROCESS_INSTANCE_MIGRATION":
            target = (record.facts or {})["targetProcessDefinitionKey"]
            moves.setdefault(record.process_instance_key or 0, []).append((record.position, target))
    return moves


def _is_call(record: Reduced) -> bool:
    return record.value_type == "PROCESS_INSTANCE" and record.intent == CALLED


def _by_message(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    order, correlation_key = facts.get(ORDER), facts["correlationKey"]
    return _new(record) | {
        "root_key": record.process_instance_key,
        "case_id": order or correlation_key,
        "began_as": None if order else correlation_key,
        "correlation_key": correlation_key,
    }


def _by_call(record: Reduced, begun: Mapping[int, dict[str, Any]], known: Instances) -> dict[str, Any] | None:
    """None when it was called by one that we do not know."""
    parent = (record.facts or {})["parentProcessInstanceKey"]
    if parent in begun:
        of_parent = {name: begun[parent][name] for name in ("root_key", "case_id")}
    elif parent in known:
        of_parent = {"root_key": known[parent].root_key, "case_id": known[parent].case_id}
    else:
        return None
    return _new(record) | of_parent | {"parent_key": parent}


def _new(record: Reduced) -> dict[str, Any]:
    return {
        "key": record.process_instance_key,
        "process": record.process,
        "definition_key": (record.facts or {})["processDefinitionKey"],
        "state": "open",
        "started_at": record.happened_at,
    }


def _ending(record: Reduced, outcomes: Outcomes) -> dict[str, Any]:
    if record.element_type == "PROCESS":
        state = ENDS.get(record.intent)
        return {"state": state, "ended_at": record.happened_at} if state else {}
    if record.element_type != "END_EVENT" or record.intent != "ELEMENT_COMPLETED":
        return {}
    outcome = outcomes.get(record.process or "", {}).get(record.element_id or "")
    return {"outcome": outcome} if outcome else {}
