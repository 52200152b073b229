"""Records that nothing can be made of: kept like all others, and not in the way of those that come after them."""

from collections.abc import Sequence
from pathlib import Path
from traceback import extract_tb

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError

from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.instances import Outcomes
from workers.casefile.projection.projector import project
from workers.casefile.projection.reduced import UNREAD, Reduced
from workers.casefile.projection.tables import Tables, given, table

THEIR_FAULT = (ArithmeticError, AttributeError, DataError, IntegrityError, LookupError, TypeError, ValueError)
"""What a record raises that is not as we expect. An absent database or table is not a record's fault."""

_HERE = Path(__file__).parent
_SET_ASIDE = table("set_aside")
_given = given(_SET_ASIDE, *_SET_ASIDE.c.keys())
_ADD = insert(_SET_ASIDE).from_select(_given.c.keys(), select(*_given.c)).on_conflict_do_nothing()

_log = structlog.get_logger(__name__)


async def project_or_set_aside(
    tables: Tables, news: Sequence[Reduced], definitions: Definitions, outcomes: Outcomes
) -> set[str]:
    """As `project`. When that fails on a record, only this one is left out, and named in `set_aside`."""
    for record in news:
        if UNREAD in (record.facts or {}):
            await _set_aside(tables, record, "facts")
    return await _in_parts(tables, [r for r in news if UNREAD not in (r.facts or {})], definitions, outcomes)


async def _in_parts(
    tables: Tables, news: Sequence[Reduced], definitions: Definitions, outcomes: Outcomes
) -> set[str]:
    """All at once; else one half after the other, until the record is found."""
    try:
        async with tables.connection.transaction():
            return await project(tables, news, definitions, outcomes)
    except THEIR_FAULT as error:
        if len(news) == 1:
            await _set_aside(tables, news[0], _where(error))
            return set()
    half = len(news) // 2
    first = await _in_parts(tables, news[:half], definitions, outcomes)
    return first | await _in_parts(tables, news[half:], definitions, outcomes)


async def _set_aside(tables: Tables, record: Reduced, error: str) -> None:
    row = {"partition": record.partition, "position": record.position, "error": error}
    await tables.put(_ADD, [row])
    _log.critical("records.set_aside", value_type=record.value_type, intent=record.intent, **row)


def _where(error: Exception) -> str:
    """Kind and place without the text: that may be somebody's data."""
    frames = [(Path(frame.filename), frame.name) for frame in extract_tb(error.__traceback__)]
    places = [
        f" in {name} ({path.name})" for path, name in frames if path.parent == _HERE and path.stem != "tables"
    ]
    return type(error).__name__ + places[-1]
