"""What became of a demo's orders: read from the case file and from the outside world's own books."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles
from typing import TypeAlias, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.adapters.mock_behaviour import Kind
from workers.adapters.mock_books import BehaviourRow, PostingRow, SupplierOrderRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.models import Case, Effect, InboxRow, Incident, TimelineEntry
from workers.casefile.record_models import Instance, RecordPosition, WaitingJob
from workers.runtime.demo.plan import Plan

_PERCENTILES = 100
Row = TypeVar("Row")
Member = TypeVar("Member")
Ids: TypeAlias = ColumnElement[list[str]]


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


def array_of(ids: Iterable[str]) -> Ids:
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
    """All books of the plan's orders: the case file's first, then the outside world's."""
    ids = array_of(plan.by_case)
    bought = select(SupplierOrderRow).where(order_of(SupplierOrderRow) == any_(ids))
    booked = select(PostingRow).where(PostingRow.order_id == any_(ids), PostingRow.account == "COGS")
    async with database.sessions() as session:
        cases = (await session.scalars(select(Case).where(Case.id == any_(ids)))).all()
        return Books(
            cases={case.id: case for case in cases},
            incidents=await _incidents(session, ids),
            received_at=await _received_at(session, ids),
            supplied_at=await _supplied_at(session, ids),
            ended=_sets(await _ends(session, ids)),
            bought=_grouped((order.reference.split("-")[1], order) for order in await world.rows(bought)),
            booked=_grouped((posting.order_id, posting) for posting in await world.rows(booked)),
            sold_out=_sets([*await _late(session, ids), *await _struck(world, plan)]),
        )


async def _incidents(session: AsyncSession, ids: Ids) -> Sequence[Incident]:
    """Those that are still there."""
    unresolved = (
        select(Incident)
        .join(Instance, Instance.key == Incident.process_instance_key)
        .where(Instance.case_id == any_(ids), Incident.resolved_at.is_(None))
    )
    return (await session.scalars(unresolved)).all()


async def _late(session: AsyncSession, ids: Ids) -> list[tuple[str, str]]:
    """Case and supplier of each order that found nothing left of what had been offered."""
    entries = select(TimelineEntry).where(
        TimelineEntry.case_id == any_(ids), TimelineEntry.kind == "supplier_out_of_stock"
    )
    return [(entry.case_id, entry.facts["supplier"]) for entry in await session.scalars(entries)]


async def _received_at(session: AsyncSession, ids: Ids) -> dict[str, datetime]:
    arrivals = select(InboxRow.correlation_key, InboxRow.received_at).where(
        InboxRow.message_name == "order_paid", InboxRow.correlation_key == any_(ids)
    )
    return {row.correlation_key: row.received_at for row in await session.execute(arrivals)}


async def _supplied_at(session: AsyncSession, ids: Ids) -> dict[str, datetime]:
    announced = select(Effect.case_id, Effect.settled_at).where(
        Effect.key == func.concat("supplier_order_placed:", Effect.case_id), Effect.case_id == any_(ids)
    )
    return {row.case_id: row.settled_at for row in await session.execute(announced) if row.settled_at}


async def _ends(session: AsyncSession, ids: Ids) -> list[tuple[str, tuple[str, str]]]:
    """Case, process and outcome of each instance that has ended with one."""
    ends = select(Instance.case_id, Instance.process, Instance.outcome).where(
        Instance.case_id == any_(ids), Instance.outcome.is_not(None)
    )
    return [(row.case_id, (row.process, row.outcome)) for row in await session.execute(ends)]


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


def _sets(pairs: Iterable[tuple[str, Member]]) -> dict[str, set[Member]]:
    return {key: set(members) for key, members in _grouped(pairs).items()}
