"""What resolution and its diagram say to each other: messages, results of its jobs, outcomes.

Amounts are integer minor units of the order's currency.
"""

from dataclasses import dataclass
from enum import StrEnum

from workers.contracts.triage import REPLIED

PROCESS = "resolution"


class Errors(StrEnum):
    """BPMN error codes the diagram catches: none."""


class Route(StrEnum):
    """What the table resolution_gate says."""

    AUTO_REPLY = "auto_reply"
    AUTO_REFUND = "auto_refund"
    ASK_HUMAN = "ask_human"
    ESCALATE = "escalate"


class Decision(StrEnum):
    """What a person decides about a ticket."""

    SEND = "send"
    ASK_CUSTOMER = "ask_customer"
    """The answer is a question; the ticket waits for the customer."""
    REFUND = "refund"
    """Pay back, then send the answer."""
    ESCALATE = "escalate"
    NO_ANSWER = "no_answer"


MESSAGES = (REPLIED,)

OUTCOMES = {
    "Event_TicketSolved": "ticket_solved",
    "Event_WroteWhileOpen": "wrote_again",
    "Event_CustomerAnswered": "wrote_again",
}
"""How a ticket was resolved that reached this end event."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer to the customer."""

    draft: str
    draft_good: bool
    """It may be sent as it is."""
    draft_problem: str | None
    """Why it may not, for people."""
    reply: str | None
    """What is sent, where it is sent as it is; before, what a person wrote."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a person filled in the form of *Answer ticket*, or what became of an escalation."""

    decision: Decision
    reply: str | None = None
    amount: float | str | None = None
    """As they wrote it, in units of the currency."""
    minor: int | None = None
    """The same, where it comes in minor units."""
    intent: str | None = None
    """What the customer wants, as they see it."""
    safety: bool | None = None
    anger: int | None = None

    @property
    def labels(self) -> dict[str, str | bool | int | None]:
        """What they say of the message."""
        return {"intent": self.intent, "anger": self.anger, "safety": self.safety}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a person decided, by the engine's records of who completed the task."""

    answered_by: str
    """person:… or, where the engine names nobody, program:engine."""
    decision: str
    reply: str | None
    refund_amount: int | None
    """None unless money goes back."""
    safety: bool
    why: str
    """For an escalation: why it is one."""
