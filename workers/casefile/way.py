"""Where instances are in their diagrams, and the way one of them took: from the engine's own records."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import Incident
from workers.casefile.record_models import Instance, Record

LOOKED_AT = 1000
"""Open instances whose places are counted: the newest so many."""

_OF_ELEMENTS = Record.value_type == "PROCESS_INSTANCE"
_NET = func.sum(
    case(
        (Record.intent == "ELEMENT_ACTIVATED", 1),
        (Record.intent.in_(("ELEMENT_COMPLETED", "ELEMENT_TERMINATED")), -1),
        else_=0,
    )
)
"""How often an element was entered and not left yet."""


@dataclass(frozen=True, slots=True)
class Way:
    """Elements and flows by their ids."""

    taken: Sequence[str]
    present: dict[str, int]
    """Where the instance is, and how often."""


async def way_of(session: AsyncSession, instance: int | None) -> Way:
    """The way an instance took; nothing of one that the engine has not told of yet."""
    if instance is None:
        return Way((), {})
    events = (
        select(Record.element_id, _NET.label("net"))
        .where(Record.process_instance_key == instance, _OF_ELEMENTS, Record.element_type != "PROCESS")
        .group_by(Record.element_id)
    )
    rows = (await session.execute(events)).all()
    return Way([row.element_id for row in rows], {row.element_id: row.net for row in rows if row.net > 0})


async def instances_of(session: AsyncSession, case_id: str, limit: int) -> Sequence[Instance]:
    """Of a case, and those that only began as it: the open ones first, the newest first."""
    ours = or_(Instance.case_id == case_id, Instance.began_as == case_id)
    order = (Instance.state == "open").desc(), Instance.started_at.desc(), Instance.key.desc()
    return (await session.scalars(select(Instance).where(ours).order_by(*order).limit(limit))).all()


async def places(session: AsyncSession, process: str) -> dict[str, int]:
    """How many of the newest LOOKED_AT open instances of a process are at each element."""
    instances = (
        select(Instance.key)
        .where(Instance.process == process, Instance.state == "open")
        .order_by(Instance.started_at.desc(), Instance.key.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    at = (
        select(Record.process_instance_key, Record.element_id, _NET.label("net"))
        .join(instances, instances.c.key == Record.process_instance_key)
        .where(_OF_ELEMENTS, Record.element_type.not_in(("PROCESS", "SEQUENCE_FLOW")))
        .group_by(Record.process_instance_key, Record.element_id)
        .having(_NET.op(">")(0))
        .subquery()
    )
    counted = await session.execute(select(at.c.element_id, func.sum(at.c.net)).group_by(at.c.element_id))
    return {element: int(count) for element, count in counted}


async def stuck(session: AsyncSession, process: str) -> dict[str, int]:
    """How many unresolved incidents each element has."""
    unresolved = select(Incident.element_id, func.count().label("number")).where(
        Incident.resolved_at.is_(None), Incident.process == process
    )
    rows = await session.execute(unresolved.group_by(Incident.element_id))
    return {row.element_id: row.number for row in rows}
