"""Shopify's order JSON (Admin API and webhook bodies, old and new) as our Order, and our Address as Shopify's.

Pure functions, tolerant of everything that is missing where the order still makes sense without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.adapters.shopify_parts import paid_parts, parts_in
from workers.ports.currencies import to_money
from workers.ports.shop import Order
from workers.ports.values import Address, Money, OrderLine
from workers.runtime.errors import NeedsHuman

Json = Mapping[str, Any]
_NOTHING_PAID = frozenset({"pending", "expired", "voided"})


def unwrap(body: Json) -> Json:
    """The order itself: the API answers {"order": {…}}, a webhook posts it bare."""
    inner = body.get("order")
    return inner if isinstance(inner, Mapping) else body


def order_id(body: Json) -> str:
    """The order's id as text. Raises NeedsHuman when there is none."""
    identity = unwrap(body).get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | str) or not str(identity).strip():
        raise NeedsHuman("The shop's order has no id.")
    return str(identity).strip()


def to_order(body: Json) -> Order:
    """The order as it is now: after edits and refunds Shopify's current_… figures count.

    Raises NeedsHuman when id, currency, total or time are missing or make no sense.
    """
    order = unwrap(body)
    identity = order_id(order)
    try:
        currency = _currency(order)
        total = to_money(_first(order, "current_total_price", "total_price"), currency)
        return Order(
            id=identity,
            number=_first(order, "name", "order_number", "number") or identity,
            email=_first(order, "email", "contact_email") or _first(_part(order, "customer"), "email"),
            created_at=_time(_first(order, "created_at", "processed_at", "updated_at")),
            financial_status=_first(order, "financial_status"),
            cancelled_at=_time(cancelled) if (cancelled := _first(order, "cancelled_at")) else None,
            total=total,
            lines=_lines(order.get("line_items"), currency),
            shipping_address=to_address(_part(order, "shipping_address")),
            language=_language(_first(order, "customer_locale") or _first(_part(order, "customer"), "locale")),
            vip=_vip(_part(order, "customer")),
            orders_before=_orders_before(_part(order, "customer")),
            parts=paid_parts(order, total.minor, currency),
        )
    except ValueError as error:
        raise NeedsHuman(f"The shop's order {identity} cannot be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class Payment:
    """What the customer of an order paid, and what was given back when the shop wrote this."""

    order_id: str
    provider: str
    captured: Money
    refunded: Money


def to_payment(body: Json) -> Payment:
    """The payment of an order: the whole total, unless its state or `total_outstanding` say that money is missing.

    Raises NeedsHuman when id, currency or total are missing or make no sense.
    """
    order = unwrap(body)
    identity, status = order_id(order), _first(order, "financial_status")
    try:
        currency = _currency(order)
        total = to_money(_first(order, "total_price", "current_total_price"), currency)
        missing = to_money(_first(order, "total_outstanding") or "0", currency)
        left = to_money(_first(order, "current_total_price", "total_price"), currency)
    except ValueError as error:
        raise NeedsHuman(f"The shop's order {identity} cannot be read: {error}.") from None
    captured = 0 if status in _NOTHING_PAID else max(0, total.minor - missing.minor)
    refunded = {"refunded": captured, "partially_refunded": total.minor - left.minor}.get(status, 0)
    return Payment(identity, _provider(order), Money(captured, currency), Money(refunded, currency))


def _provider(order: Json) -> str:
    names = order.get("payment_gateway_names")
    gateways = names if isinstance(names, list) else [_first(order, "gateway")]
    return "paypal" if any("paypal" in str(name).lower() for name in gateways) else "stripe"


def to_address(shipping: Json) -> Address:
    """Shopify's address as ours; an empty one gives an empty one. Codes are preferred to names."""
    names = (_first(shipping, "first_name"), _first(shipping, "last_name"))
    return Address(
        name=_first(shipping, "name") or " ".join(filter(None, names)),
        street=_first(shipping, "address1"),
        street2=_first(shipping, "address2"),
        city=_first(shipping, "city"),
        region=_first(shipping, "province_code", "province"),
        postcode=_first(shipping, "zip"),
        country=_first(shipping, "country_code", "country"),
        phone=_first(shipping, "phone"),
    )


def to_shipping_address(address: Address) -> dict[str, str]:
    """Our address as Shopify's; to_address gives the same address back."""
    first_name, _, last_name = address.name.rpartition(" ")
    return {
        "name": address.name,
        "first_name": first_name,
        "last_name": last_name,
        "address1": address.street,
        "address2": address.street2,
        "city": address.city,
        "province": address.region,
        "province_code": address.region,
        "zip": address.postcode,
        "country": address.country,
        "country_code": address.country,
        "phone": address.phone,
    }


def _lines(items: object, currency: str) -> tuple[OrderLine, ...]:
    lines = (_line(item, currency) for item in parts_in(items))
    return tuple(line for line in lines if line.quantity > 0)


def _line(item: Json, currency: str) -> OrderLine:
    """A line; without a sku its variant, product or line number stands in, so that a supplier can be asked."""
    quantity = _first(item, "current_quantity", "quantity") or "0"
    if not quantity.isdecimal():
        raise ValueError("a quantity is no whole number")
    return OrderLine(
        sku=_first(item, "sku", "variant_id", "product_id", "id"),
        title=_first(item, "title", "name"),
        quantity=int(quantity),
        unit_price=to_money(_first(item, "price") or "0", currency),
    )


def _language(locale: str) -> str:
    """Of a locale such as de-CH or pt_BR; empty when it is none."""
    letters = locale.replace("_", "-").partition("-")[0].lower()
    return letters if len(letters) == 2 and letters.isascii() and letters.isalpha() else ""


def _currency(order: Json) -> str:
    currency = _first(order, "currency").upper()
    if len(currency) != 3 or not currency.isalpha():
        raise ValueError("its currency is missing or unknown")
    return currency


def _time(text: str) -> datetime:
    """RFC 3339 as UTC; a time without an offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a time is missing or no RFC 3339 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _vip(customer: Json) -> bool | None:
    """Whether the shop's tags of the customer say so; tags are one text, with commas."""
    tags = customer.get("tags")
    return "vip" in [tag.strip().lower() for tag in tags.split(",")] if isinstance(tags, str) else None


def _orders_before(customer: Json) -> int | None:
    """The shop counts this order too."""
    count = customer.get("orders_count")
    return max(0, count - 1) if isinstance(count, int) and not isinstance(count, bool) else None


def _part(order: Json, key: str) -> Json:
    part = order.get(key)
    return part if isinstance(part, Mapping) else {}


def _first(part: Json, *keys: str) -> str:
    """The first of these that says something, as trimmed text; empty when none does."""
    for key in keys:
        value = part.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""
