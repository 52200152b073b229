"""What became of a demo's orders: read from the case file and from the outside world's own books."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles
from typing import TypeVar

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select

from workers.adapters.mock_world import EventRow, MockWorld, PostingRow, SupplierOrderRow
from workers.casefile.db import Database
from workers.casefile.models import Case, InboxRow, Incident, TimelineEntry
from workers.runtime.demo.plan import Plan

_PERCENTILES = 100
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the orders are."""

    cases: int
    closed: int
    incidents: int
    bought: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything the verdict needs, by case id where it is a mapping."""

    cases: Mapping[str, Case]
    bought: Mapping[str, Sequence[SupplierOrderRow]]
    booked: Mapping[str, Sequence[PostingRow]]
    incidents: Sequence[Incident]
    late_sold_out: frozenset[str]
    received_at: Mapping[str, datetime]
    supplied_at: Mapping[str, datetime]

    def ledger_difference(self) -> int:
        """Minor units by which ledger and suppliers' books differ, over all currencies."""
        spent: Counter[str] = Counter()
        for order in (order for orders in self.bought.values() for order in orders):
            spent[order.currency] += order.cost_minor
        for posting in (posting for postings in self.booked.values() for posting in postings):
            spent[posting.currency] -= posting.amount_minor
        return sum(abs(difference) for difference in spent.values())

    def seconds_to_supply(self) -> list[float]:
        """From the webhook's arrival to the announced supplier order, sorted."""
        return sorted(
            (self.supplied_at[case_id] - self.received_at[case_id]).total_seconds()
            for case_id in self.supplied_at
            if case_id in self.received_at
        )


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The given percentile of sorted values; None of none."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=_PERCENTILES, method="inclusive")[percent - 1]


def array_of(ids: Iterable[str]) -> ColumnElement[list[str]]:
    """Thousands of ids as one parameter; as many parameters would cost seconds of our own time."""
    return literal(list(ids), ARRAY(Text))


async def progress(database: Database, plan: Plan) -> Progress:
    """Counts for the live display."""
    ids = array_of(plan.by_case)
    async with database.sessions() as session:
        counted = (
            await session.execute(
                select(
                    func.count(),
                    func.count().filter(Case.state.in_(("done", "terminated"))),
                    func.count().filter(Case.state == "incident"),
                    func.count(Case.cost_minor),
                ).where(Case.id == any_(ids))
            )
        ).one()
    return Progress(*counted)


async def read(database: Database, world: MockWorld, plan: Plan) -> Books:
    """All books of the plan's orders."""
    ids = array_of(plan.by_case)
    references = {f"orderops-{case_id}": case_id for case_id in plan.by_case}
    async with database.sessions() as session:
        cases = (await session.scalars(select(Case).where(Case.id == any_(ids)))).all()
        keys = [case.process_instance_key for case in cases if case.process_instance_key]
        unresolved = select(Incident).where(
            Incident.process_instance_key.in_(keys), Incident.resolved_at.is_(None)
        )
        incidents = (await session.scalars(unresolved)).all()
        entries = select(TimelineEntry.case_id).where(
            TimelineEntry.case_id == any_(ids), TimelineEntry.kind == "supplier_out_of_stock"
        )
        late = frozenset((await session.scalars(entries)).all())
        arrivals = select(InboxRow.correlation_key, InboxRow.received_at).where(
            InboxRow.message_name == "order_paid", InboxRow.correlation_key == any_(ids)
        )
        received = {row.correlation_key: row.received_at for row in await session.execute(arrivals)}
    bought = await world.rows(
        select(SupplierOrderRow).where(SupplierOrderRow.reference == any_(array_of(references)))
    )
    booked = await world.rows(
        select(PostingRow).where(PostingRow.order_id == any_(ids), PostingRow.account == "COGS")
    )
    announced = await world.rows(select(EventRow).where(EventRow.name == "supplier_order_placed"))
    supplied = {event.payload["shopify_order_id"]: event.published_at for event in announced}
    return Books(
        cases={case.id: case for case in cases},
        bought=_grouped((references[order.reference], order) for order in bought),
        booked=_grouped((posting.order_id, posting) for posting in booked),
        incidents=incidents,
        late_sold_out=late,
        received_at=received,
        supplied_at={case_id: at for case_id, at in supplied.items() if case_id in plan.by_case},
    )


def _grouped(pairs: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for key, row in pairs:
        groups.setdefault(key, []).append(row)
    return groups
