"""Shopify's order webhooks, reduced to what we use. Their real payloads have some sixty fields more: ignored."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, model_validator

from api.schemas.common import MAX_KEY
from workers.ports.currencies import exponent

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


def _amount(value: Any) -> Decimal:
    """Shopify sends amounts as texts; numbers are accepted too. Not negative, not in exponents."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not _AMOUNT.fullmatch(str(value)):
        raise ValueError("must be a decimal amount that is not negative")
    return Decimal(str(value))


Amount = Annotated[Decimal, BeforeValidator(_amount)]


class ShopifyOrder(BaseModel):
    """An order as Shopify posts it: the bare object, not wrapped in {"order": …} as its Admin API answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[StrictInt, Field(ge=1, le=MAX_KEY)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]
    total_price: Amount
    financial_status: str | None = None
    cancelled_at: datetime | None = None

    @model_validator(mode="after")
    def _decimals(self) -> Self:
        """No more decimals than the currency has; two zeros are written for currencies without any, too."""
        places = -int(self.total_price.as_tuple().exponent)
        has = exponent(self.currency)
        if places > max(has, 2) or self.total_price != round(self.total_price, has):
            raise ValueError("total_price has more decimals than its currency")
        return self

    @property
    def order_id(self) -> str:
        """The id as the rest of the program has it."""
        return str(self.id)

    @property
    def stopped(self) -> bool:
        """Whether nothing is to be supplied any more: cancelled, or given back in full."""
        return self.cancelled_at is not None or self.financial_status in {"refunded", "voided"}


EXAMPLE = {
    "id": 820982911946154508,
    "name": "#9999",
    "currency": "EUR",
    "total_price": "54.90",
    "financial_status": "paid",
    "cancelled_at": None,
    "line_items": [{"sku": "LAMP-01", "quantity": 1, "price": "54.90"}],
}
"""A payload cut short, for the documentation."""


class WebhookAnswer(BaseModel):
    """What the sender gets once the webhook is stored."""

    inbox_id: int | None = Field(description="Where it lies; null when this state of the order sets nothing off.")
    duplicate: bool = Field(description="Whether the same had been told before; harmless.")
