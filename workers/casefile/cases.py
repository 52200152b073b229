"""The case file of an order: state, money, and what happened when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from workers.casefile.db import Database
from workers.casefile.models import Case, TimelineEntry
from workers.ports.shop import Order
from workers.runtime.errors import NeedsHuman

_ORDER = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence of a case's timeline. `key` is its identity within the case: written twice, it stands once."""

    case_id: str
    key: str
    kind: str
    sentence: str
    facts: Mapping[str, Any]


_WRITE_ENTRY = insert(TimelineEntry).on_conflict_do_nothing(
    index_elements=[TimelineEntry.case_id, TimelineEntry.key]
)
_SET_COST = update(Case).where(Case.id == bindparam("case_id")).values(cost_minor=bindparam("cost"))
_FACTS = ("order_number", "currency", "total_minor", "shop_order")
_DESCRIBE = insert(Case)
_DESCRIBE = _DESCRIBE.on_conflict_do_update(
    index_elements=[Case.id], set_={name: _DESCRIBE.excluded[name] for name in _FACTS}
)
_SHOP_ORDER = select(Case.shop_order).where(Case.id == bindparam("case_id"))


async def write_entry(connection: AsyncConnection, entry: Entry) -> None:
    """Add an entry. Idempotent by case and key."""
    values = {
        "case_id": entry.case_id,
        "key": entry.key,
        "kind": entry.kind,
        "sentence": entry.sentence,
        "facts": dict(entry.facts),
    }
    await connection.execute(_WRITE_ENTRY, values)


async def set_cost(connection: AsyncConnection, case_id: str, cost_minor: int) -> None:
    """Write what the goods cost. The same cost twice is the same."""
    await connection.execute(_SET_COST, {"case_id": case_id, "cost": cost_minor})


async def timeline_of(session: AsyncSession, case_id: str | None) -> list[TimelineEntry]:
    """A case's timeline, oldest first; empty when there is no such case."""
    entries = select(TimelineEntry).where(TimelineEntry.case_id == case_id)
    return list(await session.scalars(entries.order_by(TimelineEntry.happened_at, TimelineEntry.id)))


class Cases:
    """Opens cases and writes their timelines, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def describe(self, process: str, order: Order) -> None:
        """Open the case if the record stream has not, and keep the order as the shop has it. Idempotent."""
        case = {
            "id": order.id,
            "process": process,
            "order_number": order.number,
            "currency": order.total.currency,
            "total_minor": order.total.minor,
            "shop_order": _ORDER.dump_python(order, mode="json"),
        }
        async with self._database.connection() as connection:
            await connection.execute(_DESCRIBE, case)

    async def order(self, case_id: str) -> Order:
        """The order as it was described last: what was checked is what is bought."""
        async with self._database.connection() as connection:
            order = await connection.scalar(_SHOP_ORDER, {"case_id": case_id})
        if order is None:
            raise NeedsHuman(f"case {case_id} has no order yet; it is read from the shop first")
        return _ORDER.validate_python(order)

    async def write(self, entry: Entry) -> None:
        """Add an entry to a timeline. Idempotent by case and key."""
        async with self._database.connection() as connection:
            await write_entry(connection, entry)

    async def get(self, case_id: str) -> Case | None:
        """The case, or None."""
        async with self._database.sessions() as session:
            return await session.get(Case, case_id)

    async def timeline(self, case_id: str) -> list[TimelineEntry]:
        """The case's timeline, oldest first."""
        async with self._database.sessions() as session:
            return await timeline_of(session, case_id)
