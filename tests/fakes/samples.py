"""Values that tests start from."""

from typing import Any

from workers.ports.values import Address, Money, OrderLine

ADDRESS = Address("Ada Example", "Musterweg 5", "", "Berlin", "", "10115", "DE")
LINES = (
    OrderLine("LAMP-1", "Desk lamp", 2, Money(2_000, "EUR")),
    OrderLine("CABLE-2", "Cable", 1, Money(995, "EUR")),
)


def shopify_order(order_id: str, **changes: Any) -> dict[str, Any]:
    """A paid order as Shopify's webhook posts it."""
    return {
        "id": int(order_id) if order_id.isdecimal() else order_id,
        "name": f"#{order_id}",
        "email": "ada@example.com",
        "created_at": "2026-03-02T10:00:00+01:00",
        "currency": "EUR",
        "total_price": "49.95",
        "financial_status": "paid",
        "cancelled_at": None,
        "line_items": [
            {"sku": "LAMP-1", "title": "Desk lamp", "quantity": 2, "price": "20.00"},
            {"sku": "CABLE-2", "title": "Cable", "quantity": 1, "price": "9.95"},
        ],
        "shipping_address": {
            "name": "Ada Example",
            "address1": "Musterweg 5",
            "address2": None,
            "city": "Berlin",
            "province_code": None,
            "zip": "10115",
            "country_code": "DE",
            "phone": None,
        },
        **changes,
    }
