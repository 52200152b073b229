"""The helpdesk where agents read and answer tickets."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

MOST_TICKETS = 50
"""So many past tickets of a customer are told, the newest."""


class TicketStatus(StrEnum):
    """Where a ticket stands at the helpdesk."""

    OPEN = "open"
    PENDING = "pending"
    """Waits for the customer."""
    SOLVED = "solved"
    CLOSED = "closed"
    """For good: it is neither answered nor opened again."""


@dataclass(frozen=True, slots=True)
class SentReply:
    """An answer to a customer, under the helpdesk's own number."""

    id: str
    key: str
    ticket_id: str


@dataclass(frozen=True, slots=True)
class PastTicket:
    """A ticket of a customer's, as the helpdesk has it now."""

    id: str
    subject: str
    status: TicketStatus
    created_at: datetime
    solved_at: datetime | None


class Helpdesk(Protocol):
    """Raises Unavailable or RateLimited when surely nothing was done, OutcomeUnknown when it may have been,
    NeedsHuman for a ticket that is closed there, or that it does not know."""

    async def send_reply(self, ticket_id: str, key: str, body: str, language: str) -> SentReply:
        """Answer the customer once per key; `language` as two letters of ISO 639, empty when it is not known."""
        ...

    async def find_reply(self, key: str) -> SentReply | None:
        """The answer sent under this key, or None."""
        ...

    async def set_status(self, ticket_id: str, status: TicketStatus) -> None:
        """Put the ticket where it stands; natural idempotency."""
        ...

    async def history(self, email: str) -> tuple[PastTicket, ...]:
        """The customer's tickets, the newest first, at most MOST_TICKETS; upper and lower case are the same."""
        ...
