"""What triage and those who tell it of tickets say to each other: messages with their variables.

Only ids go to the engine; what customers wrote is in our own tables.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from workers.runtime.jobs import Message, MessagePayload

PROCESS = "triage"


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    TICKET_CREATED = "ticket_created"
    TICKET_REPLIED = "ticket_replied"


TicketId = Field(
    pattern=r"^[a-z]+-[A-Za-z0-9._-]{1,180}$",
    examples=["zendesk-35436"],
    description="Its channel and its id there.",
)
MessageNumber = Field(gt=0, le=2**63 - 1, examples=[17], description="Of the customer's message, in our tables.")


class TicketCreated(MessagePayload):
    """A customer has written something new."""

    ticket_id: str = TicketId
    message_number: int = MessageNumber


class TicketReplied(MessagePayload):
    """The customer has written more to a ticket of theirs."""

    ticket_id: str = TicketId
    message_number: int = MessageNumber


CREATED = Message(
    Messages.TICKET_CREATED,
    TicketCreated,
    "ticket_id",
    timedelta(hours=1),
    starts=True,
    asked_for_at="POST /tickets",
)
REPLIED = Message(
    Messages.TICKET_REPLIED,
    TicketReplied,
    "ticket_id",
    timedelta(days=15),
    asked_for_at="POST /tickets",
    identity="message_number",
)
MESSAGES = (CREATED, REPLIED)
"""For those who take customers' messages in, and for the process."""
