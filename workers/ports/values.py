"""Values that several ports share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units (cents) of an ISO 4217 currency; never a float."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address as the customer gave it; empty strings where nothing was given."""

    name: str
    street: str
    street2: str
    city: str
    region: str
    postcode: str
    country: str
    """ISO 3166 alpha-2 code, or what the customer wrote when it is none."""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """So many of one article, at the price the customer paid for one."""

    sku: str
    title: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class PaidPart:
    """A part of what the customer paid: an article's line, the shipping, or what else there is (tips, duties)."""

    id: str
    """The shop's id of the line, its place among the lines when it has none, or SHIPPING or OTHER."""
    title: str
    quantity: int
    """1 for what cannot be counted."""
    amount: int
    """Minor units of the order's currency for all of them together: after discounts, with tax."""
    tax: int
    """Contained in `amount`."""


SHIPPING, OTHER = "shipping", "other"
