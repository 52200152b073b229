"""What escalation and its diagram say to each other, and what who calls it gives and gets.

Called with ticket_id, why (which rule), priority (urgent, high, normal, low), safety, hazard (a kind of
workers/ports/analysis.py, or null), product (null when it is not known), context (one sentence for people),
shopify_order_id (or null) and message_number (the latest that was seen). Gives back escalation_decision (answer,
refund or no_answer), escalation_reply (for answer and refund), escalation_amount (minor units, for refund),
escalation_by (person:<name>: who decided, and so asks for the refund) and message_number (the
latest seen by now).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from workers.contracts.triage import REPLIED

PROCESS = "escalation"
Decision = Literal["answer", "refund", "no_answer"]
Priority = Literal["urgent", "high", "normal", "low"]
How = Literal["push", "chat", "both"]


class Errors(StrEnum):
    """BPMN error codes the diagram catches: none."""


MESSAGES = (REPLIED,)

OUTCOMES = {"Event_EscalationHandled": "escalation_handled"}
"""How a case ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The escalation in our books, and what the form shows; `minor_units` are in one unit of the currency.

    `time_zone` is the SLA clock's: whose night it is when people are woken.
    """

    escalation_id: str
    facts: str
    because: str
    worth: str
    minor_units: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether somebody has the task."""

    claimed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the customer's messages say by now. None where it is not known."""

    found_safety: bool
    """Somebody may get hurt."""
    found_hazard: str | None
    found_product: str | None
    found_order: str | None
    """That the product was bought with."""


@dataclass(frozen=True, slots=True)
class Handled:
    """Who handled it, as refunds name who asks for them."""

    escalation_by: str
