"""What the mocked suppliers ask."""

import pytest

from workers.adapters.mock_catalogue import SUPPLIERS
from workers.ports.values import Money, OrderLine


@pytest.mark.parametrize("name", sorted(SUPPLIERS))
def test_the_cost_is_between_45_and_70_per_cent_of_the_price(name: str) -> None:
    for number in range(200):
        lines = (OrderLine(f"SKU-{number}", "", 1 + number % 3, Money(10_000 + number, "EUR")),)
        price = lines[0].quantity * lines[0].unit_price.minor
        offer = SUPPLIERS[name].offer(lines, "DE", in_stock=True)
        assert 0.45 * price <= offer.cost.minor <= 0.70 * price + 1


def test_the_local_supplier_is_dearer_and_faster() -> None:
    lines = (OrderLine("SKU-1", "", 1, Money(10_000, "EUR")),)
    offers = {name: supplier.offer(lines, "DE", in_stock=True) for name, supplier in SUPPLIERS.items()}
    assert offers["local"].cost.minor > max(offers["cj"].cost.minor, offers["aliexpress"].cost.minor)
    assert offers["local"].lead_days < offers["cj"].lead_days <= offers["aliexpress"].lead_days


@pytest.mark.parametrize(("country", "local"), [("DE", True), ("us", True), ("BR", False), ("JP", False)])
def test_the_local_supplier_delivers_nearby_only(country: str, local: bool) -> None:
    assert SUPPLIERS["local"].ships_to(country) is local
    assert SUPPLIERS["cj"].ships_to(country)
    assert SUPPLIERS["aliexpress"].ships_to(country)
