"""The case file of an order: state, money, and what happened when."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.db import SCHEMA, Database
from workers.casefile.direct import Statement
from workers.casefile.models import Base, Case, TimelineEntry
from workers.ports.shop import Order
from workers.runtime.context import current_job
from workers.runtime.errors import NeedsHuman

_ORDER = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence of a case's timeline. `key` is its identity within the case: written twice, it stands once.

    With `cost_minor`, what the goods of the case cost is known from then on.
    """

    case_id: str
    key: str
    kind: str
    sentence: str
    facts: Mapping[str, Any]
    cost_minor: int | None = None

    def values(self) -> dict[str, Any]:
        """What WRITE_ENTRY is executed with; instance and element are those of the job being done."""
        job = current_job()
        where = (job.process_instance_key, job.element_id) if job else (None, None)
        told = {f"entry_{field.name}": getattr(self, field.name) for field in fields(self)}
        return told | dict(zip(("entry_process_instance_key", "entry_element_id"), where, strict=True))


_CASE, _TIMELINE = Base.metadata.tables[f"{SCHEMA}.cases"], Base.metadata.tables[f"{SCHEMA}.timeline"]
_COLUMNS = ("case_id", "key", "kind", "sentence", "facts", "process_instance_key", "element_id")
_COST = bindparam("entry_cost_minor", type_=_CASE.c.cost_minor.type)
_PRICED = (
    update(_CASE)
    .where(_CASE.c.id == bindparam("entry_case_id"), _COST.is_not(None))
    .values(cost_minor=_COST)
    .cte("priced")
)
_WRITTEN = (
    insert(_TIMELINE)
    .values({name: bindparam(f"entry_{name}") for name in _COLUMNS})
    .on_conflict_do_nothing(index_elements=[_TIMELINE.c.case_id, _TIMELINE.c.key])
    .cte("written")
)
WRITE_ENTRY = select(true()).add_cte(_WRITTEN, _PRICED)
"""Write an entry, and the cost that came with it: one round trip."""
_WRITE_ENTRY = Statement(WRITE_ENTRY)
_FACTS = ("order_number", "currency", "total_minor", "shop_order")
_OPENED = insert(_CASE).values({name: bindparam(name) for name in ("id", "process", *_FACTS)})
_DESCRIBE = Statement(
    _OPENED.on_conflict_do_update(
        index_elements=[_CASE.c.id], set_={name: _OPENED.excluded[name] for name in _FACTS}
    )
)
_SHOP_ORDER = Statement(select(_CASE.c.shop_order).where(_CASE.c.id == bindparam("case_id")))


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with a sign that there was more: `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


async def timeline_of(session: AsyncSession, case_id: str | None) -> list[TimelineEntry]:
    """A case's timeline, oldest first; empty when there is no such case."""
    entries = select(TimelineEntry).where(TimelineEntry.case_id == case_id)
    return list(await session.scalars(entries.order_by(TimelineEntry.happened_at, TimelineEntry.id)))


async def order_of(session: AsyncSession, case_id: str) -> Order | None:
    """The order as it was described last, or None."""
    told = await session.scalar(select(Case.shop_order).where(Case.id == case_id))
    return None if told is None else _ORDER.validate_python(told)


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
        await self._database.statement(_DESCRIBE, case)

    async def order(self, case_id: str) -> Order:
        """The order as it was described last: what was checked is what is bought."""
        order = await self.find_order(case_id)
        if order is None:
            raise NeedsHuman(f"case {case_id} has no order yet; it is read from the shop first")
        return order

    async def find_order(self, case_id: str) -> Order | None:
        """The same, or None when it was not described yet."""
        found = await self._database.statement(_SHOP_ORDER, {"case_id": case_id})
        if not found or found[0].shop_order is None:
            return None
        return _ORDER.validate_python(found[0].shop_order)

    async def write(self, entry: Entry) -> None:
        """Add an entry to a timeline. Idempotent by case and key."""
        await self._database.statement(_WRITE_ENTRY, entry.values())

    async def has(self, case_id: str, key: str) -> bool:
        """Whether the timeline has an entry of this key, erased or not."""
        entry = select(TimelineEntry.id).where(TimelineEntry.case_id == case_id, TimelineEntry.key == key)
        async with self._database.sessions() as session:
            return await session.scalar(entry) is not None

    async def get(self, case_id: str) -> Case | None:
        """The case, or None."""
        async with self._database.sessions() as session:
            return await session.get(Case, case_id)

    async def timeline(self, case_id: str) -> list[TimelineEntry]:
        """The case's timeline, oldest first."""
        async with self._database.sessions() as session:
            return await timeline_of(session, case_id)
