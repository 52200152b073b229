"""What triage, its diagram and those who tell it of tickets say to each other: messages, results, outcomes.

Only ids and what gateways and tables ask go to the engine; what customers wrote is in our own tables. Amounts are
integer minor units of the order's currency. Times are RFC 3339.
"""

from dataclasses import dataclass
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

OUTCOMES = {"Event_TicketClosed": "ticket_closed"}
"""How a ticket ended that reached this end event."""


class Errors(StrEnum):
    """BPMN error codes the diagram catches: none."""


@dataclass(frozen=True, slots=True)
class History:
    """What the customer wrote about before."""

    earlier_tickets: int
    """Not counting this one."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who writes, as the shop knows them; None where it says nothing."""

    vip: bool | None
    first_time: bool | None
    """They have ordered once."""
    open_orders: int
    """Paid for, and nothing of them sent yet."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the customer's messages say, as far as tables ask; all of it is in the case file."""

    case_id: str
    """Of the case whose timeline tells it: that of the first order the ticket was about, or the ticket's own."""
    intent: str
    intents: tuple[str, ...]
    """All that they may want, the likeliest first."""
    confidence: float
    anger: int
    language: str | None
    safety: bool
    hazard: str | None
    product: str | None
    """Its SKU."""
    damaged: bool
    shopify_order_id: str | None
    """The customer's own order that they write about; None when that is not sure."""
    order_known: bool
    claim_amount: int | None
    """What was paid for what they write about: the article, or the whole order."""
    currency: str | None
    refunded_before: bool
    """Something of this order, or it may still be: a refund that waits or is on its way counts."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a person needs in one sentence, and until when something has to happen."""

    context: str
    due_at: str
    at_risk_at: str
    """When little is left of the time until then."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Whether it was closed: not when the customer has written something that nobody has read."""

    closed: bool
    replied_number: int
    """Of what the customer wrote last: it reopens a ticket that is not closed."""
