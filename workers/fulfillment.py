"""Fulfillment: a paid order gets supplied, or the customer is asked, or the money is to go back.

The way is in bpmn/fulfillment.bpmn, the rules are in the decision tables beside it; each method here is one job.
What a job needs of the order it takes from the case file, as it was when it was read and its address checked.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from workers.casefile.cases import Cases, Entry
from workers.casefile.journal import Journal
from workers.casefile.purchases import Deal, Purchase, Purchases
from workers.casefile.requests import CustomerRequests, RequestKind
from workers.common import Effects, Handover, Question, Questions
from workers.contracts.fulfillment import (
    ADDRESS_REQUEST_LASTS,
    CHOICE_REQUEST_LASTS,
    MESSAGES,
    OUTCOMES,
    PROCESS,
    AddressRequest,
    Bought,
    ChoiceRequest,
    CorrectedAddress,
    Errors,
    MarginOffer,
    OfferFacts,
    Offers,
    OrderFacts,
    Stopped,
    sentence_for,
)
from workers.contracts.refund import PROCESS as REFUND
from workers.contracts.refund import REQUESTED, RefundRequested
from workers.contracts.tracking import PROCESS as TRACKING
from workers.contracts.tracking import SUPPLIER_ORDER_PLACED, SupplierOrderPlaced
from workers.ports.addresses import Addresses
from workers.ports.currencies import describe
from workers.ports.events import Event
from workers.ports.shop import Shop
from workers.ports.supplier import Suppliers
from workers.ports.values import Money
from workers.runtime.errors import BusinessOutcome, OutcomeUnknown
from workers.runtime.jobs import Job, Process

RETURN_TAG = "orderops-return"
REQUESTER = f"process:{PROCESS}"
"""Who asks for the money back of what was not supplied."""
NOT_SUPPLIED = "not_supplied"


class Fulfillment:
    """The jobs of bpmn/fulfillment.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        shop: Shop,
        suppliers: Suppliers,
        addresses: Addresses,
        journal: Journal,
        effects: Effects,
        questions: Questions,
        cases: Cases,
        requests: CustomerRequests,
        handover: Handover,
    ) -> None:
        self._shop = shop
        self._suppliers = suppliers
        self._addresses = addresses
        self._purchases = Purchases(suppliers, journal)
        self._effects = effects
        self._questions = questions
        self._cases = cases
        self._requests = requests
        self._handover = handover

    async def get_order(self, shopify_order_id: str) -> OrderFacts:
        """Read the order from the shop into the case file. Natural: reading again only refreshes."""
        order = await self._shop.get_order(shopify_order_id)
        await self._cases.describe(PROCESS, order)
        facts = self._addresses.facts(order.shipping_address)
        return OrderFacts(facts.country, order.total.currency, order.total.minor, order.open, facts)

    async def check_stock(self, shopify_order_id: str) -> Offers:
        """Ask every supplier for an offer. Natural: asking changes nothing."""
        order = await self._cases.order(shopify_order_id)
        country = self._addresses.facts(order.shipping_address).country
        offers = await self._suppliers.get_offers(order.id, order.lines, country)
        return Offers(tuple(OfferFacts.of(offer) for offer in offers))

    async def note_small_margin(
        self, shopify_order_id: str, supplier: str, cost: int, order_total: int, currency: str, explanation: str
    ) -> MarginOffer:
        """Write into the timeline what the lead decides on, before the task opens. Once per supplier and cost."""
        asked, total = describe(Money(cost, currency)), describe(Money(order_total, currency))
        offer = f"{supplier} asks {asked} of {total}"
        amounts = {"cost": cost, "order_total": order_total, "currency": currency}
        facts = {"supplier": supplier, "explanation": explanation, "offer": offer, **amounts}
        sentence = f"{explanation}: {offer}, a lead decides"
        key = f"margin:{supplier}:{cost}"
        await self._cases.write(Entry(shopify_order_id, key, "margin_too_small", sentence, facts))
        return MarginOffer(offer)

    async def place_supplier_order(
        self, shopify_order_id: str, supplier: str, agreed_cost: int, currency: str
    ) -> Bought:
        """Buy the goods. Once per order: by the journal, and by our reference in the supplier's own books.

        Errors: OUT_OF_STOCK when the supplier has sold out meanwhile; SUPPLIER_SILENT when it may have taken the
        order but did not say so.
        """
        order = await self._cases.order(shopify_order_id)
        deal = Deal(order, supplier, Money(agreed_cost, currency))
        try:
            bought = await self._purchases.buy(Purchase(order.id), deal, Errors.OUT_OF_STOCK)
        except BusinessOutcome:
            sentence = f"{supplier} had sold out when we ordered"
            key, facts = f"sold_out:{supplier}", {"supplier": supplier}
            await self._cases.write(Entry(order.id, key, "supplier_out_of_stock", sentence, facts))
            raise
        except OutcomeUnknown as error:
            sentence = f"{supplier} gave no clear answer to our order"
            key, facts = f"silent:{supplier}", {"supplier": supplier}
            await self._cases.write(Entry(order.id, key, "supplier_silent", sentence, facts))
            raise BusinessOutcome(Errors.SUPPLIER_SILENT, f"no clear answer from {supplier}") from error
        return Bought(bought.id, bought.cost.minor)

    async def find_supplier_order(self, shopify_order_id: str) -> Bought:
        """Ask the supplier whether it has our order. Natural: asking changes nothing outside."""
        bought = await self._purchases.find(Purchase(shopify_order_id))
        return Bought(bought.id, bought.cost.minor) if bought else Bought(None, None)

    async def stop_supplier_order(self, shopify_order_id: str) -> Stopped:
        """Keep the goods from ever being bought, or say as what they were bought. Natural: stopped stays so."""
        await self._requests.close_all(shopify_order_id)
        bought = await self._purchases.stop(Purchase(shopify_order_id))
        if bought is None:
            return Stopped(bought=False, supplier_order_id=None, cost=None)
        return Stopped(bought=True, supplier_order_id=bought.id, cost=bought.cost.minor)

    async def book_cost_of_goods(
        self, shopify_order_id: str, supplier_order_id: str, cost: int, currency: str
    ) -> None:
        """Book what the goods cost. Once per order, by the journal and the ledger's key."""
        posting = Purchase(shopify_order_id).posting(supplier_order_id, Money(cost, currency))
        await self._effects.book(posting, "Cost of goods booked")

    async def publish_supplier_order_placed(
        self, shopify_order_id: str, supplier_order_id: str, supplier: str, cost: int, currency: str
    ) -> None:
        """Announce `supplier_order_placed`, and let it be tracked; cost in minor units. Once per order."""
        purchase = Purchase(shopify_order_id)
        event = purchase.announcement(supplier_order_id, Money(cost, currency))
        await self._effects.publish(event, shopify_order_id, "Supplier order announced")
        placed = SupplierOrderPlaced(
            shopify_order_id=shopify_order_id,
            supplier_order_id=supplier_order_id,
            supplier=supplier,
            reference=purchase.reference,
        )
        await self._handover.tell(TRACKING, SUPPLIER_ORDER_PLACED, placed)

    async def publish_order_failed(self, shopify_order_id: str, reason: str) -> None:
        """Announce `order_failed`, and ask the customer nothing more. Once per order."""
        await self._requests.close_all(shopify_order_id)
        payload = {"shopify_order_id": shopify_order_id, "reason": reason}
        await self._announce("order_failed", payload, f"Order failed: {reason.replace('_', ' ')}")

    async def request_refund(self, shopify_order_id: str, reason: str) -> None:
        """Ask for the whole order's money back, and announce it; amount in minor units. Once per order."""
        order = await self._cases.order(shopify_order_id)
        payload = {
            "shopify_order_id": shopify_order_id,
            "amount": order.total.minor,
            "currency": order.total.currency,
            "reason": reason,
        }
        asked = RefundRequested(refund_id=f"{order.id}-{NOT_SUPPLIED}", requested_by=REQUESTER, **payload)
        await self._handover.tell(REFUND, REQUESTED, asked)
        await self._announce("refund_requested", payload, "Refund requested")

    async def _announce(self, name: str, payload: dict[str, Any], sentence: str) -> None:
        order_id = payload["shopify_order_id"]
        await self._effects.publish(Event(f"{name}:{order_id}", name, payload), order_id, sentence)

    async def ask_for_address(
        self, shopify_order_id: str, address_round: int, address_problems: list[str]
    ) -> AddressRequest:
        """Mail a link to the page where the customer corrects the address. Once per order and round."""
        order = await self._cases.order(shopify_order_id)
        address = {key: value for key, value in asdict(order.shipping_address).items() if key != "phone"}
        facts = {**address, "problems": [sentence_for(problem) for problem in address_problems]}
        request_id = f"{order.id}-address-{address_round}"
        question = _address_question(request_id, "fulfillment_ask_for_address", facts)
        await self._questions.ask(question, order)
        return AddressRequest(request_id, address)

    async def remind_customer(self, shopify_order_id: str, address_request: str) -> None:
        """Mail the link to the page again. Once per request."""
        order = await self._cases.order(shopify_order_id)
        await self._questions.remind(_address_question(address_request, "fulfillment_remind_customer", {}), order)

    async def ask_refund_or_wait(self, shopify_order_id: str) -> ChoiceRequest:
        """Mail a link to the page with the two answers. Once per order."""
        order = await self._cases.order(shopify_order_id)
        kind, template = RequestKind.REFUND_OR_WAIT, "fulfillment_ask_refund_or_wait"
        question = Question(f"{order.id}-choice", kind, template, {}, CHOICE_REQUEST_LASTS)
        await self._questions.ask(question, order)
        return ChoiceRequest(question.id)

    async def save_address(
        self, shopify_order_id: str, address_request: str, corrected_address: CorrectedAddress
    ) -> None:
        """Put the corrected address into the shop; the phone number stays. Once per request, and natural."""
        order = await self._cases.order(shopify_order_id)
        address = replace(order.shipping_address, **corrected_address.model_dump())
        key = f"address:{address_request}"
        entry = Entry(shopify_order_id, key, "address_corrected", "Address corrected", {})
        await self._effects.change(
            key, entry, lambda: self._shop.update_shipping_address(shopify_order_id, address)
        )
        await self._requests.close(address_request)

    async def mark_for_return(self, shopify_order_id: str, supplier_order_id: str) -> None:
        """Tag the order in the shop, so that the goods go back when they arrive. Once per order, and natural."""
        key = f"return:{shopify_order_id}"
        facts = {"supplier_order_id": supplier_order_id}
        entry = Entry(shopify_order_id, key, "marked_for_return", "Marked for return", facts)
        await self._effects.change(key, entry, lambda: self._shop.tag_order(shopify_order_id, RETURN_TAG))


def _address_question(request_id: str, template: str, facts: Mapping[str, Any]) -> Question:
    return Question(request_id, RequestKind.ADDRESS, template, facts, ADDRESS_REQUEST_LASTS)


def registration(jobs: Fulfillment) -> Process:
    """Everything bpmn/fulfillment.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("fulfillment.get_order", jobs.get_order),
            Job("fulfillment.check_stock", jobs.check_stock),
            Job("fulfillment.note_small_margin", jobs.note_small_margin),
            Job("fulfillment.place_supplier_order", jobs.place_supplier_order),
            Job("fulfillment.find_supplier_order", jobs.find_supplier_order),
            Job("fulfillment.stop_supplier_order", jobs.stop_supplier_order),
            Job("fulfillment.book_cost_of_goods", jobs.book_cost_of_goods),
            Job("fulfillment.publish_supplier_order_placed", jobs.publish_supplier_order_placed),
            Job("fulfillment.publish_order_failed", jobs.publish_order_failed),
            Job("fulfillment.request_refund", jobs.request_refund),
            Job("fulfillment.ask_for_address", jobs.ask_for_address),
            Job("fulfillment.remind_customer", jobs.remind_customer),
            Job("fulfillment.ask_refund_or_wait", jobs.ask_refund_or_wait),
            Job("fulfillment.save_address", jobs.save_address),
            Job("fulfillment.mark_for_return", jobs.mark_for_return),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
