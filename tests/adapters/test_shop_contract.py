"""What every shop adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeShop
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.adapters.shopify_orders import to_order
from workers.ports.shop import Shop
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman


@pytest.fixture(params=["mock", "fake"])
async def shop(request: pytest.FixtureRequest, world: MockWorld, unique: str) -> Shop:
    """A shop that has one order, `unique`."""
    body = shopify_order(unique)
    if request.param == "fake":
        return FakeShop(to_order(body))
    mock = MockShop(world)
    await mock.seed_order(body)
    return mock


async def test_an_order_comes_with_its_money_and_lines(shop: Shop, unique: str) -> None:
    order = await shop.get_order(unique)
    assert (order.id, order.number, order.email) == (unique, f"#{unique}", "ada@example.com")
    assert order.total == Money(4_995, "EUR")
    assert order.lines == LINES
    assert order.shipping_address == ADDRESS
    assert order.open


async def test_an_unknown_order_needs_a_human(shop: Shop) -> None:
    with pytest.raises(NeedsHuman, match="no order nowhere"):
        await shop.get_order("nowhere")
    with pytest.raises(NeedsHuman):
        await shop.tag_order("nowhere", "late")
    with pytest.raises(NeedsHuman):
        await shop.update_shipping_address("nowhere", ADDRESS)


async def test_an_address_is_replaced_and_doing_it_twice_is_the_same(shop: Shop, unique: str) -> None:
    corrected = replace(ADDRESS, street="Musterweg 7", street2="2nd floor", region="BE", phone="030 1")
    for _ in range(2):
        await shop.update_shipping_address(unique, corrected)
        assert (await shop.get_order(unique)).shipping_address == corrected


async def test_tagging_changes_nothing_else(shop: Shop, unique: str) -> None:
    before = await shop.get_order(unique)
    await shop.tag_order(unique, "late")
    await shop.tag_order(unique, "late")
    assert await shop.get_order(unique) == before


async def test_a_tracking_number_is_one_fulfillment(shop: Shop, unique: str) -> None:
    assert await shop.find_fulfillment(unique, "JD01") is None
    made = await shop.create_fulfillment(unique, "dhl", "JD01")
    assert (made.order_id, made.carrier, made.tracking_number) == (unique, "dhl", "JD01")
    assert await shop.create_fulfillment(unique, "dhl", "JD01") == made
    assert await shop.find_fulfillment(unique, "JD01") == made
    assert (await shop.create_fulfillment(unique, "dhl", "JD02")).id != made.id
    with pytest.raises(NeedsHuman, match="no order nowhere"):
        await shop.create_fulfillment("nowhere", "dhl", "JD01")
