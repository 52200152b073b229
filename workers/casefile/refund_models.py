"""Tables of schema `orderops` about money that goes back: refunds, and what approvers answered."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class Standing(StrEnum):
    """Where a refund stands."""

    REQUESTED = "requested"
    """Its amount is reserved; people may have to approve it."""
    APPROVED = "approved"
    """It may be made; the provider has not taken it on yet."""
    SENT = "sent"
    """The provider has taken it on; the money is on its way, which may take days."""
    UNKNOWN = "unknown"
    """The provider may have taken it on: its answer did not arrive."""
    SETTLED = "settled"
    """The customer has the money."""
    FAILED = "failed"
    """The provider refused it, or it failed there."""
    REJECTED = "rejected"
    """It will not be made: nothing was left to refund, or a person said no."""
    STOPPED = "stopped"
    """It was stopped before it was made, and never will be."""


class Refund(Base):
    """Money that goes back, or was to go back. Amounts are minor units of `currency`."""

    __tablename__ = "refunds"
    __table_args__ = (Index("ix_refunds_case_id", "case_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Chosen by who asks for it, and the same in our journal and in the provider's books."""
    case_id: Mapped[str]
    """The shop's order."""
    charge_id: Mapped[str]
    """The provider's payment that it is taken from."""
    currency: Mapped[str]
    requested_minor: Mapped[int]
    """What is reserved for it, and what its approval is decided by: never more than was left."""
    amount_minor: Mapped[int]
    """The same, or less once whoever approves it has lowered it."""
    parts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    """What of which part of the order it gives back (refundable.Share); None when it is of the whole order."""
    reason: Mapped[str]
    evidence: Mapped[str | None]
    """An address where approvers find proof."""
    requested_by: Mapped[str]
    """person:…, program:… or process:…"""
    state: Mapped[str] = mapped_column(server_default=text("'requested'"))
    failure: Mapped[str | None]
    """Why it was refused, failed or rejected."""
    provider_refund_id: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    """Counts what the provider is asked for anew after it failed."""
    process_instance_key: Mapped[int | None]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    """When nothing more happens to it; until then a failed one keeps its reservation."""


class RefundApproval(Base):
    """What somebody answered who was asked to approve a refund, as the engine's records say it."""

    __tablename__ = "refund_approvals"
    __table_args__ = (Index("ix_refund_approvals_refund_id", "refund_id"),)

    task_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    refund_id: Mapped[str]
    person: Mapped[str | None]
    decision: Mapped[str | None]
    """approve, change or reject; None when the answer says nothing of it."""
    amount_minor: Mapped[int | None]
    reason: Mapped[str | None]
    void: Mapped[str | None]
    """Why it does not count; None when it does."""
    decided_at: Mapped[datetime]
