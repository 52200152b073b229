"""The payment provider: what was captured, what is given back, and disputes about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from workers.ports.values import Money


@dataclass(frozen=True, slots=True)
class Charge:
    """What a customer paid for one order."""

    id: str
    provider: str
    """stripe or paypal."""
    order_id: str
    """The shop's order, as the shop noted it with the provider."""
    captured: Money
    refunded: Money
    """What was given back already, pending refunds included; failed ones are not."""
    withheld: bool
    """Whether a dispute keeps or took the money: it is open, was accepted or lost. Nothing can be refunded."""


class RefundState(StrEnum):
    """Where a refund stands with the provider."""

    PENDING = "pending"
    """Taken on; the money is on its way, which may take days, and may fail yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back."""

    id: str
    charge_id: str
    reference: str
    """Our own reference: the provider's idempotency key, and noted with the refund for ever."""
    amount: Money
    state: RefundState
    failure: str | None = None
    """Why it failed, in the provider's word: expired_or_canceled_card, lost_or_stolen_card, declined, …"""


class RefundRefusedError(Exception):
    """The provider will not give this back (too much, charge disputed, too old); nothing happened.

    Its text is the provider's word for why: amount_too_large, charge_disputed, charge_expired, …
    """


class DisputeState(StrEnum):
    """Where a dispute stands."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A customer's bank, or the provider itself, claims a payment back."""

    id: str
    provider: str
    charge_id: str
    order_id: str
    """The shop's order of the charge."""
    amount: Money
    reason: str
    """The reason in Stripe's words, whoever the provider is: product_not_received, fraudulent, duplicate, …"""
    state: DisputeState
    evidence_due_by: datetime
    """After this moment evidence is not taken any more."""
    answered: bool = False
    """Whether the provider took evidence or an acceptance, whoever gave it."""


class Payments(Protocol):
    """All payment providers behind one port.

    Every method raises Unavailable or RateLimited when surely nothing was done, OutcomeUnknown when the provider
    may have acted but its answer did not arrive, NeedsHuman for what does not exist.
    """

    async def charge_of(self, order_id: str) -> Charge:
        """The charge of an order, as it is now."""
        ...

    async def get_charge(self, charge_id: str) -> Charge:
        """A charge, as it is now."""
        ...

    async def refund(self, charge_id: str, reference: str, amount: Money, reason: str) -> Refund:
        """Give money back. Raises RefundRefusedError.

        The same reference gives the same refund again, for 24 hours; after that the provider has forgotten it.
        """
        ...

    async def find_refund(self, charge_id: str, reference: str) -> Refund | None:
        """The refund of a charge that has our reference noted, as it is now, or None; never forgotten."""
        ...

    async def get_dispute(self, dispute_id: str) -> Dispute:
        """A dispute, as it is now."""
        ...

    async def submit_evidence(self, dispute_id: str, evidence: Mapping[str, str]) -> Dispute:
        """Answer a dispute; it is then under review. Only the first answer counts: the same evidence again changes
        nothing. Raises EvidenceRefusedError when it is too late or the dispute is closed.

        `evidence` has Stripe's field names: shipping_tracking_number, customer_communication, …
        """
        ...

    async def accept_dispute(self, dispute_id: str) -> Dispute:
        """Let the customer have the money; accepting twice is the same. Raises EvidenceRefusedError as above."""
        ...


class EvidenceRefusedError(Exception):
    """It is too late to answer a dispute, or it is closed; nothing happened."""
