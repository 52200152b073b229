from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.faults import Faults
from workers.ports.helpdesk import MOST_TICKETS, PastTicket, SentReply, TicketStatus
from workers.runtime.errors import EffectConflict, NeedsHuman


class FakeHelpdesk(Faults):
    """Implements ports.helpdesk.Helpdesk. Put past tickets into `past`, by mail address in lower case."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, tuple[str, str, str]] = {}
        """Ticket, text and language by key."""
        self.statuses: dict[str, TicketStatus] = {}
        self.past: dict[str, list[PastTicket]] = {}

    async def send_reply(self, ticket_id: str, key: str, body: str, language: str) -> SentReply:
        self._begin("send_reply")
        if key not in self.replies:
            self._refuse_closed(ticket_id)
        known = self.replies.setdefault(key, (ticket_id, body, language))
        self._end("send_reply")
        if known != (ticket_id, body, language):
            raise EffectConflict(f"The helpdesk already has another reply under key {key}.")
        return SentReply(f"R-{key}", key, ticket_id)

    async def find_reply(self, key: str) -> SentReply | None:
        self._begin("find_reply")
        return SentReply(f"R-{key}", key, self.replies[key][0]) if key in self.replies else None

    async def set_status(self, ticket_id: str, status: TicketStatus) -> None:
        self._begin("set_status")
        if status is not TicketStatus.CLOSED:
            self._refuse_closed(ticket_id)
        self.statuses[ticket_id] = status
        self._end("set_status")

    async def history(self, email: str) -> tuple[PastTicket, ...]:
        self._begin("history")
        theirs = [self._now(ticket) for ticket in self.past.get(email.strip().lower(), [])]
        return tuple(sorted(theirs, key=lambda each: (each.created_at, each.id), reverse=True)[:MOST_TICKETS])

    def _now(self, ticket: PastTicket) -> PastTicket:
        status = self.statuses.get(ticket.id)
        if status is None:
            return ticket
        solved = status in {TicketStatus.SOLVED, TicketStatus.CLOSED}
        return replace(
            ticket, status=status, solved_at=(ticket.solved_at or datetime.now(UTC)) if solved else None
        )

    def _refuse_closed(self, ticket_id: str) -> None:
        if self.statuses.get(ticket_id) is TicketStatus.CLOSED:
            raise NeedsHuman(f"Ticket {ticket_id} is closed at the helpdesk.")
