"""A person's request: everything that the case file holds of an order or a ticket, and its erasure afterwards.

Erased are words, facts and names. That something happened, of which kind and when, stays, and so does the chain.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Text, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import ticket_erasure
from workers.casefile.audit_models import AuditEntry
from workers.casefile.db import Database
from workers.casefile.models import Base, Case, CustomerRequest, InboxRow, TimelineEntry
from workers.casefile.projection.reduced import UNREAD
from workers.casefile.record_models import Instance, Record
from workers.casefile.refund_models import Refund, RefundApproval
from workers.casefile.seal import ERASED, ERASED_UP_TO
from workers.casefile.ticket_models import Ticket, TicketState

FINISHED = ("done", "terminated")
"""States of a case that may be erased."""


async def export(database: Database, case_id: str) -> dict[str, Any] | None:
    """Everything that is held of a case, with its seals; None when there is no such case."""
    async with database.sessions() as session:
        case = await session.get(Case, case_id)
        if case is None:
            return None
        ids = await _ids(session, case_id)
        entries = select(TimelineEntry).where(TimelineEntry.case_id.in_(ids)).order_by(TimelineEntry.id)
        requests = select(CustomerRequest).where(CustomerRequest.case_id == case_id)
        seals = select(AuditEntry).where(AuditEntry.case_id.in_(ids)).order_by(AuditEntry.case_id, AuditEntry.seq)
        return {
            "case": _columns(case),
            "timeline": [_columns(row) for row in await session.scalars(entries)],
            "customer_requests": [
                _columns(row) for row in await session.scalars(requests.order_by(CustomerRequest.created_at))
            ],
            "messages": [_columns(row) for row in await session.scalars(_messages(case_id).order_by(InboxRow.id))],
            "audit": [_columns(row) for row in await session.scalars(seals)],
            **await ticket_erasure.held(session, ids),
        }


async def erase(database: Database, case_id: str, actor: str) -> int | None:
    """Erase a finished case's personal data, and write into its timeline that `actor` did.

    How many timeline entries were erased; None, and nothing is changed, when `why_left` says something. Repeated,
    it erases what has come since.
    """

    async def work(session: AsyncSession) -> int | None:
        return None if await _why_left(session, case_id) else await _erase(session, case_id, actor)

    return await database.run(work)


async def why_left(database: Database, case_id: str) -> str | None:
    """Why a case may not be erased: there is none, or something of it still runs."""
    return await database.run(lambda session: _why_left(session, case_id))


@dataclass(frozen=True, slots=True)
class OfCustomer:
    """A customer's tickets: those that were erased, and those that somebody still works on, with why."""

    erased: tuple[str, ...]
    left: Mapping[str, str]


async def export_customer(database: Database, email: str) -> dict[str, Any]:
    """Everything that is held of a customer's tickets; their cases are exported by their own ids."""
    async with database.sessions() as session:
        ids = [ticket.id for ticket in await ticket_erasure.of_customer(session, email)]
        return await ticket_erasure.held(session, ids)


async def erase_customer(database: Database, email: str, actor: str) -> OfCustomer:
    """Erase a customer's tickets, each with its case, but for those that are worked on: their case has not ended,
    or goes on as an order's; or they have none and are open. Idempotent."""

    async def work(session: AsyncSession) -> OfCustomer:
        done: list[str] = []
        left: dict[str, str] = {}
        for ticket in await ticket_erasure.of_customer(session, email):
            if why := await _erase_ticket(session, ticket, actor):
                left[ticket.id] = why
            else:
                done.append(ticket.id)
        return OfCustomer(tuple(done), left)

    return await database.run(work)


async def _erase_ticket(session: AsyncSession, ticket: Ticket, actor: str) -> str | None:
    """Why it was not."""
    if await session.get(Case, ticket.id) is not None:
        if (why := await _why_left(session, ticket.id)) is None:
            await _erase(session, ticket.id, actor)
        return why
    if ticket.state == TicketState.OPEN:
        return "it is open"
    await ticket_erasure.erase(session, [ticket.id])
    return None


async def _why_left(session: AsyncSession, case_id: str) -> str | None:
    """The case is locked, so that nothing begins as it meanwhile."""
    state = await session.scalar(select(Case.state).where(Case.id == case_id).with_for_update())
    if state is None:
        return "there is no such case"
    if state not in FINISHED:
        return "its case has not ended"
    ids = await _ids(session, case_id)
    runs = or_(Instance.case_id.in_(ids), Instance.began_as.in_(ids))
    goes_on = select(Instance.case_id).where(runs, Instance.state == "open").distinct().order_by(Instance.case_id)
    cases = ", ".join(await session.scalars(goes_on))
    return f"it goes on in case {cases}" if cases else None


async def _erase(session: AsyncSession, case_id: str, actor: str) -> int:
    """How many timeline entries were."""
    await session.execute(update(Case).where(Case.id == case_id).values(shop_order=None))
    ids = await _ids(session, case_id)
    erased = sum([await _erase_timeline(session, each, actor) for each in ids])
    await ticket_erasure.erase(session, ids)
    messages = _messages(case_id).with_only_columns(InboxRow.id)
    await session.execute(update(InboxRow).where(InboxRow.id.in_(messages)).values(variables={}))
    await session.execute(update(CustomerRequest).where(CustomerRequest.case_id == case_id).values(facts={}))
    refunds = select(Refund.id).where(Refund.case_id == case_id)
    await session.execute(update(Refund).where(Refund.case_id == case_id).values(evidence=None))
    await session.execute(update(RefundApproval).where(RefundApproval.refund_id.in_(refunds)).values(reason=None))
    await _erase_records(session, ids)
    return erased


async def _erase_records(session: AsyncSession, case_ids: Collection[str]) -> None:
    """What was written into forms; of records that could not be read, what decisions were asked, too."""
    told, facts = Record.facts, Record.facts.op("-", return_type=JSONB())(literal("variables"))
    for name in ("variables", "evaluatedDecisions"):
        facts = facts.op("#-", return_type=JSONB())(literal([UNREAD, name], ARRAY(Text())))
    theirs = Record.process_instance_key.in_(select(Instance.key).where(_part_of(case_ids)))
    holding = or_(told.has_key("variables"), told.has_key(UNREAD))
    await session.execute(update(Record).where(theirs, holding).values(facts=facts))


def _part_of(case_ids: Collection[str]) -> ColumnElement[bool]:
    """Instances of these cases, and those that began as one of them, with all that they called."""
    roots = select(Instance.case_id, Instance.key).where(Instance.began_as.in_(case_ids))
    return or_(Instance.case_id.in_(case_ids), tuple_(Instance.case_id, Instance.root_key).in_(roots))


async def _ids(session: AsyncSession, case_id: str) -> list[str]:
    """Its own, and those that instances of it began as before their order was known."""
    began_as = select(Instance.began_as).where(Instance.case_id == case_id, Instance.began_as != case_id)
    return [case_id, *sorted({each for each in await session.scalars(began_as) if each})]


async def _erase_timeline(session: AsyncSession, case_id: str, actor: str) -> int:
    """How much was erased: the database blanks what is personal as soon as `erased_at` is set."""
    erased = (
        update(TimelineEntry)
        .where(TimelineEntry.case_id == case_id, TimelineEntry.erased_at.is_(None), TimelineEntry.kind != ERASED)
        .values(erased_at=func.now())
        .returning(TimelineEntry.id)
        .execution_options(synchronize_session=False)
    )
    entries = (await session.scalars(erased)).all()
    if entries:
        session.add(
            TimelineEntry(
                case_id=case_id,
                key=f"erased-{uuid4()}",
                kind=ERASED,
                sentence="Personal data erased on request",
                facts={ERASED_UP_TO: max(entries), "entries": len(entries)},
                source="command",
                actor=actor,
            )
        )
    return len(entries)


def _messages(case_id: str) -> Any:
    """What arrived about a case and does not wait for the engine any more, be it that this refused it: under the
    case's own key, or its instances', or its questions'."""
    questions = select(CustomerRequest.id).where(CustomerRequest.case_id == case_id)
    instances = select(Instance.correlation_key).where(Instance.case_id == case_id)
    key = InboxRow.correlation_key
    ours = or_(key == case_id, key.in_(questions), key.in_(instances))
    return select(InboxRow).where(ours, or_(InboxRow.published_at.is_not(None), InboxRow.refused_at.is_not(None)))


def _columns(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
