"""The mocked helpdesk: tickets and answers in books of their own, one answer per key."""

from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import NOW
from workers.adapters.mock_support_books import ReplyRow, TicketRow
from workers.adapters.mock_world import MockWorld
from workers.ports.helpdesk import MOST_TICKETS, PastTicket, SentReply, TicketStatus
from workers.runtime.errors import NeedsHuman


class MockHelpdesk:
    """Implements ports.helpdesk.Helpdesk; it knows every ticket that it is told anything of.

    A behaviour's target may be a ticket, a key or a mail address. `seed_ticket` is what happened before.
    """

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def send_reply(self, ticket_id: str, key: str, body: str, language: str) -> SentReply:
        """Answer once per key. Raises EffectConflict when the key stands for another answer."""
        wanted = {"ticket_id": ticket_id, "body": body, "language": language}

        async def execute(misbehaviour: Misbehaviour) -> ReplyRow:
            await self._refuse(misbehaviour, ticket_id, Kind.REFUSED)
            if await self._closed(ticket_id) and await self._reply(key) is None:
                raise _is_closed(ticket_id)
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(ReplyRow, key, wanted, forgotten=forgotten)

        row = await perform(self._world, _call("send_reply", key, ticket_id), execute)
        row.must_be(wanted, "reply")
        return _to_reply(row)

    async def find_reply(self, key: str) -> SentReply | None:
        """The answer sent under this key, or None."""

        async def execute(_: Misbehaviour) -> ReplyRow | None:
            return await self._reply(key)

        row = await perform(self._world, _call("find_reply", key), execute)
        return _to_reply(row) if row else None

    async def set_status(self, ticket_id: str, status: TicketStatus) -> None:
        """Put the ticket where it stands; closed stays closed. The first time it was solved counts."""
        statement = insert(TicketRow).values(
            id=ticket_id, status=status.value, solved_at=NOW if status in _SOLVED else None
        )
        solved = case(
            (statement.excluded.status.in_(_SOLVED), func.coalesce(TicketRow.solved_at, NOW)), else_=None
        )
        changed = statement.on_conflict_do_update(
            index_elements=[TicketRow.id],
            set_={"status": statement.excluded.status, "solved_at": solved},
            where=(TicketRow.status != TicketStatus.CLOSED) | (statement.excluded.status == TicketRow.status),
        )

        async def execute(misbehaviour: Misbehaviour) -> None:
            await self._refuse(misbehaviour, ticket_id)
            if await self._world.row(changed.returning(TicketRow)) is None:
                raise _is_closed(ticket_id)

        await perform(self._world, _call("set_status", f"{ticket_id}/{status}", ticket_id), execute)

    async def history(self, email: str) -> tuple[PastTicket, ...]:
        """The customer's tickets, the newest first."""
        theirs = select(TicketRow).where(TicketRow.email == email.strip().lower(), TicketRow.email != "")
        newest = theirs.order_by(TicketRow.created_at.desc(), TicketRow.id.desc()).limit(MOST_TICKETS)

        async def execute(_: Misbehaviour) -> tuple[PastTicket, ...]:
            return tuple(_to_ticket(row) for row in await self._world.rows(newest))

        return await perform(self._world, _call("history", email.strip().lower()), execute)

    async def seed_ticket(
        self,
        ticket_id: str,
        email: str,
        subject: str,
        *,
        status: TicketStatus = TicketStatus.SOLVED,
        created_at: datetime | None = None,
        solved_at: datetime | None = None,
    ) -> None:
        """Put a ticket into the helpdesk, or put it back as it was first."""
        fresh = {
            "email": email.strip().lower(),
            "subject": subject,
            "status": status.value,
            "created_at": created_at or await self._world.now(),
            "solved_at": solved_at,
        }
        statement = insert(TicketRow).values(id=ticket_id, **fresh)
        seeded = statement.on_conflict_do_update(index_elements=[TicketRow.id], set_=fresh)
        await self._world.row(seeded.returning(TicketRow))

    async def _refuse(self, misbehaviour: Misbehaviour, ticket_id: str, *kinds: Kind) -> None:
        if await misbehaviour.strikes(Kind.NOT_FOUND):
            raise NeedsHuman(f"The helpdesk has no ticket {ticket_id}.")
        for kind in kinds:
            if await misbehaviour.strikes(kind):
                raise NeedsHuman(f"The helpdesk sends nothing to the customer of ticket {ticket_id}.")

    async def _closed(self, ticket_id: str) -> bool:
        mine = select(TicketRow).where(TicketRow.id == ticket_id, TicketRow.status == TicketStatus.CLOSED)
        return await self._world.row(mine) is not None

    async def _reply(self, key: str) -> ReplyRow | None:
        return await self._world.row(select(ReplyRow).where(ReplyRow.key == key))


_SOLVED = (TicketStatus.SOLVED, TicketStatus.CLOSED)


def _call(operation: str, key: str, *also_about: str) -> Call:
    return Call(f"helpdesk.{operation}", key, frozenset({key, *also_about}))


def _is_closed(ticket_id: str) -> NeedsHuman:
    return NeedsHuman(f"Ticket {ticket_id} is closed at the helpdesk.")


def _to_reply(row: ReplyRow) -> SentReply:
    return SentReply(f"R-{row.number}", row.key, row.ticket_id)


def _to_ticket(row: TicketRow) -> PastTicket:
    return PastTicket(row.id, row.subject, TicketStatus(row.status), row.created_at, row.solved_at)
