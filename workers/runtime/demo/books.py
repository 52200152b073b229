"""What became of a demo's orders: read from the case file and from the outside world's own books."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles
from typing import TypeVar

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select

from workers.adapters.mock_behaviour import Kind
from workers.adapters.mock_books import BehaviourRow, PostingRow, SupplierOrderRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.models import Case, Effect, InboxRow, Incident, TimelineEntry
from workers.casefile.record_models import Instance, RecordPosition, WaitingJob
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
    reached: int
    """How far the engine's records are: while it grows, something happens."""
    under_way: int
    """Messages that the engine does not have yet, and jobs that nobody has finished."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything the verdict needs, by case id where it is a mapping."""

    cases: Mapping[str, Case]
    bought: Mapping[str, Sequence[SupplierOrderRow]]
    booked: Mapping[str, Sequence[PostingRow]]
    incidents: Sequence[Incident]
    sold_out: Mapping[str, Set[str]]
    """Suppliers that had nothing for an order: at its offers, as set up and struck, or at ordering."""
    received_at: Mapping[str, datetime]
    supplied_at: Mapping[str, datetime]
    ended: Mapping[str, Set[tuple[str, str]]] = field(default_factory=dict)
    """How its process instances ended: process and outcome."""

    def those_that(self, process: str, *outcomes: str) -> int:
        """How many cases have an instance of the process that ended so."""
        wanted = {(process, outcome) for outcome in outcomes}
        return sum(not wanted.isdisjoint(ends) for ends in self.ended.values())

    def ledger_differences(self) -> dict[str, int]:
        """Every order that is not booked exactly as bought → by how many minor units, over its currencies."""
        differences = {}
        for case_id in sorted({*self.bought, *self.booked}):
            costs = [(order.currency, order.cost_minor) for order in self.bought.get(case_id, ())]
            postings = [(posting.currency, posting.amount_minor) for posting in self.booked.get(case_id, ())]
            if sorted(costs) != sorted(postings):
                differences[case_id] = _difference(costs, postings)
        return differences

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


def order_of(row: type[SupplierOrderRow]) -> ColumnElement[str]:
    """The shop's order in our reference: orderops-<order>, and more where goods were sent again."""
    return func.split_part(row.reference, "-", 2)


_UNPUBLISHED = select(func.count()).where(InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None))
_UNDER_WAY = (
    _UNPUBLISHED.scalar_subquery() + select(func.count()).select_from(WaitingJob).scalar_subquery()
).label("under_way")


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
                    select(func.coalesce(func.sum(RecordPosition.position), 0)).scalar_subquery(),
                    _UNDER_WAY,
                ).where(Case.id == any_(ids))
            )
        ).one()
    return Progress(*counted)


async def read(database: Database, world: MockWorld, plan: Plan) -> Books:
    """All books of the plan's orders."""
    ids = array_of(plan.by_case)
    async with database.sessions() as session:
        cases = (await session.scalars(select(Case).where(Case.id == any_(ids)))).all()
        unresolved = (
            select(Incident)
            .join(Instance, Instance.key == Incident.process_instance_key)
            .where(Instance.case_id == any_(ids), Incident.resolved_at.is_(None))
        )
        incidents = (await session.scalars(unresolved)).all()
        entries = select(TimelineEntry).where(
            TimelineEntry.case_id == any_(ids), TimelineEntry.kind == "supplier_out_of_stock"
        )
        late = [(entry.case_id, entry.facts["supplier"]) for entry in await session.scalars(entries)]
        arrivals = select(InboxRow.correlation_key, InboxRow.received_at).where(
            InboxRow.message_name == "order_paid", InboxRow.correlation_key == any_(ids)
        )
        received = {row.correlation_key: row.received_at for row in await session.execute(arrivals)}
        ends = select(Instance.case_id, Instance.process, Instance.outcome).where(
            Instance.case_id == any_(ids), Instance.outcome.is_not(None)
        )
        announced = select(Effect.case_id, Effect.settled_at).where(
            Effect.key == func.concat("supplier_order_placed:", Effect.case_id), Effect.case_id == any_(ids)
        )
        supplied = {row.case_id: row.settled_at for row in await session.execute(announced) if row.settled_at}
        ended = [(row.case_id, (row.process, row.outcome)) for row in await session.execute(ends)]
    bought = await world.rows(select(SupplierOrderRow).where(order_of(SupplierOrderRow) == any_(ids)))
    booked = await world.rows(
        select(PostingRow).where(PostingRow.order_id == any_(ids), PostingRow.account == "COGS")
    )
    return Books(
        cases={case.id: case for case in cases},
        bought=_grouped((order.reference.split("-")[1], order) for order in bought),
        booked=_grouped((posting.order_id, posting) for posting in booked),
        incidents=incidents,
        sold_out={
            case_id: set(names) for case_id, names in _grouped([*late, *await _struck(world, plan)]).items()
        },
        received_at=received,
        supplied_at=supplied,
        ended={case_id: set(ends) for case_id, ends in _grouped(ended).items()},
    )


async def _struck(world: MockWorld, plan: Plan) -> list[tuple[str, str]]:
    """Case and supplier of each offer that was sold out as `world.set_up` arranged it."""
    used_up = select(BehaviourRow).where(
        BehaviourRow.operation == "supplier.get_offers",
        BehaviourRow.kind == Kind.OUT_OF_STOCK,
        BehaviourRow.remaining == 0,
        func.cardinality(BehaviourRow.targets) == 2,
    )
    cases = plan.by_case
    pairs = [(row.targets[0], row.targets[1]) for row in await world.rows(used_up)]
    return [(case_id, supplier) for case_id, supplier in pairs if case_id in cases]


def _difference(costs: Iterable[tuple[str, int]], postings: Iterable[tuple[str, int]]) -> int:
    left: Counter[str] = Counter()
    for currency, minor in costs:
        left[currency] += minor
    for currency, minor in postings:
        left[currency] -= minor
    return sum(abs(minor) for minor in left.values())


def _grouped(pairs: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for key, row in pairs:
        groups.setdefault(key, []).append(row)
    return groups
