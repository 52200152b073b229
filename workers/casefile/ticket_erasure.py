"""A person's request, as far as tickets go: what is held of them, and its erasure once nobody works on them.

Erased are subject, name, address and every word of customer and agents, also those that an analysis quotes.
That there was a ticket with so many messages, and when, stays; so a message that is delivered again is still
known, and belongs to nobody.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.finding_models import TicketAnalysis, TicketAnswer, TicketEvent, TicketLabel, TicketOutlook
from workers.casefile.models import Base
from workers.casefile.ticket_models import Ticket, TicketMessage, TicketState


async def held(session: AsyncSession, ticket_ids: Collection[str]) -> dict[str, Any]:
    """Everything that is held of these tickets."""
    tickets = select(Ticket).where(Ticket.id.in_(ticket_ids)).order_by(Ticket.opened_at, Ticket.id)
    messages = select(TicketMessage).where(TicketMessage.ticket_id.in_(ticket_ids)).order_by(TicketMessage.id)
    found = {
        table.__tablename__: await session.scalars(
            select(table).where(table.ticket_id.in_(ticket_ids)).order_by(table.ticket_id, table.at)
        )
        for table in (TicketAnalysis, TicketAnswer, TicketLabel)
    }
    return {
        "tickets": [_columns(row) for row in await session.scalars(tickets)],
        "ticket_messages": [_columns(row) for row in await session.scalars(messages)],
        **{name: [_columns(row) for row in rows] for name, rows in found.items()},
    }


async def erase(session: AsyncSession, ticket_ids: Collection[str]) -> None:
    """Blank them and close them for good. Idempotent."""
    messages = update(TicketMessage).where(TicketMessage.ticket_id.in_(ticket_ids))
    await session.execute(messages.values(text="", sent_at=None))
    analyses = update(TicketAnalysis).where(TicketAnalysis.ticket_id.in_(ticket_ids))
    await session.execute(analyses.values(analysis={}))
    answers = update(TicketAnswer).where(TicketAnswer.ticket_id.in_(ticket_ids))
    await session.execute(answers.values(draft="", reply=""))
    closed = {"state": TicketState.CLOSED, "closed_at": func.coalesce(Ticket.closed_at, func.now())}
    nobody = {"subject": "", "customer_email": "", "customer_name": ""}
    await session.execute(update(Ticket).where(Ticket.id.in_(ticket_ids)).values(**closed, **nobody))
    await session.execute(delete(TicketOutlook).where(TicketOutlook.ticket_id.in_(ticket_ids)))
    events = update(TicketEvent).where(TicketEvent.ticket_id.in_(ticket_ids))
    await session.execute(events.values(counted=False))  # whoever counts them just now does not know yet


async def of_customer(session: AsyncSession, email: str) -> Collection[Ticket]:
    """All tickets of a customer's, locked."""
    theirs = select(Ticket).where(Ticket.customer_email == email.strip().lower(), Ticket.customer_email != "")
    return (await session.scalars(theirs.order_by(Ticket.opened_at, Ticket.id).with_for_update())).all()


def _columns(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
