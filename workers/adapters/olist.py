"""Orders from files: Shopify's as JSON lines, and those of the Brazilian marketplace Olist made into Shopify's.

Olist's tables carry no names, streets or mail addresses; those are made up here, the same for the same order.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import orjson

from workers.runtime.errors import UserError

Row = dict[str, str]
_ORDERS, _ITEMS, _CUSTOMERS, _PAYMENTS = (
    "olist_orders.csv",
    "olist_order_items.csv",
    "olist_customers.csv",
    "olist_order_payments.csv",
)
_FIRST_NAMES = ("Ana", "Bruno", "Carla", "Diego", "Elisa", "Fabio", "Gabriela", "Heitor", "Iris", "Joaquim")
_STREETS = ("Rua das Acácias", "Rua do Exemplo", "Avenida Modelo", "Travessa da Amostra", "Rua dos Testes")


@dataclass
class Skipped:
    """What could not be made an order of; count it while reading."""

    without_items: int = 0
    without_customer: int = 0


def read_orders(folder: Path, skipped: Skipped | None = None) -> Iterator[dict[str, Any]]:
    """Every Olist order that has items, in the order of its table, as Shopify's webhook would post it when paid.

    The orders are streamed; items and customers are held in memory. Orders without items or customer are counted
    in `skipped`. Raises UserError for a folder, a table or a column that is missing, and for a price that is none.
    """
    skipped = skipped or Skipped()
    items = _grouped(folder / _ITEMS, "order_id", ("product_id", "price", "freight_value"))
    customers = {row["customer_id"]: row for row in _rows(folder / _CUSTOMERS, ("customer_zip_code_prefix",))}
    payments = (
        _grouped(folder / _PAYMENTS, "order_id", ("payment_type",)) if (folder / _PAYMENTS).is_file() else {}
    )
    for row in _rows(folder / _ORDERS, ("order_id", "customer_id", "order_purchase_timestamp")):
        customer = customers.get(row["customer_id"])
        if row["order_id"] not in items:
            skipped.without_items += 1
        elif customer is None:
            skipped.without_customer += 1
        else:
            yield _order(row, items[row["order_id"]], customer, payments.get(row["order_id"], []))


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """One order per line, empty lines skipped. Raises UserError naming the line that is none."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _json_order(path, number, line)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", hint="Give a file of Shopify orders."
        ) from None


def _json_order(path: Path, number: int, line: bytes) -> dict[str, Any]:
    hint = "Each line is one order as Shopify's webhook posts it; docs/samples/orders.jsonl shows some."
    try:
        order = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"Line {number} of {path} is no JSON: {error.msg}.", hint=hint) from None
    if not isinstance(order, dict) or "id" not in order or not isinstance(order.get("line_items"), list):
        raise UserError(f"Line {number} of {path} is no order: it has no id or no line_items.", hint=hint)
    return order


def _order(row: Row, items: list[Row], customer: Row, payments: list[Row]) -> dict[str, Any]:
    olist_id = row["order_id"]
    lines = _lines(items)
    goods = sum((Decimal(line["price"]) * line["quantity"] for line in lines), Decimal(0))
    freight = sum((_amount(item["freight_value"]) for item in items), Decimal(0))
    paid_at = _time(row.get("order_approved_at") or row["order_purchase_timestamp"])
    return {
        "id": int(olist_id[:13], 16),
        "name": f"#{olist_id[:8].upper()}",
        "note": f"Olist order {olist_id}",
        "email": f"customer-{row['customer_id'][:12]}@example.com",
        "created_at": _time(row["order_purchase_timestamp"]),
        "processed_at": paid_at,
        "currency": "BRL",
        "financial_status": "paid",
        "fulfillment_status": None,
        "cancelled_at": None,
        "subtotal_price": f"{goods:.2f}",
        "total_price": f"{goods + freight:.2f}",
        "line_items": lines,
        "shipping_lines": [{"title": "Frete", "price": f"{freight:.2f}"}],
        "payment_gateway_names": sorted({payment["payment_type"] for payment in payments}),
        "shipping_address": _address(row["customer_id"], customer),
    }


def _lines(items: list[Row]) -> list[dict[str, Any]]:
    """Olist has a row per piece; pieces of one product at one price are one line."""
    counted = Counter((item["product_id"], _amount(item["price"])) for item in items)
    return [
        {
            "sku": product,
            "title": f"Product {product[:8]}",
            "quantity": quantity,
            "price": f"{price:.2f}",
            "requires_shipping": True,
        }
        for (product, price), quantity in counted.items()
    ]


def _address(customer_id: str, customer: Row) -> dict[str, Any]:
    """City, state and the first five digits of the postcode are Olist's; the rest is made up from the id."""
    number = int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=4).digest(), "big")
    first_name = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    return {
        "name": f"{first_name} Exemplo",
        "first_name": first_name,
        "last_name": "Exemplo",
        "address1": f"{_STREETS[number // 16 % len(_STREETS)]}, {number % 900 + 1}",
        "address2": None,
        "city": customer.get("customer_city", "").title(),
        "province_code": customer.get("customer_state", ""),
        "zip": f"{customer['customer_zip_code_prefix'].zfill(5)}-000",
        "country": "Brazil",
        "country_code": "BR",
        "phone": None,
    }


def _grouped(path: Path, key: str, columns: tuple[str, ...]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in _rows(path, (key, *columns)):
        groups.setdefault(row[key], []).append(row)
    return groups


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    if not path.is_file():
        raise UserError(
            f"{path.parent} has no {path.name}.",
            hint=f"A folder of Olist orders has {_ORDERS}, {_ITEMS} and {_CUSTOMERS}, under these names.",
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = sorted(set(columns) - set(reader.fieldnames or ()))
        if missing:
            raise UserError(f"{path} lacks the column {missing[0]}.", hint="It must be Olist's own table.")
        yield from reader


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UserError(f"“{text}” among Olist's prices is no amount.", hint=f"Look for it in {_ITEMS}.") from None


def _time(text: str) -> str:
    """Olist's times are Brazil's, without saying so."""
    return f"{text.replace(' ', 'T')}-03:00"
