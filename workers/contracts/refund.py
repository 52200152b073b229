"""What refund and its diagram say to each other: errors, messages with their variables, results, outcomes.

Amounts are integer minor units of the refund's currency.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field

from workers.casefile.refund_entries import came_back_for
from workers.casefile.refund_making import Stand
from workers.casefile.refund_models import Refund, Standing
from workers.contracts.fulfillment import OrderId
from workers.runtime.jobs import Message, MessagePayload

PROCESS = "refund"
COMING_BACK_LASTS = timedelta(days=365)  # nobody tells it twice, and the refund's own instance may hang for long
Handling = Literal["retry", "done_by_hand", "give_up"]
"""What a person decides about a refund that failed, or that nobody knows of."""


class Errors(StrEnum):
    """BPMN error codes the diagram catches."""

    APPROVAL_MISSING = "APPROVAL_MISSING"
    REFUND_STOPPED = "REFUND_STOPPED"


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    REFUND_REQUESTED = "refund_requested"
    REFUND_STOPPED = "refund_stopped"
    REFUND_CHANGED = "refund_changed"
    REFUND_CAME_BACK = "refund_came_back"


RefundId = Field(
    pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    examples=["450789469-damaged"],
    description="Chosen by who asks: the same id is the same refund.",
)
Reason = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$", examples=["damaged"], description="One word, for the policy.")


class RefundRequested(MessagePayload):
    """Money is to go back."""

    refund_id: str = RefundId
    shopify_order_id: str = OrderId
    amount: int = Field(gt=0, le=10**12, examples=[1_250], description="Minor units.")
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])
    reason: str = Reason
    requested_by: str = Field(
        pattern=r"^(person|program|process):[^\x00-\x1f\x7f-\x9f]{1,100}$", examples=["process:tracking"]
    )


class RefundStopped(MessagePayload):
    """A refund must not be made any more."""

    refund_id: str = RefundId
    reason: str = Reason


class RefundChanged(MessagePayload):
    """The provider says that a refund stands elsewhere now. Only a nudge: the provider is asked."""

    refund_id: str = RefundId
    state: str = Field(pattern=r"^[a-z_]{1,50}$", examples=["succeeded"])


class RefundCameBack(MessagePayload):
    """The provider says that a refund has failed, perhaps after the customer had it. Only a nudge, as above."""

    refund_id: str = RefundId
    provider_refund_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        examples=["re_1PgafTB7WZ01zgkW"],
        description="The provider's own id: tells apart what was tried again.",
    )


_REQUESTED = Message(
    Messages.REFUND_REQUESTED,
    RefundRequested,
    "refund_id",
    timedelta(hours=1),
    starts=True,
    asked_for_at="POST /refunds",
)
_STOPPED = Message(Messages.REFUND_STOPPED, RefundStopped, "refund_id", timedelta(hours=1))
_CHANGED = Message(Messages.REFUND_CHANGED, RefundChanged, "refund_id", timedelta(minutes=10), identity="state")
_CAME_BACK = Message(
    Messages.REFUND_CAME_BACK,
    RefundCameBack,
    "refund_id",
    COMING_BACK_LASTS,
    starts=True,
    identity="provider_refund_id",
)
MESSAGES = (_REQUESTED, _STOPPED, _CHANGED, _CAME_BACK)
REQUESTED, STOPPED = _REQUESTED, _STOPPED
"""For those who hand refunds over, or stop them."""

OUTCOMES = {
    "Event_RefundSettled": "refunded",
    "Event_NothingRefundable": "refund_rejected",
    "Event_RefundRejected": "refund_rejected",
    "Event_RefundFailed": "refund_failed",
    "Event_RefundStopped": "refund_stopped",
    "Event_NothingCameBack": "nothing_came_back",
}
"""How a refund ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class Refundable:
    """What is reserved; nothing when nothing can be refunded."""

    refundable: bool
    amount: int
    currency: str
    reason: str
    refund_state: str
    refunded: int
    unasked_before: int
    """What earlier refunds of the order come to that nobody approved."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What people decide on, in words, as the form shows it."""

    asked: str
    because: str
    earlier: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class ApprovalVerdict:
    """What the answers come to so far, and who is asked next when more are needed."""

    approval_valid: bool
    approved: bool
    approvals_complete: bool
    approval_groups: tuple[str, ...]
    refund_state: str


@dataclass(frozen=True, slots=True)
class RefundStanding:
    """Where it stands, and what the customer has by now; `standing` says it for people."""

    refund_state: str
    refunded: int
    standing: str

    @classmethod
    def of(cls, refund: Refund, stand: Stand) -> Self:
        """Once it is settled, the customer has the money."""
        refunded = refund.amount_minor if stand.state == Standing.SETTLED else 0
        return cls(stand.state, refunded, stand.words)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Whether it came back after it was settled; and the refund as its request said it, for what follows."""

    came_back: bool
    shopify_order_id: str
    amount: int
    currency: str
    reason: str
    requested_by: str
    standing: str

    @classmethod
    def of(cls, refund: Refund, came_back: bool) -> Self:  # what it says
        """As our books have it."""
        standing = came_back_for(refund.failure or refund.state)
        amount, currency = refund.amount_minor, refund.currency
        return cls(came_back, refund.case_id, amount, currency, refund.reason, refund.requested_by, standing)


@dataclass(frozen=True, slots=True)
class StopResult:
    """Whether it was stopped before the provider had it."""

    stopped: bool
