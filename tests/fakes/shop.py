from dataclasses import replace

from tests.fakes.faults import Faults
from workers.ports.shop import MOST_ORDERS, Fulfillment, Order
from workers.ports.values import Address
from workers.runtime.errors import NeedsHuman


class FakeShop(Faults):
    """Implements ports.shop.Shop. Put orders into `orders`."""

    def __init__(self, *orders: Order) -> None:
        super().__init__()
        self.orders = {order.id: order for order in orders}
        self.tags: dict[str, list[str]] = {}
        self.fulfillments: dict[tuple[str, str], Fulfillment] = {}
        """By order id and tracking number."""

    async def get_order(self, order_id: str) -> Order:
        self._begin("get_order")
        return self._order(order_id)

    async def find_orders(self, email: str) -> tuple[Order, ...]:
        self._begin("find_orders")
        address = email.strip().lower()
        theirs = [order for order in self.orders.values() if address and order.email.lower() == address]
        return tuple(sorted(theirs, key=lambda order: (order.created_at, order.id), reverse=True)[:MOST_ORDERS])

    async def update_shipping_address(self, order_id: str, address: Address) -> None:
        self._begin("update_shipping_address")
        self.orders[order_id] = replace(self._order(order_id), shipping_address=address)
        self._end("update_shipping_address")

    async def tag_order(self, order_id: str, tag: str) -> None:
        self._begin("tag_order")
        tags = self.tags.setdefault(self._order(order_id).id, [])
        if tag not in tags:
            tags.append(tag)
        self._end("tag_order")

    async def create_fulfillment(self, order_id: str, carrier: str, tracking_number: str) -> Fulfillment:
        self._begin("create_fulfillment")
        self._order(order_id)
        new = Fulfillment(f"F-{len(self.fulfillments) + 1}", order_id, carrier, tracking_number)
        made = self.fulfillments.setdefault((order_id, tracking_number), new)
        self._end("create_fulfillment")
        return made

    async def find_fulfillment(self, order_id: str, tracking_number: str) -> Fulfillment | None:
        self._begin("find_fulfillment")
        return self.fulfillments.get((order_id, tracking_number))

    def _order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise NeedsHuman(f"The shop has no order {order_id}.")
        return self.orders[order_id]
