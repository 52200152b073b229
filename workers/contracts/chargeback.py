"""What chargeback and its diagram say to each other: errors, messages with their variables, results, outcomes.

Amounts are integer minor units of the dispute's currency. Times are RFC 3339: the diagram decides about
them, by the engine's clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from workers.runtime.jobs import Message, MessagePayload

PROCESS = "chargeback"


class Errors(StrEnum):
    """BPMN error codes the diagram catches."""

    ANSWER_REFUSED = "ANSWER_REFUSED"


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_CLOSED = "dispute_closed"


DisputeId = Field(
    pattern=r"^[A-Za-z0-9_-]{1,64}$",
    examples=["dp_1PgafTB7WZ01zgkWH00000000"],
    description="The provider's id of the dispute.",
)


class DisputeOpened(MessagePayload):
    """A payment is claimed back."""

    dispute_id: str = DisputeId
    provider: Literal["stripe", "paypal"]


class DisputeClosed(MessagePayload):
    """The provider has decided; how, it is asked."""

    dispute_id: str = DisputeId


MESSAGES = (
    Message(Messages.DISPUTE_OPENED, DisputeOpened, "dispute_id", timedelta(days=1), starts=True),
    Message(Messages.DISPUTE_CLOSED, DisputeClosed, "dispute_id", timedelta(days=1)),
)

OUTCOMES = {
    "Event_ChargebackWon": "chargeback_won",
    "Event_ChargebackLost": "chargeback_lost",
    "Event_ChargebackAccepted": "chargeback_accepted",
    "Event_DeadlineMissed": "deadline_missed",
}
"""How a case ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """What the gateways, timers and tables ask about a dispute."""

    shopify_order_id: str
    charge_id: str
    dispute_amount: int
    currency: str
    dispute_reason: str
    """In Stripe's words, whoever the provider is."""
    dispute_state: str
    """needs_response, under_review, accepted, won or lost."""
    evidence_due_by: str
    answered: bool
    """Whether the provider has an answer, whoever gave it."""
    already_refunded: int
    """Given back of the charge so far, refunds on their way included."""
    at_stake: int
    """What of the claim did not go back before: 0 when all of it did."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be shown, as far as the table asks; all of it is in the case file."""

    order_known: bool
    tracked: bool
    delivered: bool
    address_matches: bool


@dataclass(frozen=True, slots=True)
class DisputeInWords:
    """What a person decides on, as the form shows it."""

    claim: str
    evidence: str
