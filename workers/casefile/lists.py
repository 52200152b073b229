"""Lists as people page through them: cases and tasks, each page read from an index, however many there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import Case, Effect, EffectState, InboxRow, Incident, Task
from workers.casefile.record_models import Instance
from workers.casefile.ticket_models import Ticket
from workers.casefile.unmatched import unmatched

UNSETTLED = (EffectState.INTENDED, EffectState.UNKNOWN)
COUNTED = 500
"""Nobody reads on behind it: more than so many are counted as one more."""
_INT8 = 2**63

DUE = func.coalesce(Task.due_at, text("'infinity'::timestamptz"))
"""What the list of tasks is ordered by, and its index."""


class Sort(StrEnum):
    """Orders in which cases can be listed."""

    NEWEST = "newest"
    OLDEST = "oldest"
    CLOSED = "closed"
    """Those that ended, the last one first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: behind the row of this moment and key."""

    moment: datetime | None
    key: str


@dataclass(frozen=True, slots=True)
class CasesWanted:
    """Which cases; what is None or empty does not narrow."""

    text: str = ""
    """Order id, beginning of the order number, or key or correlation key of a process instance."""
    state: str | None = None
    process: str | None = None
    outcome: str | None = None
    opened_before: datetime | None = None
    unsettled: bool = False
    """Only those with an effect that may or may not have happened."""
    sort: Sort = Sort.NEWEST


class Whose(StrEnum):
    """Views of the task list."""

    MINE = "mine"
    UNCLAIMED = "unclaimed"
    """Those that nobody has, of the groups named."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class TasksWanted:
    """Which open tasks."""

    whose: Whose
    name: str
    groups: Sequence[str]
    element: str | None = None
    due_before: datetime | None = None


_CASE_COLUMNS = (
    Case.id, Case.process, Case.process_instance_key, Case.state, Case.outcome, Case.order_number, Case.currency,
    Case.total_minor, Case.opened_at, Case.closed_at,
)  # fmt: skip
"""Not the order as the shop had it: it is large, and a list does not show it."""


async def cases(session: AsyncSession, wanted: CasesWanted, after: Place | None, limit: int) -> Sequence[Any]:
    """At most `limit` cases behind the place."""
    moment = Case.closed_at if wanted.sort is Sort.CLOSED else Case.opened_at
    place = tuple_(moment, Case.id)
    query = select(*_CASE_COLUMNS).where(*_conditions(wanted)).limit(limit)
    if after is not None:
        behind = tuple_(literal(after.moment, moment.type), literal(after.key))
        query = query.where(place > behind if wanted.sort is Sort.OLDEST else place < behind)
    columns: tuple[ColumnElement[Any], ...] = (moment.expression, Case.id.expression)
    ordered = columns if wanted.sort is Sort.OLDEST else tuple(column.desc() for column in columns)
    return (await session.execute(query.order_by(*ordered))).all()


async def count_cases(session: AsyncSession, wanted: CasesWanted) -> int:
    """How many there are, COUNTED + 1 when there are more."""
    return await session.scalar(select(number_of_cases(wanted))) or 0


def number_of_cases(wanted: CasesWanted) -> ScalarSelect[int]:
    """The same as part of a statement."""
    return number_of(select(Case.id).where(*_conditions(wanted)))


def _conditions(wanted: CasesWanted) -> Iterable[ColumnElement[bool]]:
    if wanted.text:
        yield or_(*_matches(wanted.text))
    if wanted.state is not None:
        yield Case.state == wanted.state
    if wanted.process is not None:
        yield exists().where(Instance.case_id == Case.id, *_instances_of(wanted.process, wanted.state))
    if wanted.outcome is not None:
        yield Case.outcome == wanted.outcome
    if wanted.opened_before is not None:
        yield Case.opened_at < wanted.opened_before
    if wanted.unsettled:
        yield Case.id.in_(select(Effect.case_id).where(Effect.state.in_(UNSETTLED)))
    if wanted.sort is Sort.CLOSED:
        yield Case.closed_at.is_not(None)


def _instances_of(process: str, state: str | None) -> Iterable[ColumnElement[bool]]:
    """Those by which a case is one of a process: of open cases those that are under way, of those that stand still
    those that do."""
    yield Instance.process == process
    if state in {"open", "incident"}:
        yield Instance.state == "open"
    if state == "incident":
        yield exists().where(Incident.process_instance_key == Instance.key, Incident.resolved_at.is_(None))


def _matches(text: str) -> Iterable[ColumnElement[bool]]:
    """Each by an index of its own. Shops write numbers with a hash in front, people leave it out."""
    yield Case.id == text
    yield Case.order_number.startswith(text, autoescape=True)
    if not text.startswith("#"):
        yield Case.order_number.startswith(f"#{text}", autoescape=True)
    yield Case.id == func.any(func.array(_cases_of_instances(text), type_=ARRAY(Text())))


def _cases_of_instances(text: str) -> ScalarSelect[str]:
    """As an array it is found first; as part of the condition every case would be held against it."""
    known = [Instance.correlation_key == text]
    if text.isascii() and text.isdigit() and int(text) < _INT8:
        known.append(Instance.key == int(text))
    return select(Instance.case_id).where(or_(*known)).limit(COUNTED).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Wait:
    """What a case waits for: an incident to be mended, or a task to be done."""

    process: str
    element: str
    incident: str | None = None
    """What it says."""


async def waits(session: AsyncSession, cases: Iterable[str]) -> dict[str, Wait]:
    """By case; one of several, incidents before tasks."""
    open_of = Instance.case_id.in_(list(cases)), Instance.state == "open"
    asked = select(Instance.case_id, Task.process, Task.element_id)
    asked = asked.join(Task, Task.process_instance_key == Instance.key).where(*open_of, Task.state == "open")
    stuck = select(Instance.case_id, Incident.process, Incident.element_id, Incident.message)
    stuck = stuck.join(Incident, Incident.process_instance_key == Instance.key)
    stuck = stuck.where(*open_of, Incident.resolved_at.is_(None))
    found = {case: Wait(*what) for case, *what in await session.execute(asked)}
    return found | {case: Wait(*what) for case, *what in await session.execute(stuck)}


async def subjects(session: AsyncSession, cases: Iterable[str]) -> dict[str, str]:
    """Of tickets that are a case of their own, by case."""
    found = await session.execute(select(Ticket.id, Ticket.subject).where(Ticket.id.in_(list(cases))))
    return {row.id: row.subject for row in found}


async def tasks(session: AsyncSession, wanted: TasksWanted, after: Place | None, limit: int) -> Sequence[Any]:
    """At most `limit` open tasks behind the place, those first that are due first; each with its case."""
    query = (
        select(Task, Case.id.label("case_id"), Case.order_number)
        .outerjoin(Instance, Instance.key == Task.process_instance_key)
        .outerjoin(Case, Case.id == Instance.case_id)
        .where(*_open_tasks(wanted))
        .order_by(DUE, Task.key)
        .limit(limit)
    )
    if after is not None:
        due = text("'infinity'::timestamptz") if after.moment is None else literal(after.moment, Task.due_at.type)
        query = query.where(tuple_(DUE, Task.key) > tuple_(due, literal(int(after.key))))
    return (await session.execute(query)).all()


async def count_tasks(session: AsyncSession, wanted: TasksWanted) -> int:
    """How many there are, COUNTED + 1 when there are more."""
    return await session.scalar(select(number_of_tasks(wanted))) or 0


def number_of_tasks(wanted: TasksWanted) -> ScalarSelect[int]:
    """The same as part of a statement."""
    return number_of(select(Task.key).where(*_open_tasks(wanted)))


def _open_tasks(wanted: TasksWanted) -> Iterable[ColumnElement[bool]]:
    yield Task.state == "open"
    if wanted.whose is Whose.MINE:
        yield Task.assignee == wanted.name
    if wanted.whose is Whose.UNCLAIMED:
        yield Task.assignee.is_(None)
        yield Task.candidate_groups.overlap(list(wanted.groups))
    if wanted.element is not None:
        yield Task.element_id == wanted.element
    if wanted.due_before is not None:
        yield DUE.op("<")(wanted.due_before)


class InboxView(StrEnum):
    """Messages that somebody may have to look at."""

    WAITING = "waiting"
    """Not yet with the engine: the relay goes on trying."""
    REFUSED = "refused"
    """The engine will never take them."""
    UNMATCHED = "unmatched"
    """The engine has, or had, them, and nobody took them: what they are about is not known here."""


async def messages_in(session: AsyncSession, wanted: InboxView, after: int, limit: int) -> Sequence[InboxRow]:
    """At most `limit` messages behind this one, the oldest first."""
    query = select(InboxRow).where(_messages(wanted), InboxRow.id > after)
    return (await session.scalars(query.order_by(InboxRow.id).limit(limit))).all()


def _messages(wanted: InboxView) -> ColumnElement[bool]:
    if wanted is InboxView.UNMATCHED:
        return unmatched()
    refused = InboxRow.refused_at.is_not(None) if wanted is InboxView.REFUSED else InboxRow.refused_at.is_(None)
    return and_(InboxRow.published_at.is_(None), refused)


def number_of(query: Select[Any]) -> ScalarSelect[int]:
    """How many rows a query has, COUNTED + 1 when there are more: it costs no more however many there are."""
    return select(func.count()).select_from(query.limit(COUNTED + 1).subquery()).scalar_subquery()
