"""Refunds, as those who ask for them and look at them see them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from api.schemas.common import Answer, Asked
from workers.casefile.refund_models import Refund, RefundApproval, Standing
from workers.contracts.fulfillment import OrderId
from workers.contracts.refund import Reason, RefundId
from workers.ports.currencies import exactly, to_decimal
from workers.ports.values import Money

MOST = 10**12
"""Minor units; more is a mistake."""


class RefundAsked(Asked):
    """Money that is to go back. The amount is a decimal text, or minor units; one of them."""

    shopify_order_id: str = OrderId
    refund_id: Annotated[str | None, RefundId] = None
    amount: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$", examples=["12.50"], description="Decimal text.")
    ] = None
    amount_minor: Annotated[
        int | None, Field(gt=0, le=MOST, examples=[1_250], description="Minor units, instead of `amount`.")
    ] = None
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"], description="ISO 4217, that of the payment.")
    reason: str = Reason
    evidence: Annotated[
        str | None,
        Field(
            max_length=500,
            pattern=r"^https?://[^\s\x00-\x1f\x7f-\x9f<>\"'`()\[\]\\]+$",
            examples=["https://helpdesk.example/tickets/17"],
            description="Where whoever approves it finds proof.",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.amount is None) == (self.amount_minor is None):
            raise ValueError("give either amount or amount_minor")
        if not 0 < self.money.minor <= MOST:
            raise ValueError("the amount must be above 0")
        return self

    @property
    def money(self) -> Money:
        """What is asked for."""
        if self.amount_minor is not None:
            return Money(self.amount_minor, self.currency)
        return exactly(self.amount or "", self.currency)


class ApprovalInfo(Answer):
    """What somebody answered who was asked to approve a refund."""

    person: str | None
    decision: str | None = Field(description="approve, change (the amount, downwards) or reject.")
    amount_minor: int | None = Field(description="What it approves.")
    reason: str | None
    void: str | None = Field(description="Why it does not count; null when it does.")
    decided_at: datetime


class RefundInfo(Answer):
    """Where a refund stands. Amounts are minor units of the currency."""

    id: str = Field(examples=["450789469-damaged"])
    shopify_order_id: str = Field(examples=["450789469"])
    state: Standing
    amount: str = Field(description="As a decimal text.", examples=["12.50"])
    amount_minor: int = Field(description="What goes back: as requested, or less when whoever approves says so.")
    requested_minor: int
    currency: str
    reason: str
    evidence: str | None
    requested_by: str = Field(examples=["person:ada"])
    failure: str | None = Field(description="Why it failed, was rejected or stopped.")
    provider_refund_id: str | None
    requested_at: datetime
    changed_at: datetime
    finished_at: datetime | None = Field(description="When nothing more happens to it.")
    approvals: list[ApprovalInfo]


class RefundAccepted(Answer):
    """A refund that is stored, its amount reserved; a process decides what becomes of it."""

    id: str = Field(description="GET /refunds/{id} says what became of it.", examples=["450789469-damaged"])
    status: str = Field("accepted", examples=["accepted"])
    amount_minor: int
    currency: str
    duplicate: bool = Field(description="Whether the same had been asked for before; then nothing new happens.")


def refund_info(refund: Refund, approvals: list[RefundApproval]) -> RefundInfo:
    """A row of ours, with the answers that are about it, as it is shown."""
    columns = {name: getattr(refund, name) for name in RefundInfo.model_fields if hasattr(refund, name)}
    return RefundInfo(
        **columns,
        shopify_order_id=refund.case_id,
        amount=str(to_decimal(Money(refund.amount_minor, refund.currency))),
        approvals=[ApprovalInfo.model_validate(each) for each in approvals if each.refund_id == refund.id],
    )
