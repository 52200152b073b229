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
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.db import Database
from workers.casefile.direct import Direct, Statement
from workers.casefile.projection.cases import Outcomes
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.projector import PROJECTED, project
from workers.casefile.projection.reduced import Reduced
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
OF_THE_STREAM = ("process_instance_key", "state", "outcome", "opened_at", "closed_at")
"""Columns of a case that are made of records; workers write the others."""
NOT_YET = {"process_instance_key": None, "state": "open", "outcome": None, "closed_at": None}
"""A case that a worker described and no record tells of."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """How many rows of a table were not what the records say, and how many the records say there are."""

    table: str
    rows: int
    removed: int
    added: int
    changed: int = 0


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
                await project(copies, records, self._definitions, self._outcomes)
                self._reached[row.partition] = records[-1].position
                self._done += len(records)
                self._progress(self._done, max(total.number, self._done))

    async def _next(self, connection: Direct, partition: int) -> Sequence[Reduced]:
        after = self._reached.get(partition, -1)
        return [Reduced(*row) for row in await connection.rows(_NEXT, {"of": partition, "after": after})]


def _copy(original: Table) -> Statement:
    return Statement(text(f"CREATE TEMPORARY TABLE {original.name} (LIKE {original.fullname} INCLUDING ALL)"))


async def _correct(connection: Direct, original: Table) -> Corrected:
    copy = original.to_metadata(MetaData(), schema=COPIES)
    [rows] = await connection.rows(Statement(select(func.count().label("number")).select_from(copy)), {})
    done = [
        (await connection.rows(Statement(statement), {}))[0].number
        for statement in (_corrections_of_cases if original.name == "cases" else _corrections)(original, copy)
    ]
    return Corrected(original.name, rows.number, *done)


def _corrections(original: Table, copy: Table) -> tuple[Executable, Executable]:
    keys = IDENTITY.get(original.name) or original.primary_key.columns.keys()
    columns = [column.name for column in original.c if original.name != "timeline" or column.name != "id"]
    ours = original.c.source == SOURCE if original.name == "timeline" else true()
    there = exists().where(*(original.c[name] == copy.c[name] for name in keys))
    equal = there.where(_same(original, copy, columns))
    missing = select(*(copy.c[name] for name in columns)).where(~there)
    return (
        _counted(delete(original).where(ours, ~equal)),
        _counted(insert(original).from_select(columns, missing)),
    )


def _corrections_of_cases(original: Table, copy: Table) -> tuple[Executable, ...]:
    """No case is removed: a worker may have described it before the engine told us of it."""
    there = exists().where(original.c.id == copy.c.id)
    columns = ("id", "process", *OF_THE_STREAM)
    forgotten = ~exists().where(copy.c.id == original.c.id)
    known = original.c.process_instance_key.is_not(None) | (original.c.state != "open")
    return (
        _counted(update(original).values(NOT_YET).where(forgotten, known)),
        _counted(insert(original).from_select(columns, select(*(copy.c[name] for name in columns)).where(~there))),
        _counted(
            update(original)
            .values({name: copy.c[name] for name in OF_THE_STREAM})
            .where(original.c.id == copy.c.id, ~_same(original, copy, OF_THE_STREAM))
        ),
    )


def _same(one: Table, other: Table, columns: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(one.c[name].is_not_distinct_from(other.c[name]) for name in columns))


def _counted(change: Any) -> Executable:
    changed = change.returning(literal(1)).cte("changed")
    return select(func.count().label("number")).select_from(changed)
