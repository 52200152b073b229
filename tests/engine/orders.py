"""Orders as the shop's webhook tells them."""

import itertools
import time
from typing import Any

_numbers = itertools.count(int(time.time() * 1000))


def an_order(**changes: Any) -> dict[str, Any]:
    """A paid order as the shop's webhook tells it, with an id of its own."""
    number = next(_numbers)
    order = {
        "id": number,
        "name": f"#{number}",
        "email": f"customer-{number}@example.com",
        "created_at": "2026-03-01T10:00:00Z",
        "currency": "EUR",
        "total_price": "119.00",
        "financial_status": "paid",
        "cancelled_at": None,
        "line_items": [
            {"sku": f"LAMP-{number}", "title": "Reading lamp", "quantity": 1, "price": "100.00"},
        ],
        "shipping_address": {
            "name": "A Customer",
            "address1": "Hauptstraße 5",
            "address2": "",
            "city": "Berlin",
            "province": "",
            "province_code": None,
            "zip": "10115",
            "country_code": "DE",
        },
    }
    return {**order, **changes}


def wrong_address() -> dict[str, Any]:
    """The same address with a postcode that no German place has."""
    address: dict[str, Any] = an_order()["shipping_address"]
    return {**address, "zip": "1011"}
