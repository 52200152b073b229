"""Drafts of answers to customers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.ports.values import Money


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """All that an answer may say: what the case file has and what was decided, nothing in the customer's words."""

    intent: str
    """What they want; see ports.analysis.Intent."""
    language: str | None
    """Theirs, as two letters of ISO 639; None when it is not known."""
    order_number: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    refunded: Money | None = None
    """What went back by the decision about this ticket."""


class Replies(Protocol):
    """Drafts never leave the house by themselves: guardrails or a person come after them."""

    async def draft(self, facts: ReplyFacts) -> str:
        """An answer in plain text, in the customer's language where that is possible."""
        ...
