"""What a Shopify order's total is made of: its lines, its shipping, and the rest, each with the tax in it.

Shopify tells prices, discounts and taxes in three generations of its order JSON, and not all of them by line. What
it tells of the whole order only is spread over the lines and the shipping by what they cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.ports.currencies import split, to_money
from workers.ports.values import OTHER, SHIPPING, PaidPart

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Prices:
    """How this order tells amounts."""

    currency: str
    with_tax: bool

    def minor(self, value: object) -> int:
        """Nothing told is nothing; raises ValueError for what is no amount."""
        text = str(value).strip() if value is not None else ""
        return to_money(text, self.currency).minor if text else 0

    def sum_of(self, items: object, *keys: str) -> int:
        """Each by the first of the keys that says something."""
        return sum(
            self.minor(next((item[key] for key in keys if item.get(key)), None)) for item in parts_in(items)
        )


def paid_parts(order: Json, total: int, currency: str) -> tuple[PaidPart, ...]:
    """Parts that sum up to the total (minor units); none when they cannot be told, nothing that cost nothing."""
    prices = _Prices(currency, order.get("taxes_included") is True)
    try:
        parts = [
            *(_line(item, place, prices) for place, item in enumerate(parts_in(order.get("line_items")), start=1)),
            _shipping(order.get("shipping_lines"), prices),
        ]
        parts = [part for part in parts if part.amount > 0]
        parts = _taxed(parts, prices.sum_of([order], "current_total_tax", "total_tax"), prices)
    except (ValueError, TypeError):
        return ()
    return tuple(
        replace(part, tax=min(part.tax, part.amount)) for part in _fitted(parts, total) if part.amount > 0
    )


def parts_in(items: object) -> Iterable[Json]:
    """The objects of a list; none of what is no list."""
    if not isinstance(items, Sequence) or isinstance(items, str):
        return []
    return [item for item in items if isinstance(item, Mapping)]


def _line(item: Json, place: int, prices: _Prices) -> PaidPart:
    """A line as it is now: of what was ordered at first only so many may be left."""
    ordered = max(int(item.get("quantity") or 0), 0)
    quantity = min(int(ordered if (now := item.get("current_quantity")) is None else now), ordered)
    discounts = item.get("discount_allocations")
    discount = prices.sum_of(discounts, "amount") if discounts else prices.minor(item.get("total_discount"))
    tax = prices.sum_of(item.get("tax_lines"), "price")
    amount = prices.minor(item.get("price")) * ordered - discount + (0 if prices.with_tax else tax)
    return PaidPart(
        id=str(item.get("id") or place),
        title=str(item.get("title") or item.get("name") or item.get("sku") or place),
        quantity=max(quantity, 0),
        amount=amount * quantity // ordered if quantity > 0 else 0,
        tax=tax * quantity // ordered if quantity > 0 else 0,
    )


def _shipping(lines: object, prices: _Prices) -> PaidPart:
    tax = sum(prices.sum_of(line.get("tax_lines"), "price") for line in parts_in(lines))
    amount = prices.sum_of(lines, "discounted_price", "price") + (0 if prices.with_tax else tax)
    return PaidPart(SHIPPING, "Shipping", 1, amount, tax)


def _taxed(parts: list[PaidPart], total_tax: int, prices: _Prices) -> list[PaidPart]:
    """With the tax that is told of the whole order only."""
    untold = max(0, total_tax - sum(part.tax for part in parts))
    more = split(untold, [part.amount for part in parts])
    return [
        replace(part, tax=part.tax + tax, amount=part.amount + (0 if prices.with_tax else tax))
        for part, tax in zip(parts, more, strict=True)
    ]


def _fitted(parts: list[PaidPart], total: int) -> list[PaidPart]:
    """What is paid besides is a part of its own; a discount on the whole order is one on every part of it."""
    rest = total - sum(part.amount for part in parts)
    if rest > 0:
        return [*parts, PaidPart(OTHER, "Other", 1, rest, 0)]
    amounts = split(total, [part.amount for part in parts])
    return [replace(part, amount=amount) for part, amount in zip(parts, amounts, strict=True)]
