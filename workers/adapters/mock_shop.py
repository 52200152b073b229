"""The mocked shop: Shopify orders as JSON, read and changed the way Shopify's API would."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sqlalchemy import Text, bindparam, case, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import EMAIL, NOW, ChargeRow, FulfillmentRow, ShopOrderRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_world import MockWorld
from workers.adapters.shopify_orders import Json, order_id, to_order, to_payment, to_shipping_address, unwrap
from workers.ports.shop import MOST_ORDERS, Fulfillment, Order
from workers.ports.values import Address
from workers.runtime.errors import NeedsHuman


class MockShop:
    """Implements ports.shop.Shop; seed_order, cancel_order and refund_order are what people do there."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def get_order(self, order_id: str) -> Order:
        """The order as it is now."""

        async def execute(misbehaviour: Misbehaviour) -> ShopOrderRow | None:
            await _refuse_unknown(misbehaviour, order_id)
            return await self._find(order_id)

        row = await perform(self._world, _call("get_order", order_id), execute)
        if row is None:
            raise _unknown(order_id)
        return to_order(row.body)

    async def find_orders(self, email: str) -> tuple[Order, ...]:
        """The customer's orders, the newest first; those that cannot be read are left out."""
        address = email.strip().lower()

        async def execute(misbehaviour: Misbehaviour) -> Sequence[ShopOrderRow]:
            unknown = not address or await misbehaviour.strikes(Kind.NOT_FOUND)
            return [] if unknown else await self._world.rows(_FIND_BY_EMAIL, {"address": address})

        rows = await perform(self._world, _call("find_orders", address), execute)
        orders = sorted(_readable(rows), key=lambda order: (order.created_at, order.id), reverse=True)
        return tuple(orders[:MOST_ORDERS])

    async def update_shipping_address(self, order_id: str, address: Address) -> None:
        """Replace the shipping address; a change that changes nothing is not listed among the changes."""
        shipping = cast(to_shipping_address(address), JSONB)
        change = func.jsonb_build_array(
            func.jsonb_build_object("at", NOW, "address", cast(asdict(address), JSONB))
        )
        same = ShopOrderRow.body["shipping_address"] == shipping
        statement = update(ShopOrderRow).values(
            body=func.jsonb_set(ShopOrderRow.body, cast(["shipping_address"], ARRAY(Text)), shipping),
            address_changes=case(
                (same, ShopOrderRow.address_changes), else_=ShopOrderRow.address_changes.op("||")(change)
            ),
        )
        await self._change("update_shipping_address", order_id, statement)

    async def tag_order(self, order_id: str, tag: str) -> None:
        """Put a tag on the order; a tag that is there already stays there once."""
        there = literal(tag) == func.any(ShopOrderRow.tags)
        tags = case((there, ShopOrderRow.tags), else_=func.array_append(ShopOrderRow.tags, tag))
        await self._change("tag_order", order_id, update(ShopOrderRow).values(tags=tags))

    async def create_fulfillment(self, order_id: str, carrier: str, tracking_number: str) -> Fulfillment:
        """Tell the shop that a parcel is on its way, once per tracking number."""
        wanted = {"order_id": order_id, "carrier": carrier, "tracking_number": tracking_number}

        async def execute(misbehaviour: Misbehaviour) -> FulfillmentRow:
            await _refuse_unknown(misbehaviour, order_id)
            if await self._find(order_id) is None:
                raise _unknown(order_id)
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            key = f"{order_id}/{tracking_number}"
            return await self._world.keep(FulfillmentRow, key, wanted, forgotten=forgotten)

        call = _call("create_fulfillment", order_id, tracking_number)
        return _to_fulfillment(await perform(self._world, call, execute))

    async def find_fulfillment(self, order_id: str, tracking_number: str) -> Fulfillment | None:
        """The fulfillment with this tracking number, or None."""

        async def execute(_: Misbehaviour) -> FulfillmentRow | None:
            key = f"{order_id}/{tracking_number}"
            return await self._world.row(select(FulfillmentRow).where(FulfillmentRow.key == key))

        row = await perform(self._world, _call("find_fulfillment", order_id, tracking_number), execute)
        return _to_fulfillment(row) if row else None

    async def seed_order(self, body: Json) -> str:
        """Put an order into the shop, or put it back as it was first; gives its id.

        What its customer paid is in the payment provider's books from then on, under `ch_<order id>`.
        """
        order = dict(unwrap(body))
        identity = order_id(order)
        fresh = {"body": order, "tags": [], "address_changes": []}
        statement = insert(ShopOrderRow).values(id=identity, **fresh)
        await self._world.row(
            statement.on_conflict_do_update(index_elements=[ShopOrderRow.id], set_=fresh).returning(ShopOrderRow)
        )
        await self._pay(order)
        return identity

    async def cancel_order(self, order_id: str) -> None:
        """The customer cancels. Cancelling twice keeps the first time."""
        row = await self._find(order_id)
        if row and not row.body.get("cancelled_at"):
            await self._set(order_id, cancelled_at=(await self._world.now()).isoformat(), cancel_reason="customer")
        if row is None:
            raise _unknown(order_id)

    async def refund_order(self, order_id: str) -> None:
        """An agent refunds the whole order in the shop, which has the payment provider give back what is left."""
        await self.find_row(order_id)
        await MockPayments(self._world).refund_rest(f"ch_{order_id}", f"shop-{order_id}")
        await self._set(order_id, financial_status="refunded")

    async def find_row(self, order_id: str) -> ShopOrderRow:
        """All that the shop knows of an order, for people and tests. Raises NeedsHuman when there is none."""
        row = await self._find(order_id)
        if row is None:
            raise _unknown(order_id)
        return row

    async def _change(self, operation: str, order_id: str, statement: Any) -> None:
        async def execute(misbehaviour: Misbehaviour) -> ShopOrderRow | None:
            await _refuse_unknown(misbehaviour, order_id)
            return await self._world.row(statement.where(ShopOrderRow.id == order_id).returning(ShopOrderRow))

        if await perform(self._world, _call(operation, order_id), execute) is None:
            raise _unknown(order_id)

    async def _pay(self, order: Json) -> None:
        """An order that cannot be read has no charge, and one that is charged already stays so."""
        try:
            payment = to_payment(order)
        except NeedsHuman:
            return
        statement = insert(ChargeRow).values(
            id=f"ch_{payment.order_id}",
            provider=payment.provider,
            order_id=payment.order_id,
            captured_minor=payment.captured.minor,
            refunded_minor=payment.refunded.minor,
            currency=payment.captured.currency,
        )
        await self._world.row(statement.on_conflict_do_nothing().returning(ChargeRow))

    async def _find(self, order_id: str) -> ShopOrderRow | None:
        return await self._world.row(_FIND, {"order_id": order_id})

    async def _set(self, order_id: str, **fields: str) -> ShopOrderRow | None:
        body = ShopOrderRow.body.op("||")(cast(fields, JSONB))
        statement = update(ShopOrderRow).where(ShopOrderRow.id == order_id).values(body=body)
        return await self._world.row(statement.returning(ShopOrderRow))


_FIND = select(ShopOrderRow).where(ShopOrderRow.id == bindparam("order_id"))
_FIND_BY_EMAIL = select(ShopOrderRow).where(bindparam("address") == EMAIL)


def _call(operation: str, order_id: str, *also_about: str) -> Call:
    return Call(f"shop.{operation}", "/".join((order_id, *also_about)), frozenset({order_id, *also_about}))


def _to_fulfillment(row: FulfillmentRow) -> Fulfillment:
    return Fulfillment(f"F-{row.number}", row.order_id, row.carrier, row.tracking_number)


def _readable(rows: Sequence[ShopOrderRow]) -> Iterator[Order]:
    for row in rows:
        with suppress(NeedsHuman):
            yield to_order(row.body)


async def _refuse_unknown(misbehaviour: Misbehaviour, order_id: str) -> None:
    if await misbehaviour.strikes(Kind.NOT_FOUND):
        raise _unknown(order_id)


def _unknown(order_id: str) -> NeedsHuman:
    return NeedsHuman(f"The shop has no order {order_id}.")
