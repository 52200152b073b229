"""Telling the shop of parcels: through the journal, each under its tracking number."""

from workers.casefile.journal import Intent, Journal
from workers.casefile.parcel_entries import on_its_way
from workers.ports.shop import Fulfillment, Shop


class Parcels:
    """Gives parcels to the shop, which shows them to the customer."""

    def __init__(self, shop: Shop, journal: Journal) -> None:
        self._shop = shop
        self._journal = journal

    async def give(self, order_id: str, carrier: str, tracking_number: str) -> None:
        """Once per parcel: by the journal, and by its number in the shop's own books."""
        await self._journal.once(
            Intent(
                key=f"fulfillment:{order_id}:{tracking_number}",
                kind="fulfillment",
                case_id=order_id,
                request={"carrier": carrier, "tracking_number": tracking_number},
                result_type=Fulfillment,
                call=lambda: self._shop.create_fulfillment(order_id, carrier, tracking_number),
                find=lambda asked: self._shop.find_fulfillment(order_id, asked["tracking_number"]),
                entry=lambda created: on_its_way(order_id, carrier, tracking_number, created.id),
            )
        )
