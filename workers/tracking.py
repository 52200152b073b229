"""Tracking: what a supplier was ordered arrives, or is made good.

The way is in bpmn/tracking.bpmn, the rules are in the decision tables; each method here is one job. Messages of
suppliers and carriers only wake the process: these jobs ask for the truth, whoever told what first, and how often.
"""

from typing import Any

from workers.casefile.cases import Cases
from workers.casefile.journal import Journal
from workers.casefile.parcel_entries import delivered, not_received, recalled, unsent
from workers.casefile.parcels import Parcels
from workers.casefile.purchases import Deal, Purchase, Purchases
from workers.common import Effects, Handover, Letters, Pager
from workers.contracts.fulfillment import OfferFacts, Offers
from workers.contracts.tracking import (
    DELIVERY_CANCELLED,
    MESSAGES,
    OUTCOMES,
    PROCESS,
    SUPPLIER_ORDER_PLACED,
    DeliveryCancelled,
    Errors,
    OrderFacts,
    Recall,
    RecallResult,
    Reshipped,
    Shipment,
    ShipmentFound,
    SupplierOrderPlaced,
    TrackedParcel,
    Trouble,
    Whereabouts,
)
from workers.ports.addresses import Addresses
from workers.ports.alerts import Alert, Level
from workers.ports.carriers import Carriers, Parcel, ParcelState
from workers.ports.currencies import describe, exponent
from workers.ports.events import Event
from workers.ports.shop import Shop
from workers.ports.supplier import Suppliers
from workers.ports.values import Money
from workers.runtime.errors import BusinessOutcome, NeedsHuman
from workers.runtime.jobs import Job, Process


class Tracking:
    """The jobs of bpmn/tracking.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        shop: Shop,
        suppliers: Suppliers,
        carriers: Carriers,
        addresses: Addresses,
        journal: Journal,
        effects: Effects,
        pager: Pager,
        cases: Cases,
        handover: Handover,
    ) -> None:
        self._shop = shop
        self._suppliers = suppliers
        self._carriers = carriers
        self._addresses = addresses
        self._parcels = Parcels(shop, journal)
        self._purchases = Purchases(suppliers, journal)
        self._effects = effects
        self._pager = pager
        self._letters = Letters(effects, cases)
        self._cases = cases
        self._handover = handover

    async def ask_supplier(
        self, supplier: str | None = None, reference: str | None = None, shipment: Shipment | None = None
    ) -> ShipmentFound:
        """Ask the supplier what it has sent. Natural: asking changes nothing.

        Without a supplier, when only a complaint is followed, everything stays as it is known.
        """
        if supplier is None or reference is None:
            return ShipmentFound(shipment)
        told = await self._suppliers.get_shipment(supplier, reference)
        parcels = tuple(TrackedParcel.of(parcel) for parcel in told.parcels)
        known = set(shipment.parcels) if shipment else set()
        news = not known.issuperset(parcels)
        return ShipmentFound(Shipment(parcels, news, told.complete and not told.cancelled, told.cancelled))

    async def create_fulfillment(self, shopify_order_id: str, shipment: Shipment) -> None:
        """Give the shop the tracking number of each parcel. Once per parcel, by the journal and in the shop."""
        for carrier, number in shipment.sent:
            await self._parcels.give(shopify_order_id, carrier, number)

    async def mail_on_the_way(self, shopify_order_id: str, shipment: Shipment) -> None:
        """Mail the customer the tracking number of each parcel. Once per parcel."""
        for carrier, number in shipment.sent:
            key, values = f"mail:{shopify_order_id}-sent-{number}", {"carrier": carrier, "tracking_number": number}
            otherwise = "nobody was told of the parcel"
            await self._letters.write(shopify_order_id, key, "tracking_on_the_way", values, otherwise=otherwise)

    async def publish_order_fulfilled(self, shopify_order_id: str) -> None:
        """Announce `order_fulfilled`. Once per order, however often its goods are sent."""
        payload = {"shopify_order_id": shopify_order_id}
        await self._announce(f"order_fulfilled:{shopify_order_id}", "order_fulfilled", payload, "All on the way")

    async def cancel_unsent(
        self,
        shopify_order_id: str,
        supplier: str | None = None,
        reference: str | None = None,
        shipment: Shipment | None = None,
    ) -> ShipmentFound:
        """Ask the supplier not to send what it has not sent. Natural: cancelled stays cancelled.

        What will never be sent stands in the list from then on, as a parcel under our reference. A parcel that is
        not in the list was sent meanwhile: nothing counts as cancelled until the shop and the customer know of it.
        """
        if supplier is None or reference is None:
            return ShipmentFound(shipment)
        parcels = shipment.parcels if shipment else ()
        cancelled = await self._suppliers.cancel_order(supplier, reference)
        if cancelled:
            await self._cases.write(unsent(shopify_order_id, supplier, reference))
        told = await self._suppliers.get_shipment(supplier, reference)
        if not cancelled or not set(parcels).issuperset(map(TrackedParcel.of, told.parcels)):
            return ShipmentFound(Shipment(parcels, news=False, complete=False, cancelled=False))
        never = TrackedParcel(None, reference, Trouble.NEVER_SHIPPED)
        return ShipmentFound(Shipment((*parcels, never), news=False, complete=False, cancelled=True))

    async def ask_carrier(self, shopify_order_id: str, parcel: TrackedParcel) -> Whereabouts:
        """Ask the carrier where a parcel is. Natural: asking changes nothing.

        Delivered once is delivered, whatever a later scan says; the timeline has it once per parcel.
        """
        if parcel.carrier is None or parcel.trouble is not None:
            return Whereabouts(parcel.trouble or Trouble.NEVER_SHIPPED, None)
        known = await self._carriers.track(parcel.carrier, parcel.tracking_number)
        arrived = await self._arrived(shopify_order_id, known)
        if known.last is None:
            return Whereabouts(ParcelState.ANNOUNCED, None)
        state = ParcelState.DELIVERED if arrived else known.last.state
        return Whereabouts(state, known.last.at.isoformat())

    async def _arrived(self, order_id: str, parcel: Parcel) -> bool:
        """Whether it is delivered; then the timeline says so."""
        if parcel.delivered:
            await self._cases.write(delivered(order_id, parcel))
        return parcel.delivered

    async def look_into_complaint(
        self, shopify_order_id: str, tracking_number: str, complaint: str = ""
    ) -> ShipmentFound:
        """Say whether the carrier says delivered of a parcel that the customer misses. Natural: it only asks."""
        sent = await self._shop.find_fulfillment(shopify_order_id, tracking_number)
        if sent is None:
            raise NeedsHuman(f"The shop knows no parcel {tracking_number} of order {shopify_order_id}.")
        await self._cases.write(not_received(shopify_order_id, sent.carrier, tracking_number, complaint))
        known = await self._carriers.track(sent.carrier, tracking_number)
        if not known.delivered:
            return ShipmentFound(None)
        parcel = TrackedParcel(sent.carrier, tracking_number, Trouble.NOT_RECEIVED)
        return ShipmentFound(Shipment((parcel,), news=False, complete=True, cancelled=False))

    async def publish_shipping_delayed(self, shopify_order_id: str, tracking_number: str, what: str) -> None:
        """Announce `shipping_delayed`. Once per parcel and reason."""
        payload = {"shopify_order_id": shopify_order_id, "tracking_number": tracking_number, "reason": what}
        sentence = f"Parcel {tracking_number} is in trouble: {what.replace('_', ' ')}"
        key = f"shipping_delayed:{shopify_order_id}:{tracking_number}:{what}"
        await self._announce(key, "shipping_delayed", payload, sentence)

    async def publish_decision_overdue(self, shopify_order_id: str, tracking_number: str) -> None:
        """Call a lead, and announce `parcel_decision_overdue`. Once per parcel."""
        payload = {"shopify_order_id": shopify_order_id, "tracking_number": tracking_number}
        sentence = f"Nobody has decided on parcel {tracking_number} in a day"
        key = f"parcel_decision_overdue:{shopify_order_id}:{tracking_number}"
        alert = Alert(f"alert:{key}", "lead", f"{sentence}, order {shopify_order_id}", Level.WARNING)
        await self._pager.push(alert, shopify_order_id, "Decision overdue: leads are called")
        await self._announce(key, "parcel_decision_overdue", payload, sentence)

    async def get_order(self, shopify_order_id: str) -> OrderFacts:
        """Read the order from the shop into the case file. Natural: reading again only refreshes."""
        order = await self._shop.get_order(shopify_order_id)
        await self._cases.describe(PROCESS, order)
        return OrderFacts(
            order_open=order.open,
            order_total=order.total.minor,
            currency=order.total.currency,
            minor_units=10 ** exponent(order.total.currency),
            worth=describe(order.total),
            country=self._addresses.facts(order.shipping_address).country,
            vip=order.vip,
            orders_before=order.orders_before,
            resent=await self._purchases.made_again(order.id),
        )

    async def check_stock(self, shopify_order_id: str) -> Offers:
        """Ask every supplier for an offer to send the goods once more. Natural: asking changes nothing."""
        order = await self._cases.order(shopify_order_id)
        country = self._addresses.facts(order.shipping_address).country
        offers = await self._suppliers.get_offers(order.id, order.lines, country)
        return Offers(tuple(OfferFacts.of(offer) for offer in offers))

    async def reship(
        self,
        shopify_order_id: str,
        currency: str,
        reship_supplier: str | None,
        agreed_cost: int | None,
        resent: int = 0,
    ) -> Reshipped:
        """Buy the goods once more, after they were sent again `resent` times. Once per order and number: by the
        journal, and by the reference in the supplier's books.

        Error: OUT_OF_STOCK when no supplier has them, or the chosen one has sold out meanwhile.
        """
        if reship_supplier is None or agreed_cost is None:
            raise BusinessOutcome(Errors.OUT_OF_STOCK, "no supplier can send the goods again")
        order, case = await self._cases.order(shopify_order_id), await self._cases.get(shopify_order_id)
        before = (case.cost_minor if case else None) or 0
        deal = Deal(order, reship_supplier, Money(agreed_cost, currency), before)
        bought = await self._purchases.buy(Purchase(order.id, resent + 1), deal, Errors.OUT_OF_STOCK)
        return Reshipped(bought.supplier, bought.id, bought.cost.minor)

    async def book_cost_of_goods(
        self, shopify_order_id: str, reship_order_id: str, reship_cost: int, currency: str, resent: int = 0
    ) -> None:
        """Book what sending again costs. Once per order and number, by the journal and the ledger's key."""
        purchase = Purchase(shopify_order_id, resent + 1)
        posting = purchase.posting(reship_order_id, Money(reship_cost, currency))
        await self._effects.book(posting, "Cost of sending again booked")

    async def publish_supplier_order_placed(
        self,
        shopify_order_id: str,
        reship_order_id: str,
        reship_supplier: str,
        reship_cost: int,
        currency: str,
        resent: int = 0,
    ) -> None:
        """Announce `supplier_order_placed` for what is sent again; it is tracked. Once per order and number."""
        purchase = Purchase(shopify_order_id, resent + 1)
        event = purchase.announcement(reship_order_id, Money(reship_cost, currency))
        await self._effects.publish(event, shopify_order_id, "New supplier order announced")
        placed = SupplierOrderPlaced(
            shopify_order_id=shopify_order_id,
            supplier_order_id=reship_order_id,
            supplier=reship_supplier,
            reference=purchase.reference,
        )
        await self._handover.tell(PROCESS, SUPPLIER_ORDER_PLACED, placed)

    async def pass_on_cancellation(self, shopify_order_id: str, heard_before: int = 0) -> None:
        """Tell the next instance of the order that it is cancelled. Once per instance that heard, by the inbox."""
        news = DeliveryCancelled(shopify_order_id=shopify_order_id, heard_before=heard_before + 1)
        await self._handover.tell(PROCESS, DELIVERY_CANCELLED, news)

    async def recall_parcels(self, shopify_order_id: str, shipment: Shipment | None = None) -> Recall:
        """Ask the carriers to bring everything back. Natural: recalled stays recalled."""
        sent = shipment.sent if shipment else ()
        return Recall(RecallResult.worst([await self._recall(shopify_order_id, *each) for each in sent]))

    async def _recall(self, order_id: str, carrier: str, tracking_number: str) -> RecallResult:
        if await self._carriers.recall(carrier, tracking_number):
            await self._cases.write(recalled(order_id, carrier, tracking_number))
            return RecallResult.RECALLED
        arrived = await self._arrived(order_id, await self._carriers.track(carrier, tracking_number))
        return RecallResult.DELIVERED if arrived else RecallResult.TOO_LATE

    async def _announce(self, key: str, name: str, payload: dict[str, Any], sentence: str) -> None:
        await self._effects.publish(Event(key, name, payload), payload["shopify_order_id"], sentence)


def registration(jobs: Tracking) -> Process:
    """Everything bpmn/tracking.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("tracking.ask_supplier", jobs.ask_supplier),
            Job("tracking.create_fulfillment", jobs.create_fulfillment),
            Job("tracking.mail_on_the_way", jobs.mail_on_the_way),
            Job("tracking.publish_order_fulfilled", jobs.publish_order_fulfilled),
            Job("tracking.cancel_unsent", jobs.cancel_unsent),
            Job("tracking.ask_carrier", jobs.ask_carrier),
            Job("tracking.look_into_complaint", jobs.look_into_complaint),
            Job("tracking.publish_shipping_delayed", jobs.publish_shipping_delayed),
            Job("tracking.publish_decision_overdue", jobs.publish_decision_overdue),
            Job("tracking.get_order", jobs.get_order),
            Job("tracking.check_stock", jobs.check_stock),
            Job("tracking.reship", jobs.reship),
            Job("tracking.book_cost_of_goods", jobs.book_cost_of_goods),
            Job("tracking.publish_supplier_order_placed", jobs.publish_supplier_order_placed),
            Job("tracking.pass_on_cancellation", jobs.pass_on_cancellation),
            Job("tracking.recall_parcels", jobs.recall_parcels),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
