"""What the engine has deployed, and which instances run by which version: from its own records."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from workers.casefile.db import Database
from workers.casefile.record_models import Definition, Instance, Record

ENTERED = ("ELEMENT_ACTIVATED", "ELEMENT_MIGRATED")
"""The last that is told of an element that was not left."""


@dataclass(frozen=True, slots=True)
class Running:
    """An instance that has not ended, and the elements that it stands at."""

    key: int
    case_id: str
    at: tuple[str, ...]


class Deployments:
    """Reads only; a moment behind the engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> Sequence[Definition]:
        """The newest version of each diagram, each file of tables and each form."""
        query = (
            select(Definition)
            .ext(distinct_on(Definition.kind, Definition.id))
            .order_by(Definition.kind, Definition.id, Definition.version.desc())
        )
        async with self._database.sessions() as session:
            return (await session.scalars(query)).all()

    async def versions(self, process: str) -> Sequence[Definition]:
        """Every version of a process, the oldest first."""
        query = select(Definition).where(Definition.kind == "process", Definition.id == process)
        async with self._database.sessions() as session:
            return (await session.scalars(query.order_by(Definition.version))).all()

    async def running(self, definition_key: int) -> list[Running]:
        """Instances of this version that have not ended."""
        last = (
            select(Instance.key, Instance.case_id, Record.element_id, Record.intent)
            .ext(distinct_on(Instance.key, Record.key))
            .join(Record, Record.process_instance_key == Instance.key)
            .where(
                Instance.definition_key == definition_key,
                Instance.state == "open",
                Record.value_type == "PROCESS_INSTANCE",
                Record.element_type.not_in(["PROCESS", "SEQUENCE_FLOW"]),
            )
            .order_by(Instance.key, Record.key, Record.position.desc())
            .subquery()
        )
        entered = select(last).where(last.c.intent.in_(ENTERED)).order_by(last.c.key, last.c.element_id)
        found: dict[int, Running] = {}
        async with self._database.sessions() as session:
            for row in await session.execute(entered):
                known = found.get(row.key, Running(row.key, row.case_id, ()))
                found[row.key] = Running(row.key, row.case_id, (*known.at, row.element_id))
        return list(found.values())
