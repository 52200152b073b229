"""The mocked suppliers: offers from a fixed catalogue, orders in books of their own."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, case, cast, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import ShipmentRow, SupplierOrderRow
from workers.adapters.mock_catalogue import SUPPLIERS, Supplier
from workers.adapters.mock_world import MockWorld, again
from workers.ports.supplier import Offer, OutOfStockError, SentParcel, Shipment, SupplierOrder
from workers.ports.values import Address, Money, OrderLine
from workers.runtime.errors import EffectConflict, NeedsHuman


class MockSuppliers:
    """Implements ports.supplier.Suppliers. A behaviour's target may be a supplier, sku, order id or reference."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def get_offers(self, order_id: str, lines: Sequence[OrderLine], country: str) -> tuple[Offer, ...]:
        """An offer of each supplier; the same question has the same answer. An order without lines has none."""

        async def execute(misbehaviour: Misbehaviour) -> tuple[Offer, ...]:
            asked = SUPPLIERS.values() if lines else ()
            return tuple([await _offer(supplier, lines, country, misbehaviour) for supplier in asked])

        about = frozenset({order_id, *(line.sku for line in lines)})
        call = Call("supplier.get_offers", order_id, about, parts=frozenset(SUPPLIERS))
        return await perform(self._world, call, execute)

    async def place_order(
        self, supplier: str, reference: str, lines: Sequence[OrderLine], address: Address, cost: Money
    ) -> SupplierOrder:
        """Buy, once per reference. Raises EffectConflict when the reference stands for another order."""
        seller = _supplier(supplier)
        wanted: dict[str, Any] = {
            "cost_minor": cost.minor,
            "currency": cost.currency,
            "lines": [asdict(line) for line in lines],
            "address": asdict(address),
        }

        async def execute(misbehaviour: Misbehaviour) -> SupplierOrderRow:
            refusal = await _refusal(seller, address, misbehaviour)
            if refusal and await self._find(supplier, reference) is None:
                raise refusal
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN)
            once_more = forgotten is not None and await self._find(supplier, reference) is not None
            return await self._insert(supplier, again(reference) if once_more else reference, wanted)

        row = await perform(self._world, _call("place_order", supplier, reference, lines), execute)
        if {field: getattr(row, field) for field in wanted} != wanted:
            raise EffectConflict(f"{supplier} already has another order under our reference {reference}.")
        return _to_order(row)

    async def find_order(self, supplier: str, reference: str) -> SupplierOrder | None:
        """The order under our reference, or None."""
        _supplier(supplier)

        async def execute(_: Misbehaviour) -> SupplierOrderRow | None:
            return await self._find(supplier, reference)

        row = await perform(self._world, _call("find_order", supplier, reference), execute)
        return _to_order(row) if row else None

    async def get_shipment(self, supplier: str, reference: str) -> Shipment:
        """How far the order under our reference is. Raises NeedsHuman when the supplier has none."""
        _supplier(supplier)

        async def execute(misbehaviour: Misbehaviour) -> ShipmentRow | None:
            known = await self._find(supplier, reference)
            if known is None or await misbehaviour.strikes(Kind.NOT_FOUND):
                raise _unknown(supplier, reference)
            return await self._shipment(supplier, reference)

        row = await perform(self._world, _call("get_shipment", supplier, reference), execute)
        return _to_shipment(row) if row else Shipment((), complete=False)

    async def cancel_order(self, supplier: str, reference: str) -> bool:
        """Ask not to send what was not sent yet; cancelled stays cancelled. False when all is on its way."""
        _supplier(supplier)

        async def execute(misbehaviour: Misbehaviour) -> bool:
            if await self._find(supplier, reference) is None:
                raise _unknown(supplier, reference)
            if await misbehaviour.strikes(Kind.REFUSED):
                return False
            statement = insert(ShipmentRow).values(supplier=supplier, reference=reference, cancelled=True)
            cancelled = statement.on_conflict_do_update(
                index_elements=_THIS_SHIPMENT, set_={"cancelled": True}, where=not_(ShipmentRow.complete)
            )
            return await self._world.row(cancelled.returning(ShipmentRow)) is not None

        return await perform(self._world, _call("cancel_order", supplier, reference), execute)

    async def ship(
        self, supplier: str, reference: str, tracking_number: str, carrier: str, *, complete: bool = True
    ) -> Shipment:
        """The supplier hands a parcel over, the last one unless not `complete`; the same number twice is once.

        Raises NeedsHuman when there is no such order, or it is cancelled, or all of it was sent before.
        """
        _supplier(supplier)
        if await self._find(supplier, reference) is None:
            raise _unknown(supplier, reference)
        parcel = cast([{"carrier": carrier, "tracking_number": tracking_number}], JSONB)
        statement = insert(ShipmentRow).values(
            supplier=supplier, reference=reference, parcels=parcel, complete=complete
        )
        there = ShipmentRow.parcels.contains(parcel)
        shipped = statement.on_conflict_do_update(
            index_elements=_THIS_SHIPMENT,
            set_={
                "parcels": case((there, ShipmentRow.parcels), else_=ShipmentRow.parcels.op("||")(parcel)),
                "complete": or_(ShipmentRow.complete, literal(complete)),
            },
            where=or_(there, not_(or_(ShipmentRow.complete, ShipmentRow.cancelled))),
        )
        row = await self._world.row(shipped.returning(ShipmentRow))
        if row is None:
            raise NeedsHuman(f"{supplier} sends nothing (more) of {reference}: it is cancelled or sent.")
        return _to_shipment(row)

    async def _shipment(self, supplier: str, reference: str) -> ShipmentRow | None:
        mine = select(ShipmentRow).where(ShipmentRow.supplier == supplier, ShipmentRow.reference == reference)
        return await self._world.row(mine)

    async def _find(self, supplier: str, reference: str) -> SupplierOrderRow | None:
        return await self._world.row(_FIND, {"of": supplier, "ours": reference})

    async def _insert(self, supplier: str, reference: str, wanted: dict[str, Any]) -> SupplierOrderRow:
        values = {"supplier": supplier, "reference": reference, **wanted}
        return await self._world.one(_INSERT, {f"new_{name}": value for name, value in values.items()})


_FIND = select(SupplierOrderRow).where(
    SupplierOrderRow.supplier == bindparam("of"), SupplierOrderRow.reference == bindparam("ours")
)
_THIS_SHIPMENT = [ShipmentRow.supplier, ShipmentRow.reference]
_WRITTEN = ("supplier", "reference", "cost_minor", "currency", "lines", "address")
_INSERT = (
    insert(SupplierOrderRow)
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
    .on_conflict_do_update(
        index_elements=[SupplierOrderRow.supplier, SupplierOrderRow.reference],
        set_={"requests": SupplierOrderRow.requests + 1},
    )
    .returning(SupplierOrderRow)
)


async def _offer(
    supplier: Supplier, lines: Sequence[OrderLine], country: str, misbehaviour: Misbehaviour
) -> Offer:
    sold_out = await misbehaviour.strikes(Kind.OUT_OF_STOCK, supplier.name)
    return supplier.offer(lines, country, in_stock=sold_out is None)


async def _refusal(seller: Supplier, address: Address, misbehaviour: Misbehaviour) -> Exception | None:
    if await misbehaviour.strikes(Kind.OUT_OF_STOCK):
        return OutOfStockError(f"{seller.name} is out of stock.")
    if not seller.ships_to(address.country):
        return NeedsHuman(f"{seller.name} does not deliver to this country.")
    return None


def _supplier(name: str) -> Supplier:
    if name not in SUPPLIERS:
        raise NeedsHuman(f"There is no supplier {name}; there are {', '.join(SUPPLIERS)}.")
    return SUPPLIERS[name]


def _call(operation: str, supplier: str, reference: str, lines: Sequence[OrderLine] = ()) -> Call:
    """Our reference carries the order id, so its words count as what the call is about."""
    words = re.findall(r"[0-9A-Za-z]+", reference)
    about = frozenset({supplier, reference, *words, *(line.sku for line in lines)})
    return Call(f"supplier.{operation}", f"{supplier}/{reference}", about)


def _unknown(supplier: str, reference: str) -> NeedsHuman:
    return NeedsHuman(f"{supplier} has no order under our reference {reference}.")


def _to_shipment(row: ShipmentRow) -> Shipment:
    parcels = tuple(SentParcel(**parcel) for parcel in row.parcels)
    return Shipment(parcels, complete=row.complete or row.cancelled, cancelled=row.cancelled)


def order_number(row: SupplierOrderRow) -> str:
    """The supplier's own number of an order."""
    return f"{SUPPLIERS[row.supplier].prefix}-{row.number}"


def _to_order(row: SupplierOrderRow) -> SupplierOrder:
    return SupplierOrder(order_number(row), row.supplier, row.reference, Money(row.cost_minor, row.currency))
