"""What the mocked suppliers ask: worked out from the article alone, so every sku is known and no price moves."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from workers.ports.supplier import Offer
from workers.ports.values import Money, OrderLine


@dataclass(frozen=True, slots=True)
class Supplier:
    """One supplier: its share of the shop's price (per mille), its days, where it delivers (empty: anywhere)."""

    name: str
    prefix: str
    least_share: int
    most_share: int
    least_days: int
    most_days: int
    countries: frozenset[str] = frozenset()

    def ships_to(self, country: str) -> bool:
        """Whether it delivers there."""
        return not self.countries or country.upper() in self.countries

    def offer(self, lines: Sequence[OrderLine], country: str, *, in_stock: bool) -> Offer:
        """Its price for all lines, shipping included, 1 minor unit at least; the slowest article sets the days."""
        currency = lines[0].unit_price.currency
        cost = sum(self._cost(line) for line in lines)
        days = max(self._pick(line.sku, "days", self.least_days, self.most_days) for line in lines)
        return Offer(self.name, Money(max(1, cost), currency), in_stock, days, self.ships_to(country))

    def _cost(self, line: OrderLine) -> int:
        share = self._pick(line.sku, "share", self.least_share, self.most_share)
        return -(-line.unit_price.minor * line.quantity * share // 1000)

    def _pick(self, sku: str, what: str, least: int, most: int) -> int:
        digest = hashlib.blake2b(f"{self.name} {what} {sku}".encode(), digest_size=8).digest()
        return least + int.from_bytes(digest, "big") % (most - least + 1)


_NEAR = frozenset(
    {
        "AT",
        "BE",
        "CA",
        "CH",
        "CZ",
        "DE",
        "DK",
        "ES",
        "FI",
        "FR",
        "GB",
        "IE",
        "IT",
        "LU",
        "NL",
        "NO",
        "PL",
        "PT",
        "SE",
        "US",
    }
)

SUPPLIERS = {
    supplier.name: supplier
    for supplier in (
        Supplier("aliexpress", "AE", 450, 560, 10, 18),
        Supplier("cj", "CJ", 480, 600, 6, 10),
        Supplier("local", "LO", 600, 700, 1, 3, _NEAR),
    )
}
"""The three that the shop buys from; local is dearer and faster."""
