"""What fulfillment and its diagram say to each other: errors, messages with their variables, results, outcomes.

Amounts are integer minor units of the order's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from workers.ports.addresses import AddressFacts
from workers.ports.supplier import Offer
from workers.runtime.jobs import Message, MessagePayload

ADDRESS_REQUEST_LASTS = timedelta(days=7)  # as long as Boundary_AddressDeadline waits
CHOICE_REQUEST_LASTS = timedelta(days=3)  # as long as Boundary_NoChoice waits

PROCESS = "fulfillment"


class Errors(StrEnum):
    """BPMN error codes the diagram catches."""

    OUT_OF_STOCK = "OUT_OF_STOCK"
    SUPPLIER_SILENT = "SUPPLIER_SILENT"


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    ORDER_PAID = "order_paid"
    ORDER_CANCELLED = "order_cancelled"
    ADDRESS_CORRECTED = "address_corrected"
    CUSTOMER_CHOICE = "customer_choice"


OrderId = Field(pattern=r"^[0-9]{1,19}$", examples=["450789469"], description="The shop's order id.")
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""No control characters: what customers write ends up in mails and on labels."""
Text = Field(default="", max_length=200, pattern=ONE_LINE)


class OrderPaid(MessagePayload):
    """The shop has the money."""

    shopify_order_id: str = OrderId


class OrderCancelled(MessagePayload):
    """The shop cancelled the order, or gave all the money back."""

    shopify_order_id: str = OrderId


class CorrectedAddress(MessagePayload):
    """A shipping address as the customer or an agent corrected it."""

    name: str = Text
    street: str = Field(min_length=1, max_length=200, pattern=ONE_LINE)
    street2: str = Text
    city: str = Text
    region: str = Text
    postcode: str = Field(default="", max_length=20, pattern=ONE_LINE)
    country: str = Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166 alpha-2 code.")


class AddressCorrected(MessagePayload):
    """The answer to one request for a corrected address."""

    address_request: str = Field(max_length=100)
    corrected_address: CorrectedAddress


class CustomerChoice(MessagePayload):
    """The answer to one question: refund or wait."""

    choice_request: str = Field(max_length=100)
    choice: Literal["refund", "wait"]


MESSAGES = (
    Message(Messages.ORDER_PAID, OrderPaid, "shopify_order_id", timedelta(hours=1), starts=True),
    Message(
        Messages.ORDER_CANCELLED, OrderCancelled, "shopify_order_id", timedelta(days=1), starts_when_none_runs=True
    ),
    Message(Messages.ADDRESS_CORRECTED, AddressCorrected, "address_request", ADDRESS_REQUEST_LASTS),
    Message(Messages.CUSTOMER_CHOICE, CustomerChoice, "choice_request", CHOICE_REQUEST_LASTS),
)

OUTCOMES = {
    "Event_OrderSupplied": "supplied",
    "Event_OrderAlreadyStopped": "cancelled",
    "Event_OrderStopped": "cancelled",
    "Event_OrderMarkedForReturn": "marked_for_return",
    "Event_LateOrderStopped": "cancelled",
    "Event_LateMarkedForReturn": "marked_for_return",
    "Event_RefundRequested": "refund_requested",
}
"""How a case ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the gateways and tables ask about an order; amounts in minor units."""

    country: str
    currency: str
    order_total: int
    order_open: bool
    address: AddressFacts


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """One supplier's offer for the whole order; cost in minor units of the order's currency."""

    supplier: str
    cost: int
    currency: str
    in_stock: bool
    lead_days: int
    ships_to_country: bool

    @classmethod
    def of(cls, offer: Offer) -> "OfferFacts":
        """What the table may choose by."""
        cost = offer.cost
        return cls(
            offer.supplier, cost.minor, cost.currency, offer.in_stock, offer.lead_days, offer.ships_to_country
        )


@dataclass(frozen=True, slots=True)
class Offers:
    """All offers, for the table to choose from."""

    offers: tuple[OfferFacts, ...]


@dataclass(frozen=True, slots=True)
class MarginOffer:
    """What a lead decides on, in words, as the form shows it."""

    offer: str


@dataclass(frozen=True, slots=True)
class Bought:
    """An order in the supplier's books; cost in minor units. None when the supplier has none."""

    supplier_order_id: str | None
    cost: int | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Whether the goods were bought before the order was stopped, and as what."""

    bought: bool
    supplier_order_id: str | None
    cost: int | None


@dataclass(frozen=True, slots=True)
class AddressRequest:
    """The open request, and the address as it is, to prefill the agent's form."""

    address_request: str
    address_to_correct: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """The open question."""

    choice_request: str


def sentence_for(problem: str) -> str:
    """What to tell a customer about one problem code of the table fulfillment_address_check."""
    kind, _, field = problem.partition("_")
    sentence = {
        "missing": "Please add the {}.",
        "malformed": "The {} does not look right for this country.",
        "mismatched": "The {} does not belong to the rest of the address.",
        "po": "We cannot deliver to a PO box here. Please give a street address.",
        "blocked": "We cannot deliver to this {}.",
    }.get(kind, "Please check the address.")
    return sentence.format(field)
