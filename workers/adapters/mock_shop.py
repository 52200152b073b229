"""The mocked shop: Shopify orders as JSON, read and changed the way Shopify's API would."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text, bindparam, case, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_world import MockWorld, ShopOrderRow
from workers.adapters.shopify_orders import Json, order_id, to_order, to_shipping_address, unwrap
from workers.ports.shop import Order
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

    async def update_shipping_address(self, order_id: str, address: Address) -> None:
        """Replace the shipping address; a change that changes nothing is not listed among the changes."""
        shipping = cast(to_shipping_address(address), JSONB)
        change = cast([{"at": datetime.now(UTC).isoformat(), "address": asdict(address)}], JSONB)
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

    async def seed_order(self, body: Json) -> str:
        """Put an order into the shop, or put it back as it was first; gives its id."""
        order = dict(unwrap(body))
        identity = order_id(order)
        fresh = {"body": order, "tags": [], "address_changes": []}
        statement = insert(ShopOrderRow).values(id=identity, **fresh)
        await self._world.row(
            statement.on_conflict_do_update(index_elements=[ShopOrderRow.id], set_=fresh).returning(ShopOrderRow)
        )
        return identity

    async def cancel_order(self, order_id: str) -> None:
        """The customer cancels. Cancelling twice keeps the first time."""
        row = await self._find(order_id)
        if row and not row.body.get("cancelled_at"):
            await self._set(order_id, cancelled_at=datetime.now(UTC).isoformat(), cancel_reason="customer")
        if row is None:
            raise _unknown(order_id)

    async def refund_order(self, order_id: str) -> None:
        """An agent refunds the whole order."""
        if await self._set(order_id, financial_status="refunded") is None:
            raise _unknown(order_id)

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

    async def _find(self, order_id: str) -> ShopOrderRow | None:
        return await self._world.row(_FIND, {"order_id": order_id})

    async def _set(self, order_id: str, **fields: str) -> ShopOrderRow | None:
        body = ShopOrderRow.body.op("||")(cast(fields, JSONB))
        statement = update(ShopOrderRow).where(ShopOrderRow.id == order_id).values(body=body)
        return await self._world.row(statement.returning(ShopOrderRow))


_FIND = select(ShopOrderRow).where(ShopOrderRow.id == bindparam("order_id"))


def _call(operation: str, order_id: str) -> Call:
    return Call(f"shop.{operation}", order_id, frozenset({order_id}))


async def _refuse_unknown(misbehaviour: Misbehaviour, order_id: str) -> None:
    if await misbehaviour.strikes(Kind.NOT_FOUND):
        raise _unknown(order_id)


def _unknown(order_id: str) -> NeedsHuman:
    return NeedsHuman(f"The shop has no order {order_id}.")
