from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.faults import Faults
from workers.ports.supplier import Offer, OutOfStockError, SentParcel, Shipment, SupplierOrder
from workers.ports.values import Address, Money, OrderLine
from workers.runtime.errors import EffectConflict, NeedsHuman

Request = tuple[tuple[OrderLine, ...], Address, Money]


class FakeSuppliers(Faults):
    """Implements ports.supplier.Suppliers: every supplier asks half the price, unless `offers` says otherwise."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names or ("aliexpress", "cj", "local")
        self.offers: dict[str, tuple[Offer, ...]] = {}
        """By order id."""
        self.sold_out: set[str] = set()
        """Suppliers that say so in their offers."""
        self.sold_out_when_ordering: set[str] = set()
        """Suppliers that find out only when we order."""
        self.placed: dict[tuple[str, str], SupplierOrder] = {}
        self.shipments: dict[tuple[str, str], Shipment] = {}
        """Of orders that were shipped (partly) or cancelled."""
        self.requests: dict[tuple[str, str], Request] = {}

    async def get_offers(self, order_id: str, lines: Sequence[OrderLine], country: str) -> tuple[Offer, ...]:
        self._begin("get_offers")
        if order_id in self.offers or not lines:
            return self.offers.get(order_id, ())
        total = sum(line.unit_price.minor * line.quantity for line in lines)
        cost = Money(max(1, total // 2), lines[0].unit_price.currency)
        return tuple(Offer(name, cost, name not in self.sold_out, 5, True) for name in self.names)

    async def place_order(
        self, supplier: str, reference: str, lines: Sequence[OrderLine], address: Address, cost: Money
    ) -> SupplierOrder:
        self._begin("place_order")
        self._check(supplier)
        key, request = (supplier, reference), (tuple(lines), address, cost)
        if key not in self.placed:
            if supplier in self.sold_out_when_ordering:
                raise OutOfStockError(f"{supplier} is out of stock.")
            number = f"{supplier}-{len(self.placed) + 1}"
            self.placed[key] = SupplierOrder(number, supplier, reference, cost)
            self.requests[key] = request
        self._end("place_order")
        if self.requests[key] != request:
            raise EffectConflict(f"{supplier} already has another order under our reference {reference}.")
        return self.placed[key]

    async def find_order(self, supplier: str, reference: str) -> SupplierOrder | None:
        self._begin("find_order")
        self._check(supplier)
        return self.placed.get((supplier, reference))

    async def get_shipment(self, supplier: str, reference: str) -> Shipment:
        self._begin("get_shipment")
        return self._shipment(supplier, reference)

    async def cancel_order(self, supplier: str, reference: str) -> bool:
        self._begin("cancel_order")
        shipment = self._shipment(supplier, reference)
        if shipment.complete and not shipment.cancelled:
            return False
        self.shipments[supplier, reference] = replace(shipment, complete=True, cancelled=True)
        self._end("cancel_order")
        return True

    async def ship(
        self, supplier: str, reference: str, tracking_number: str, carrier: str, *, complete: bool = True
    ) -> Shipment:
        """The supplier hands a parcel over, the last one unless not `complete`; the same number twice is once."""
        shipment = self._shipment(supplier, reference)
        parcel = SentParcel(carrier, tracking_number)
        if parcel not in shipment.parcels:
            if shipment.complete:
                raise NeedsHuman(f"{supplier} sends nothing (more) of {reference}: it is cancelled or sent.")
            shipment = Shipment((*shipment.parcels, parcel), complete)
        shipment = replace(shipment, complete=shipment.complete or complete)
        self.shipments[supplier, reference] = shipment
        return shipment

    def _shipment(self, supplier: str, reference: str) -> Shipment:
        self._check(supplier)
        if (supplier, reference) not in self.placed:
            raise NeedsHuman(f"{supplier} has no order under our reference {reference}.")
        return self.shipments.get((supplier, reference), Shipment((), complete=False))

    def _check(self, supplier: str) -> None:
        if supplier not in self.names:
            raise NeedsHuman(f"There is no supplier {supplier}.")
