"""The tables that records are turned into, and how rows get there: many at once, as one JSON array."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Executable, Table, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from workers.casefile.db import SCHEMA
from workers.casefile.direct import Direct, Statement
from workers.casefile.record_models import Record

Row = Mapping[str, Any]


def table(name: str) -> Table:
    """A table of the case file, by its name."""
    return Record.metadata.tables[f"{SCHEMA}.{name}"]


def given(like: Table, *names: str, **more: TypeEngine[Any]) -> TableValuedAlias:
    """The rows a statement is executed with: columns as that table has them, and some more. A row may lack any."""
    columns = [column(name, kind) for name, kind in ({name: like.c[name].type for name in names} | more).items()]
    rows = func.jsonb_to_recordset(cast(bindparam("rows", type_=Text()), JSONB()))
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)


class Tables:
    """All of them over one connection: the case file's own, or a rebuild's copies in another schema."""

    def __init__(self, connection: Direct, schema: str = SCHEMA) -> None:
        self.connection = connection
        self.schema = schema

    async def put(self, statement: Executable, rows: Sequence[Row]) -> Sequence[Any]:
        """Execute a statement that reads `given` rows, once for all of them; no rows are no work."""
        if not rows:
            return ()
        return await self.find(statement, {"rows": _as_json(rows)})

    async def find(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows that a statement returns."""
        return await self.connection.rows(_compiled(statement, self.schema), values)


@cache
def _compiled(statement: Executable, schema: str) -> Statement:
    return Statement(statement, {SCHEMA: schema})


def _as_json(rows: Sequence[Row]) -> str:
    """PostgreSQL stores no NUL: left in, it would hold up this batch and all that come after it for ever."""
    encoded = orjson.dumps(rows)
    if rb"\u0000" in encoded:
        encoded = orjson.dumps(_without_nul(rows))
    return encoded.decode()


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {_without_nul(key): _without_nul(each) for key, each in value.items()}
        case list() | tuple():
            return [_without_nul(each) for each in value]
    return value
