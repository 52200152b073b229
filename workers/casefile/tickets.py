"""Tickets: what a customer wrote is taken once for ever, into the ticket it belongs to.

A ticket that is closed stays closed: the customer's next message opens another one, `<id>-f1`, `<id>-f2`, … A
message to somebody else's ticket opens one of its own. Whoever takes a message has the first ticket of the line
locked, so that of several deliveries at once one is new.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.ticket_models import Author, Channel, Ticket, TicketMessage, TicketState

MOST_TICKETS = 50
"""So many of a customer's tickets are told, the newest."""
_TICKETS, _WRITTEN = Ticket.__table__, TicketMessage.__table__
_TICKET = Statement(select(_TICKETS).where(Ticket.id == bindparam("ticket_id")))
_MESSAGES = Statement(
    select(_WRITTEN).where(TicketMessage.ticket_id == bindparam("ticket_id")).order_by(TicketMessage.id)
)
_NEWEST = Statement(
    select(func.max(TicketMessage.id).label("number")).where(
        TicketMessage.ticket_id == bindparam("ticket_id"), TicketMessage.author == Author.CUSTOMER
    )
)
_OF_CUSTOMER = Statement(
    select(_TICKETS)
    .where(Ticket.customer_email == bindparam("address"))
    .order_by(Ticket.opened_at.desc(), Ticket.id.desc())
    .limit(MOST_TICKETS)
)
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("line"), 0)))
_FIRST, _FOLLOWER = (
    select(Ticket.id).where(Ticket.id == bindparam("first")).cte("line", recursive=True),
    aliased(Ticket),
)
_LINE = select(Ticket).where(
    Ticket.id.in_(
        select(_FIRST.union_all(select(_FOLLOWER.id).join(_FIRST, _FOLLOWER.follows == _FIRST.c.id)).c.id)
    )
)
_NEW_MESSAGE = insert(TicketMessage).values(
    {name: bindparam(name) for name in ("ticket_id", "message_id", "author", "text", "sent_at", "answers")}
)
_WRITE = _NEW_MESSAGE.on_conflict_do_update(
    index_elements=[TicketMessage.ticket_id, TicketMessage.message_id],
    set_={"message_id": _NEW_MESSAGE.excluded.message_id},
).returning(TicketMessage.id)


@dataclass(frozen=True, slots=True)
class Written:
    """A customer's message as it came. `email` in lower case, empty when nobody told it."""

    ticket_id: str
    """The first of its line."""
    message_id: str
    channel: Channel
    email: str
    name: str
    subject: str
    text: str
    sent_at: datetime | None = None

    def to(self, ticket_id: str) -> "Written":
        """The same, to the line that begins with this ticket."""
        return replace(self, ticket_id=ticket_id)

    def apart(self) -> "Written":
        """The same in a ticket of the sender's own."""
        return self.to(f"{self.ticket_id}-{short(self.email, 12)}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a message is."""

    ticket_id: str
    number: int
    """The message's."""
    new_ticket: bool
    new_message: bool


def ticket_id_of(channel: Channel, outside: str) -> str:
    """Our id for what a channel calls so; never one that a ticket that follows another could have."""
    return f"{channel}-{outside}{'-' if re.search(r'-f[0-9]+-*$', outside) else ''}"


def short(text: str, length: int = 24) -> str:
    """A text's hash: the same text is the same, and it does not tell the text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


async def take(session: AsyncSession, written: Written) -> Taken:
    """Keep a message in the caller's transaction; idempotent by its id and the line of its ticket, for ever."""
    await session.execute(_LOCK, {"line": f"ticket:{written.ticket_id}"})
    line = await _line(session, written.ticket_id)
    known = await _known(session, [ticket.id for ticket in line], written.message_id)
    if known is not None:
        return Taken(known.ticket_id, known.id, new_ticket=False, new_message=False)
    if line and _somebody_elses(line[-1], written.email):
        return await take(session, written.apart())
    new = not line or line[-1].state == TicketState.CLOSED
    ticket = await _open(session, written, line) if new else _made_known(line[-1], written)
    number = await _write(
        session,
        ticket.id,
        message_id=written.message_id,
        author=Author.CUSTOMER,
        text=written.text,
        sent_at=written.sent_at,
    )
    return Taken(ticket.id, number, new_ticket=new, new_message=True)


async def first_of_line(session: AsyncSession, ticket_id: str) -> str:
    """The ticket that all others of a line follow, one after the other."""
    line = select(Ticket.id, Ticket.follows).where(Ticket.id == ticket_id).cte("line", recursive=True)
    before = select(Ticket.id, Ticket.follows).join(line, Ticket.id == line.c.follows)
    line = line.union_all(before)
    return await session.scalar(select(line.c.id).where(line.c.follows.is_(None))) or ticket_id


async def ticket_with(
    session: AsyncSession, email: str, message_ids: Sequence[str], named: str | None
) -> str | None:
    """The customer's own ticket of this id, or else that with one of these messages; the newest of several."""
    in_it = exists().where(TicketMessage.ticket_id == Ticket.id, TicketMessage.message_id.in_(message_ids))
    theirs = select(Ticket.id).where(Ticket.customer_email == email, or_(Ticket.id == named, in_it))
    found: str | None = await session.scalar(
        theirs.order_by((Ticket.id == named).desc().nulls_last(), Ticket.opened_at.desc()).limit(1)
    )
    return found


async def messages_of(
    session: AsyncSession, ticket_id: str, *, after: int = 0, limit: int | None = None
) -> Sequence[TicketMessage]:
    """A ticket's messages, the oldest first."""
    mine = select(TicketMessage).where(TicketMessage.ticket_id == ticket_id, TicketMessage.id > after)
    return (await session.scalars(mine.order_by(TicketMessage.id).limit(limit))).all()


class Tickets:
    """The books of our tickets, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, written: Written) -> Taken:
        """Keep a message of a customer's; idempotent by its id."""
        return await self._database.run(lambda session: take(session, written))

    async def get(self, ticket_id: str) -> Ticket | None:
        """The ticket, or None."""
        rows = await self._database.statement(_TICKET, {"ticket_id": ticket_id})
        return Ticket(**rows[0]._asdict()) if rows else None

    async def messages(self, ticket_id: str) -> Sequence[TicketMessage]:
        """All its messages, the oldest first."""
        rows = await self._database.statement(_MESSAGES, {"ticket_id": ticket_id})
        return [TicketMessage(**row._asdict()) for row in rows]

    async def newest(self, ticket_id: str) -> int:
        """The number of what the customer wrote last; 0 when that is nothing."""
        [row] = await self._database.statement(_NEWEST, {"ticket_id": ticket_id})
        return row.number or 0

    async def of_customer(self, email: str) -> Sequence[Ticket]:
        """The customer's tickets, the newest first, at most MOST_TICKETS; none for an address that is not told."""
        address = email.strip().lower()
        rows = await self._database.statement(_OF_CUSTOMER, {"address": address}) if address else ()
        return [Ticket(**row._asdict()) for row in rows]

    async def note_reply(self, ticket_id: str, key: str, text: str, answers: int) -> int:
        """Keep what the customer was answered to their messages up to number `answers`, once by `key`.

        Gives its own number, which may be greater than that of a message that nobody had read by then.
        """
        reply = {"message_id": f"reply:{key}", "author": Author.AGENT, "text": text, "answers": answers}
        return await self._database.run(lambda session: _write(session, ticket_id, **reply))

    async def solve(self, ticket_id: str) -> None:
        """It is answered. Idempotent; a closed ticket stays closed."""
        await self._move(ticket_id, TicketState.SOLVED)

    async def reopen(self, ticket_id: str) -> None:
        """It is not answered after all. Idempotent; a closed ticket stays closed."""
        await self._move(ticket_id, TicketState.OPEN)

    async def close(self, ticket_id: str, seen: int) -> bool:
        """Close it for good unless the customer has written something after the message `seen`; idempotent.

        False when they have: that message is still to be read, and nobody would after this.
        """

        async def work(session: AsyncSession) -> bool:
            root = await first_of_line(session, ticket_id)
            await session.execute(_LOCK, {"line": f"ticket:{root}"})
            newer = exists().where(
                TicketMessage.ticket_id == ticket_id,
                TicketMessage.author == Author.CUSTOMER,
                TicketMessage.id > seen,
            )
            closed = update(Ticket).where(Ticket.id == ticket_id, or_(Ticket.state == TicketState.CLOSED, ~newer))
            now = func.coalesce(Ticket.closed_at, func.now())
            done = await session.scalars(
                closed.values(state=TicketState.CLOSED, closed_at=now).returning(Ticket.id)
            )
            return done.first() is not None

        return await self._database.run(work)

    async def _move(self, ticket_id: str, to: TicketState) -> None:
        solved = func.coalesce(Ticket.solved_at, func.now()) if to is TicketState.SOLVED else None
        change = update(Ticket).where(Ticket.id == ticket_id, Ticket.state != TicketState.CLOSED)
        await self._database.run(lambda session: session.execute(change.values(state=to, solved_at=solved)))


async def _line(session: AsyncSession, ticket_id: str) -> Sequence[Ticket]:
    """The ticket and those that follow it, in their order."""
    rows = await session.scalars(_LINE, {"first": ticket_id})
    by_what = {ticket.follows if ticket.id != ticket_id else None: ticket for ticket in rows}
    ordered: list[Ticket] = []
    while (following := by_what.get(ordered[-1].id if ordered else None)) is not None:
        ordered.append(following)
    return ordered


async def _known(session: AsyncSession, ticket_ids: Sequence[str], message_id: str) -> TicketMessage | None:
    if not ticket_ids:
        return None
    told = select(TicketMessage).where(
        TicketMessage.ticket_id.in_(ticket_ids),
        TicketMessage.message_id == message_id,
        TicketMessage.author == Author.CUSTOMER,
    )
    found: TicketMessage | None = await session.scalar(told)
    return found


def _somebody_elses(ticket: Ticket, email: str) -> bool:
    return bool(email and ticket.customer_email and ticket.customer_email != email)


def _made_known(ticket: Ticket, written: Written) -> Ticket:
    """Who has not said before who they are may do so now."""
    ticket.customer_email = ticket.customer_email or written.email
    ticket.customer_name = ticket.customer_name or written.name
    return ticket


async def _open(session: AsyncSession, written: Written, line: Sequence[Ticket]) -> Ticket:
    """The first of its line, or one that follows the last."""
    ticket = Ticket(
        id=f"{written.ticket_id}-f{len(line)}" if line else written.ticket_id,
        channel=written.channel,
        subject=written.subject,
        customer_email=written.email,
        customer_name=written.name,
        follows=line[-1].id if line else None,
    )
    session.add(ticket)
    await session.flush()
    return ticket


async def _write(session: AsyncSession, ticket_id: str, **message: Any) -> int:
    """Its number; the same message has the same."""
    told = {"ticket_id": ticket_id, "sent_at": None, "answers": None, **message}
    return (await session.execute(_WRITE, told)).scalar_one()
