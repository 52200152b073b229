"""Refunds, as those who ask for them and look at them see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from api.schemas.common import Answer, Asked
from workers.casefile.refund_models import Refund, RefundApproval, Standing
from workers.casefile.refundable import PartLeft
from workers.casefile.refunds import Left
from workers.contracts.fulfillment import OrderId
from workers.contracts.refund import Reason, RefundId
from workers.ports.currencies import exactly, to_decimal
from workers.ports.payments import Charge
from workers.ports.values import Money

MOST = 10**12
"""Minor units; more is a mistake."""


class PartAsked(Asked):
    """So many of one part of the order; GET /cases/{id}/refundable lists them."""

    id: str = Field(
        min_length=1, max_length=100, examples=["466157049"], description="A line's id, or `shipping`."
    )
    quantity: int = Field(1, gt=0, le=10**6)


class RefundAsked(Asked):
    """Money that is to go back: an amount (a decimal text, or minor units), parts of the order, or less than those
    parts cost (both)."""

    shopify_order_id: str = OrderId
    refund_id: Annotated[str | None, RefundId] = None
    amount: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$", examples=["12.50"], description="Decimal text.")
    ] = None
    amount_minor: Annotated[
        int | None, Field(gt=0, le=MOST, examples=[1_250], description="Minor units, instead of `amount`.")
    ] = None
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"], description="ISO 4217, that of the payment.")
    parts: Annotated[
        list[PartAsked] | None,
        Field(
            min_length=1,
            max_length=500,
            description="Which parts of the order; without, it is of the whole order.",
        ),
    ] = None
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
        given = [each for each in (self.amount, self.amount_minor) if each is not None]
        if len(given) > 1 or not (given or self.parts):
            raise ValueError("give either amount or amount_minor, or parts")
        if self.money is not None and not 0 < self.money.minor <= MOST:
            raise ValueError("the amount must be above 0")
        if self.parts and len(self.quantities) < len(self.parts):
            raise ValueError("each part once")
        return self

    @property
    def money(self) -> Money | None:
        """What is asked for; None when it is what the parts cost."""
        if self.amount_minor is not None:
            return Money(self.amount_minor, self.currency)
        return exactly(self.amount, self.currency) if self.amount is not None else None

    @property
    def quantities(self) -> dict[str, int]:
        """How many of which part."""
        return {part.id: part.quantity for part in self.parts or ()}


class ApprovalInfo(Answer):
    """What somebody answered who was asked to approve a refund."""

    person: str | None
    decision: str | None = Field(description="approve, change (the amount, downwards) or reject.")
    amount_minor: int | None = Field(description="What it approves.")
    reason: str | None
    void: str | None = Field(description="Why it does not count; null when it does.")
    decided_at: datetime


class ShareInfo(Answer):
    """What a refund gives back of one part of the order."""

    id: str = Field(examples=["466157049"], description="The line's id, or `shipping`.")
    title: str = Field(examples=["IPod Nano - 8gb"])
    quantity: int
    amount: int = Field(description="Minor units, with tax.")
    tax: int = Field(description="Contained in `amount`.")


class RefundInfo(Answer):
    """Where a refund stands. Amounts are minor units of the currency."""

    id: str = Field(examples=["450789469-damaged"])
    shopify_order_id: str = Field(examples=["450789469"])
    state: Standing
    amount: str = Field(description="As a decimal text.", examples=["12.50"])
    amount_minor: int = Field(description="What goes back: as requested, or less when whoever approves says so.")
    requested_minor: int
    currency: str
    parts: list[ShareInfo] | None = Field(
        description="Of which parts of the order; null for the whole order. `amount` may be less than theirs."
    )
    reason: str
    evidence: str | None
    requested_by: str = Field(examples=["person:ada"])
    failure: str | None = Field(description="Why it failed, was rejected or stopped.")
    provider_refund_id: str | None
    requested_at: datetime
    changed_at: datetime
    finished_at: datetime | None = Field(description="When nothing more happens to it.")
    approvals: list[ApprovalInfo]


class PartInfo(Answer):
    """A part of an order, and how much of it can still be given back. Minor units, with tax."""

    id: str = Field(examples=["466157049"], description="For `parts` of POST /refunds.")
    title: str = Field(examples=["IPod Nano - 8gb"])
    quantity: int
    paid_minor: int
    tax_minor: int = Field(description="Contained in `paid_minor`.")
    quantity_left: int
    left_minor: int


class RefundableInfo(Answer):
    """What can be given back of an order. Minor units."""

    shopify_order_id: str = Field(examples=["450789469"])
    currency: str
    captured_minor: int
    refunded_minor: int = Field(description="Given back by others than us, as the payment provider tells it.")
    reserved_minor: int = Field(description="Our refunds, on their way or done.")
    disputed: bool = Field(description="A dispute keeps the money, or took it: nothing can be given back.")
    left_minor: int = Field(description="More than this cannot be given back, whatever is left of the parts.")
    parts: list[PartInfo] = Field(description="Empty while the shop has not told them.")


class RefundAccepted(Answer):
    """A refund that is stored, its amount reserved; a process decides what becomes of it."""

    id: str = Field(description="GET /refunds/{id} says what became of it.", examples=["450789469-damaged"])
    status: str = Field("accepted", examples=["accepted"])
    amount_minor: int
    currency: str
    duplicate: bool = Field(description="Whether the same had been asked for before; then nothing new happens.")


def refundable_info(order_id: str, charge: Charge, left: Left, parts: Sequence[PartLeft]) -> RefundableInfo:
    """What is left of a charge, and of each part of its order, as it is shown."""
    return RefundableInfo(
        shopify_order_id=order_id,
        currency=charge.captured.currency,
        captured_minor=left.captured,
        refunded_minor=left.refunded,
        reserved_minor=left.reserved,
        disputed=left.withheld,
        left_minor=left.minor,
        parts=[
            PartInfo(
                id=each.part.id,
                title=each.part.title,
                quantity=each.part.quantity,
                paid_minor=each.part.amount,
                tax_minor=each.part.tax,
                quantity_left=each.quantity,
                left_minor=min(each.amount, left.minor),
            )
            for each in parts
        ],
    )


def refund_info(refund: Refund, approvals: list[RefundApproval]) -> RefundInfo:
    """A row of ours, with the answers that are about it, as it is shown."""
    columns = {name: getattr(refund, name) for name in RefundInfo.model_fields if hasattr(refund, name)}
    return RefundInfo(
        **columns,
        shopify_order_id=refund.case_id,
        amount=str(to_decimal(Money(refund.amount_minor, refund.currency))),
        approvals=[ApprovalInfo.model_validate(each) for each in approvals if each.refund_id == refund.id],
    )
