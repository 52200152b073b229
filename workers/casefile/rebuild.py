"""Makes everything that the record stream led to again, from the records that are kept.

Copies of the tables are filled first, beside the running stream and without holding anybody up. Only then the
stream is stopped, by a lock on its positions, for as long as it takes to catch up and to change the rows that
differ; a bridge that gets impatient meanwhile lets the broker send again. Rows that are right already stay as they
are, and so does what workers and people wrote. An attempt that is broken off changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Exists,
    MetaData,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.db import Database
from workers.casefile.direct import Direct, Statement
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.instances import Outcomes
from workers.casefile.projection.projector import PROJECTED
from workers.casefile.projection.reduced import Reduced, reread
from workers.casefile.projection.set_aside import project_or_set_aside
from workers.casefile.projection.tables import Tables, table
from workers.casefile.projection.timeline import SOURCE

COPIES = "pg_temp"
"""PostgreSQL's schema for tables that end with their connection."""
AT_ONCE = 5_000
"""Records read at once."""

_RECORDS, _POSITIONS = table("records"), table("record_positions")
_HOW_MANY = Statement(select(func.count().label("number")).select_from(_RECORDS))
_PARTITIONS = Statement(select(_POSITIONS.c.partition).order_by(_POSITIONS.c.partition))
_NEXT = Statement(
    select(*(_RECORDS.c[name] for name in Reduced._fields))
    .where(
        _RECORDS.c.partition == bindparam("of", type_=BigInteger()),
        _RECORDS.c.position > bindparam("after", type_=BigInteger()),
    )
    .order_by(_RECORDS.c.position)
    .limit(AT_ONCE)
)
_STOP_THE_STREAM = Statement(text(f"LOCK TABLE {_POSITIONS.fullname} IN EXCLUSIVE MODE"))

_LEARN_SIZES = Statement(text("ANALYZE " + ", ".join(f"{COPIES}.{name}" for name in PROJECTED)))

IDENTITY = {"timeline": ("case_id", "key")}
"""What makes two rows the same; elsewhere the primary key does."""
NOT_OF_THE_STREAM = {"timeline": frozenset({"id", "salt", "erased_at", "erased_digest"})}
"""Columns that no record says anything of."""
OF_THE_STREAM = ("process", "process_instance_key", "state", "outcome", "opened_at", "closed_at")
"""Columns of a case that are made of records; workers write the others."""
NOT_YET = {"process_instance_key": None, "state": "open", "outcome": None, "closed_at": None}
"""A case that a worker described and no record tells of."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """How many rows of a table were not what the records say, and how many the records say there are."""

    table: str
    rows: int
    removed: int = 0
    added: int = 0
    changed: int = 0
    kept: int = 0
    """Entries of the timeline that say something else and stay: history is not rewritten."""


class Rebuild:
    """One rebuild; `progress` is told how many records are done, and of how many."""

    def __init__(self, database: Database, outcomes: Outcomes, progress: Callable[[int, int], None]) -> None:
        self._database = database
        self._outcomes = outcomes
        self._progress = progress
        self._definitions = Definitions()
        self._reached: dict[int, int] = {}
        self._done = 0

    async def run(self) -> list[Corrected]:
        """Idempotent: a second one finds nothing to correct."""
        async with self._database.patient() as connection:
            for name in PROJECTED:
                await connection.rows(_copy(table(name)), {})
            await self._catch_up(connection)
            await connection.rows(_LEARN_SIZES, {})
            async with connection.transaction():
                await connection.rows(_STOP_THE_STREAM, {})
                await self._catch_up(connection)
                return [await _correct(connection, table(name)) for name in PROJECTED]

    async def _catch_up(self, connection: Direct) -> None:
        [total] = await connection.rows(_HOW_MANY, {})
        copies = Tables(connection, COPIES)
        for row in await connection.rows(_PARTITIONS, {}):
            while records := await self._next(connection, row.partition):
                await project_or_set_aside(copies, records, self._definitions, self._outcomes)
                self._reached[row.partition] = records[-1].position
                self._done += len(records)
                self._progress(self._done, max(total.number, self._done))

    async def _next(self, connection: Direct, partition: int) -> Sequence[Reduced]:
        after = self._reached.get(partition, -1)
        return [reread(Reduced(*row)) for row in await connection.rows(_NEXT, {"of": partition, "after": after})]


def _copy(original: Table) -> Statement:
    return Statement(text(f"CREATE TEMPORARY TABLE {original.name} (LIKE {original.fullname} INCLUDING ALL)"))


async def _correct(connection: Direct, original: Table) -> Corrected:
    copy = original.to_metadata(MetaData(), schema=COPIES)
    [rows] = await connection.rows(Statement(select(func.count().label("number")).select_from(copy)), {})
    corrections = _SPECIAL.get(original.name, _corrections)(original, copy)
    done = {
        what: (await connection.rows(Statement(statement), {}))[0].number
        for what, statement in corrections.items()
    }
    return Corrected(original.name, rows.number, **done)


def _corrections(original: Table, copy: Table) -> dict[str, Executable]:
    there, equal = _counterparts(original, copy)
    return {"removed": _counted(delete(original).where(~equal)), "added": _added(original, copy, there)}


def _corrections_of_timeline(original: Table, copy: Table) -> dict[str, Executable]:
    """What is missing is added; what says something else is only counted, history stays as it was written."""
    there, equal = _counterparts(original, copy)
    different = select(func.count().label("number")).select_from(original)
    ours = original.c.source == SOURCE, original.c.erased_at.is_(None)
    return {"added": _added(original, copy, there), "kept": different.where(*ours, ~equal)}


def _counterparts(original: Table, copy: Table) -> tuple[Exists, Exists]:
    """Whether there is a row of the same identity, and whether it says the same."""
    keys = IDENTITY.get(original.name) or original.primary_key.columns.keys()
    there = exists().where(*(original.c[name] == copy.c[name] for name in keys))
    return there, there.where(_same(original, copy, _columns(original)))


def _added(original: Table, copy: Table, there: Exists) -> Executable:
    columns = _columns(original)
    missing = select(*(copy.c[name] for name in columns)).where(~there)
    return _counted(insert(original).from_select(columns, missing))


def _columns(original: Table) -> list[str]:
    others = NOT_OF_THE_STREAM.get(original.name, frozenset())
    return [column.name for column in original.c if column.name not in others]


def _corrections_of_cases(original: Table, copy: Table) -> dict[str, Executable]:
    """No case is removed: a worker may have described it before the engine told us of it."""
    there = exists().where(original.c.id == copy.c.id)
    columns = ("id", *OF_THE_STREAM)
    forgotten = ~exists().where(copy.c.id == original.c.id)
    known = original.c.process_instance_key.is_not(None) | (original.c.state != "open")
    new = select(*(copy.c[name] for name in columns)).where(~there)
    return {
        "removed": _counted(update(original).values(NOT_YET).where(forgotten, known)),
        "added": _counted(insert(original).from_select(columns, new)),
        "changed": _counted(
            update(original)
            .values({name: copy.c[name] for name in OF_THE_STREAM})
            .where(original.c.id == copy.c.id, ~_same(original, copy, OF_THE_STREAM))
        ),
    }


_SPECIAL = {"cases": _corrections_of_cases, "timeline": _corrections_of_timeline}


def _same(one: Table, other: Table, columns: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(one.c[name].is_not_distinct_from(other.c[name]) for name in columns))


def _counted(change: Any) -> Executable:
    changed = change.returning(literal(1)).cte("changed")
    return select(func.count().label("number")).select_from(changed)
