"""What every shop adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeShop
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.adapters.shopify_orders import to_order
from workers.ports.shop import MOST_ORDERS, Shop
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


class TestFindOrders:
    """A customer is known by their mail address."""

    @pytest.fixture(params=["mock", "fake"])
    async def find(self, request: pytest.FixtureRequest, world: MockWorld, unique: str) -> Shop:
        """A shop with three orders of one customer's, who is named in three ways."""
        email = f"{unique}@example.com"
        bodies = [
            shopify_order(f"{unique}1", email=email, created_at="2026-03-02T10:00:00+01:00"),
            shopify_order(f"{unique}2", email=None, contact_email=email, created_at="2026-03-02T09:30:00Z"),
            shopify_order(
                f"{unique}3", email=" ", customer={"email": email.upper()}, created_at="2026-03-01T10:00:00Z"
            ),
        ]
        if request.param == "fake":
            return FakeShop(*map(to_order, bodies))
        mock = MockShop(world)
        for body in bodies:
            await mock.seed_order(body)
        return mock

    async def test_the_newest_comes_first_whatever_the_case_of_the_address(self, find: Shop, unique: str) -> None:
        orders = await find.find_orders(f" {unique}@Example.com")
        assert [order.id for order in orders] == [f"{unique}2", f"{unique}1", f"{unique}3"]
        assert orders[0] == await find.get_order(f"{unique}2")

    @pytest.mark.parametrize("email", ["", " ", "%", "nobody@example.com"])
    async def test_others_have_none(self, find: Shop, email: str) -> None:
        assert await find.find_orders(email) == ()


async def test_orders_that_are_told_are_bounded_and_readable(world: MockWorld, unique: str) -> None:
    mock, email = MockShop(world), f"{unique}@example.com"
    for number in range(MOST_ORDERS + 1):
        at = f"2026-03-02T10:{number // 60:02}:{number % 60:02}Z"
        await mock.seed_order(shopify_order(f"{unique}{number:03}", email=email, created_at=at))
    await mock.seed_order({"id": f"{unique}999", "email": email})
    orders = await mock.find_orders(email)
    assert (len(orders), orders[0].id) == (MOST_ORDERS, f"{unique}{MOST_ORDERS:03}")
