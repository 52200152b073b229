"""Cases: what all their instances together say of them.

Instances of one case may run on several partitions, which are taken in side by side. A case is therefore made of
its instances as they are, each time anew and under a lock of its row, and not of a batch's news.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, case, exists, func, literal, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert

from workers.casefile.projection.instances import ENDS, START, Instances, Match
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

MATCHED = "matched"
"""Outcome of a case that an instance began as and left, once its order was known."""

TICKETS = "triage"
"""Says how an order's case ended only where nothing else does: a question about it is no end of it."""

NOTHING = "nothing_came_back"
"""The same of an instance that was told of something, and found nothing to do."""

_CASES, _INSTANCES, _INCIDENTS = table("cases"), table("instances"), table("incidents")
_ids = func.any(bindparam("ids", type_=ARRAY(Text())))
_opened = given(_CASES, "id", "process", "process_instance_key", "opened_at")
_OPEN = (
    insert(_CASES)
    .from_select(_opened.c.keys(), select(*_opened.c).order_by(_opened.c.id))
    .on_conflict_do_nothing()
)
_LOCK = select(_CASES.c.id).where(_CASES.c.id == _ids).order_by(_CASES.c.id).with_for_update()
_stays = select(
    *(_INSTANCES.c[name] for name in ("key", "process", "state", "outcome", "started_at", "ended_at")),
    _INSTANCES.c.case_id.label("id"),
).where(_INSTANCES.c.case_id == _ids, _INSTANCES.c.parent_key.is_(None))
_left = select(
    *(_INSTANCES.c[name] for name in ("key", "process")),
    literal("done"),
    literal(MATCHED),
    _INSTANCES.c.started_at,
    _INSTANCES.c.matched_at,
    _INSTANCES.c.began_as,
).where(_INSTANCES.c.began_as == _ids, _INSTANCES.c.case_id != _INSTANCES.c.began_as)
_roots = union_all(_stays, _left).subquery("roots")
_open = _roots.c.state == "open"


def _first(name: str, kind: Any, *order: Any) -> Any:
    return func.array_agg(aggregate_order_by(_roots.c[name], *order), type_=ARRAY(kind))[1].label(name)


_newest = _open.desc(), _roots.c.started_at.desc(), _roots.c.key.desc()
_beside = or_(_roots.c.process == TICKETS, func.coalesce(_roots.c.outcome, "") == NOTHING)
_last = _beside, _roots.c.ended_at.desc().nulls_last(), _roots.c.key.desc()
_of_case = (
    select(
        _roots.c.id,
        func.bool_or(_open).label("open"),
        func.min(_roots.c.started_at).label("opened_at"),
        func.max(_roots.c.ended_at).label("closed_at"),
        _first("key", BigInteger(), *_newest),
        _first("process", Text(), *_newest),
        _first("state", Text(), *_last),
        _first("outcome", Text(), *_last),
    )
    .group_by(_roots.c.id)
    .subquery("of_case")
)
_stuck = exists().where(
    _INSTANCES.c.case_id == _of_case.c.id,
    _INSTANCES.c.state == "open",
    _INCIDENTS.c.process_instance_key == _INSTANCES.c.key,
    _INCIDENTS.c.resolved_at.is_(None),
)
_made = select(
    _of_case.c.id,
    _of_case.c.process,
    _of_case.c.key.label("process_instance_key"),
    case((~_of_case.c.open, _of_case.c.state), (_stuck, "incident"), else_="open").label("state"),
    case((~_of_case.c.open, _of_case.c.outcome)).label("outcome"),
    _of_case.c.opened_at,
    case((~_of_case.c.open, _of_case.c.closed_at)).label("closed_at"),
).subquery("made")
_says = ("process", "process_instance_key", "state", "outcome", "opened_at", "closed_at")
_MAKE = (
    update(_CASES)
    .values({name: _made.c[name] for name in _says})
    .where(
        _CASES.c.id == _made.c.id,
        or_(*(_CASES.c[name].is_distinct_from(_made.c[name]) for name in _says)),
    )
)


async def keep_cases(
    tables: Tables, news: Sequence[Reduced], instances: Instances, matches: Collection[Match]
) -> None:
    """Make the cases anew of which an instance began, ended, met an incident or was matched."""
    changed = {record.process_instance_key or 0 for record in news if _changes(record)}
    cases = {instances[key].case_id: instances[key] for key in changed & instances.keys()}
    for match in matches:
        cases |= dict.fromkeys((match.began_as, match.case_id), instances[match.said_by])
    if cases:
        await tables.put(_OPEN, [_case(case_id, instance) for case_id, instance in cases.items()])
        await tables.find(_LOCK, {"ids": list(cases)})
        await tables.find(_MAKE, {"ids": list(cases)})


def _changes(record: Reduced) -> bool:
    ended = record.element_type == "PROCESS" and record.intent in ENDS
    return ended or record.value_type in {START, "INCIDENT"}


def _case(case_id: str, instance: Any) -> dict[str, Any]:
    return {
        "id": case_id,
        "process": instance.process,
        "process_instance_key": instance.key,
        "opened_at": instance.started_at,
    }
