"""Takes in the engine's own record stream: keeps it, and makes cases, tasks, timelines … of it.

The broker sends every record again until we have answered, and in the order of each partition; a batch is taken in
in one transaction together with the position reached, so each record counts exactly once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from workers.casefile.db import Database
from workers.casefile.direct import Direct
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.instances import Outcomes
from workers.casefile.projection.reduced import Reduced, Sent, reduced
from workers.casefile.projection.set_aside import project_or_set_aside
from workers.casefile.projection.tables import Tables, given, table
from workers.casefile.ticket_ends import close_cancelled
from workers.casefile.unmatched import match_taken

CHANNEL = "cases"
"""Notifications of cases that changed: their ids, with commas between them."""
MOST_NOTIFIED = 7_900
"""Bytes; PostgreSQL takes 7,999 in one notification."""

_RECORDS, _POSITIONS = table("records"), table("record_positions")
_FIELDS = tuple(name for name in Reduced._fields if name != "recorded_at")
_news = given(_RECORDS, *_FIELDS)
_ADD = insert(_RECORDS).from_select(_news.c.keys(), select(*_news.c)).on_conflict_do_nothing()
_partition = bindparam("of", type_=BigInteger())
_LOCK = select(_POSITIONS.c.position).where(_POSITIONS.c.partition == _partition).with_for_update()
_BEGIN = insert(_POSITIONS).values(partition=_partition, position=-1).on_conflict_do_nothing()
_REACH = (
    update(_POSITIONS)
    .where(_POSITIONS.c.partition == _partition)
    .values(position=bindparam("reached", type_=BigInteger()), received_at=func.now())
)
_payloads = bindparam("payloads", type_=ARRAY(Text()))
_NOTIFY = select(func.pg_notify(CHANNEL, func.unnest(_payloads)))


class Projection:
    """`outcomes` says for each process which end events decide how a case ended, and by which word."""

    def __init__(self, database: Database, outcomes: Outcomes) -> None:
        self._database = database
        self._outcomes = outcomes
        self._definitions = Definitions()

    async def take_in(self, records: Sequence[Sent]) -> int:
        """Apply a batch. Idempotent by (partition, position): what was taken in before is passed over.

        Gives the number of records that were new, and told us something.
        """
        taken, cases = 0, set[str]()
        async with self._database.direct() as connection:
            async with connection.transaction():
                for partition, batch in groupby(sorted(records, key=_place), key=lambda sent: sent["partitionId"]):
                    news, concerned = await self._take_in(connection, partition, list(batch))
                    taken, cases = taken + news, cases | concerned
            await notify(connection, cases)
        return taken

    async def _take_in(self, connection: Direct, partition: int, batch: Sequence[Sent]) -> tuple[int, set[str]]:
        tables = Tables(connection)
        reached = await _lock(tables, partition)
        last = batch[-1]["position"]
        if last <= reached:
            return 0, set()
        sent = {each["position"]: each for each in batch if each["position"] > reached}
        news = [record for each in sent.values() if (record := reduced(each))]
        await tables.put(_ADD, [dict(zip(_FIELDS, record, strict=False)) for record in news])
        cases = await project_or_set_aside(tables, news, self._definitions, self._outcomes)
        await match_taken(tables, news)
        await close_cancelled(tables, news)
        await tables.find(_REACH, {"of": partition, "reached": last})
        return len(news), cases


async def notify(connection: Direct, cases: Iterable[str]) -> None:
    """Tell who listens which cases changed.

    After the commit: PostgreSQL makes all that notify wait for one another.
    """
    if payloads := list(_joined(sorted(cases))):
        await Tables(connection).find(_NOTIFY, {"payloads": payloads})


def _joined(cases: Sequence[str]) -> Iterator[str]:
    payload = ""
    for case in cases:
        if payload and len(f"{payload},{case}".encode()) > MOST_NOTIFIED:
            yield payload
            payload = case
        else:
            payload = f"{payload},{case}" if payload else case
    if payload:
        yield payload


def _place(sent: Mapping[str, Any]) -> tuple[int, int]:
    return sent["partitionId"], sent["position"]


async def _lock(tables: Tables, partition: int) -> int:
    """The position reached on this partition; its row stays locked until the transaction ends."""
    found = await tables.find(_LOCK, {"of": partition})
    if not found:
        await tables.find(_BEGIN, {"of": partition})
        found = await tables.find(_LOCK, {"of": partition})
    return int(found[0].position)
