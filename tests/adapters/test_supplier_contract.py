"""What every supplier adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeSuppliers
from tests.fakes.samples import ADDRESS, LINES
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.supplier import SentParcel, Shipment
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict, NeedsHuman

Suppliers = FakeSuppliers | MockSuppliers
"""The port, and what suppliers do."""

COST = Money(2_500, "EUR")


@pytest.fixture(params=["mock", "fake"])
def suppliers(request: pytest.FixtureRequest, world: MockWorld) -> Suppliers:
    return FakeSuppliers() if request.param == "fake" else MockSuppliers(world)


async def test_every_supplier_makes_the_same_offer_each_time(suppliers: Suppliers, unique: str) -> None:
    offers = await suppliers.get_offers(unique, LINES, "DE")
    assert {offer.supplier for offer in offers} == {"aliexpress", "cj", "local"}
    assert all(0 < offer.cost.minor < 4_995 and offer.cost.currency == "EUR" for offer in offers)
    assert await suppliers.get_offers(unique, LINES, "DE") == offers


async def test_an_order_without_lines_has_no_offers(suppliers: Suppliers, unique: str) -> None:
    assert await suppliers.get_offers(unique, (), "DE") == ()


async def test_a_free_article_costs_something_all_the_same(suppliers: Suppliers, unique: str) -> None:
    free = (replace(LINES[0], unit_price=Money(0, "EUR")),)
    assert all(offer.cost.minor == 1 for offer in await suppliers.get_offers(unique, free, "DE"))


async def test_one_reference_is_one_order(suppliers: Suppliers, unique: str) -> None:
    placed = await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    assert (placed.supplier, placed.reference, placed.cost) == ("cj", unique, COST)
    assert await suppliers.place_order("cj", unique, LINES, ADDRESS, COST) == placed
    assert await suppliers.find_order("cj", unique) == placed


async def test_a_reference_stands_for_one_order_only(suppliers: Suppliers, unique: str) -> None:
    await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    with pytest.raises(EffectConflict, match=unique):
        await suppliers.place_order("cj", unique, LINES[:1], ADDRESS, COST)


async def test_references_are_each_suppliers_own(suppliers: Suppliers, unique: str) -> None:
    placed = await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    assert await suppliers.find_order("aliexpress", unique) is None
    assert (await suppliers.place_order("aliexpress", unique, LINES, ADDRESS, COST)).id != placed.id


async def test_an_unknown_supplier_needs_a_human(suppliers: Suppliers, unique: str) -> None:
    with pytest.raises(NeedsHuman, match="no supplier acme"):
        await suppliers.place_order("acme", unique, LINES, ADDRESS, COST)
    with pytest.raises(NeedsHuman, match="no supplier acme"):
        await suppliers.get_shipment("acme", unique)


async def test_nothing_is_shipped_by_itself(suppliers: Suppliers, unique: str) -> None:
    await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    assert await suppliers.get_shipment("cj", unique) == Shipment((), complete=False)


async def test_an_order_the_supplier_does_not_have_needs_a_human(suppliers: Suppliers, unique: str) -> None:
    with pytest.raises(NeedsHuman, match=unique):
        await suppliers.get_shipment("cj", unique)
    with pytest.raises(NeedsHuman, match=unique):
        await suppliers.cancel_order("cj", unique)


async def test_parcels_are_shipped_one_after_the_other(suppliers: Suppliers, unique: str) -> None:
    await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    first, second = SentParcel("dhl", "JD02"), SentParcel("ups", "1Z01")
    for _ in range(2):
        await suppliers.ship("cj", unique, "JD02", "dhl", complete=False)
        assert await suppliers.get_shipment("cj", unique) == Shipment((first,), complete=False)
    for _ in range(2):
        await suppliers.ship("cj", unique, "1Z01", "ups")
        assert await suppliers.get_shipment("cj", unique) == Shipment((first, second), complete=True)
    with pytest.raises(NeedsHuman, match="nothing"):
        await suppliers.ship("cj", unique, "1Z02", "ups")


async def test_what_is_all_on_its_way_cannot_be_cancelled(suppliers: Suppliers, unique: str) -> None:
    await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    await suppliers.ship("cj", unique, "JD02", "dhl")
    assert not await suppliers.cancel_order("cj", unique)
    assert not (await suppliers.get_shipment("cj", unique)).cancelled


@pytest.mark.parametrize("sent", [0, 1])
async def test_cancelled_stays_cancelled_and_nothing_more_is_sent(
    suppliers: Suppliers, unique: str, sent: int
) -> None:
    await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    for number in range(sent):
        await suppliers.ship("cj", unique, f"JD0{number}", "dhl", complete=False)
    for _ in range(2):
        assert await suppliers.cancel_order("cj", unique)
    with pytest.raises(NeedsHuman, match="cancelled"):
        await suppliers.ship("cj", unique, "JD09", "dhl")
    shipment = await suppliers.get_shipment("cj", unique)
    assert (len(shipment.parcels), shipment.complete, shipment.cancelled) == (sent, True, True)
