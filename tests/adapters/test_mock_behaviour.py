"""Every way the mocked outside world can misbehave."""

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_behaviour import MEANINGS, OPERATIONS, Kind, behave, behaviours, misbehave
from workers.adapters.mock_books import PostingRow, SupplierOrderRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_mail import MockMailer
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.carriers import ParcelState
from workers.ports.ledger import Posting
from workers.ports.mail import Mail
from workers.ports.supplier import OutOfStockError
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman, OutcomeUnknown, RateLimited, Unavailable

COST = Money(2_500, "EUR")


@pytest.fixture
def suppliers(world: MockWorld) -> MockSuppliers:
    return MockSuppliers(world)


async def test_503_does_nothing_and_a_retry_is_harmless(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.place_order", Kind.UNAVAILABLE, unique, times=1)
    with pytest.raises(Unavailable):
        await suppliers.place_order("cj", f"orderops-{unique}", LINES, ADDRESS, COST)
    assert await suppliers.find_order("cj", f"orderops-{unique}") is None
    await suppliers.place_order("cj", f"orderops-{unique}", LINES, ADDRESS, COST)


async def test_429_carries_its_retry_after(world: MockWorld, unique: str) -> None:
    await misbehave(world, "shop.get_order", Kind.RATE_LIMITED, unique, value=7)
    with pytest.raises(RateLimited) as error:
        await MockShop(world).get_order(unique)
    assert error.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("kind", [Kind.ANSWER_LOST, Kind.ERROR_AFTER])
async def test_a_lost_answer_leaves_the_order_in_the_suppliers_books(
    world: MockWorld, suppliers: MockSuppliers, unique: str, kind: Kind
) -> None:
    await misbehave(world, "supplier.place_order", kind, unique, times=1)
    with pytest.raises(OutcomeUnknown):
        await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    found = await suppliers.find_order("cj", unique)
    assert found is not None
    assert await suppliers.place_order("cj", unique, LINES, ADDRESS, COST) == found
    row = await world.one(select(SupplierOrderRow).where(SupplierOrderRow.reference == unique))
    assert row.requests == 2


async def test_a_time_out_of_a_change_is_unknown_and_did_nothing(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.place_order", Kind.TIMEOUT, unique, value=30)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    assert time.monotonic() - began >= 0.03
    assert await suppliers.find_order("cj", unique) is None


async def test_a_time_out_of_a_question_is_harmless(world: MockWorld, unique: str) -> None:
    await misbehave(world, "shop.get_order", Kind.TIMEOUT, unique)
    with pytest.raises(Unavailable):
        await MockShop(world).get_order(unique)


async def test_latency_delays_and_works(world: MockWorld, unique: str) -> None:
    shop = MockShop(world)
    await shop.seed_order(shopify_order(unique))
    await misbehave(world, "shop.get_order", Kind.LATENCY, unique, value=40)
    began = time.monotonic()
    await shop.get_order(unique)
    assert time.monotonic() - began >= 0.04


async def test_out_of_stock_shows_in_one_suppliers_offer(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, unique, "aliexpress")
    offers = await suppliers.get_offers(unique, LINES, "DE")
    assert {offer.supplier: offer.in_stock for offer in offers} == {"aliexpress": False, "cj": True, "local": True}


async def test_out_of_stock_shows_for_an_article_everywhere(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, unique)
    assert not any(offer.in_stock for offer in await suppliers.get_offers(unique, LINES, "DE"))


async def test_out_of_stock_found_out_only_when_ordering(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.place_order", Kind.OUT_OF_STOCK, unique, "cj")
    with pytest.raises(OutOfStockError):
        await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    assert await suppliers.find_order("cj", unique) is None
    await suppliers.place_order("aliexpress", unique, LINES, ADDRESS, COST)


async def test_what_was_bought_stays_bought_when_stock_runs_out(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    placed = await suppliers.place_order("cj", unique, LINES, ADDRESS, COST)
    await misbehave(world, "supplier.place_order", Kind.OUT_OF_STOCK, unique)
    assert await suppliers.place_order("cj", unique, LINES, ADDRESS, COST) == placed


async def test_an_order_can_be_unknown_and_an_address_refused(world: MockWorld, unique: str) -> None:
    shop = MockShop(world)
    await shop.seed_order(shopify_order(unique))
    await misbehave(world, "shop.get_order", Kind.NOT_FOUND, unique)
    with pytest.raises(NeedsHuman):
        await shop.get_order(unique)
    await misbehave(world, "mail.send", Kind.REFUSED, unique)
    values = {"order_number": "#1", "link": "https://shop.example.com"}
    with pytest.raises(NeedsHuman):
        await MockMailer(world).send(Mail(unique, "a@example.com", "fulfillment_remind_customer", values, unique))


async def test_a_supplier_can_refuse_to_cancel_and_not_know_an_order(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await suppliers.place_order("cj", f"orderops-{unique}", LINES, ADDRESS, COST)
    await misbehave(world, "supplier.cancel_order", Kind.REFUSED, unique, times=1)
    assert not await suppliers.cancel_order("cj", f"orderops-{unique}")
    await misbehave(world, "supplier.get_shipment", Kind.NOT_FOUND, unique, times=1)
    with pytest.raises(NeedsHuman, match=unique):
        await suppliers.get_shipment("cj", f"orderops-{unique}")
    assert not (await suppliers.get_shipment("cj", f"orderops-{unique}")).cancelled


async def test_a_lost_answer_leaves_a_cancellation_and_a_recall_done(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    carriers = MockCarriers(world)
    await suppliers.place_order("cj", f"orderops-{unique}", LINES, ADDRESS, COST)
    await misbehave(world, "supplier.cancel_order", Kind.ANSWER_LOST, unique, times=1)
    await misbehave(world, "carriers.recall", Kind.ERROR_AFTER, unique, times=1)
    with pytest.raises(OutcomeUnknown):
        await suppliers.cancel_order("cj", f"orderops-{unique}")
    with pytest.raises(OutcomeUnknown):
        await carriers.recall("dhl", unique)
    assert (await suppliers.get_shipment("cj", f"orderops-{unique}")).cancelled
    assert (await carriers.track("dhl", unique)).recalled


async def test_a_carrier_can_lose_sight_of_a_parcel_and_refuse_to_bring_it_back(
    world: MockWorld, unique: str
) -> None:
    carriers = MockCarriers(world)
    await carriers.scan("dhl", unique, ParcelState.IN_TRANSIT)
    await misbehave(world, "carriers.track", Kind.NOT_FOUND, unique, times=1)
    await misbehave(world, "carriers.recall", Kind.REFUSED, unique, "dhl")
    assert (await carriers.track("dhl", unique)).scans == ()
    assert not await carriers.recall("dhl", unique)
    parcel = await carriers.track("dhl", unique)
    assert (len(parcel.scans), parcel.recalled) == (1, False)


async def test_a_shop_that_forgets_shows_a_parcel_twice(world: MockWorld, unique: str) -> None:
    shop = MockShop(world)
    await shop.seed_order(shopify_order(unique))
    await misbehave(world, "shop.create_fulfillment", Kind.KEY_FORGOTTEN, unique)
    await misbehave(world, "shop.create_fulfillment", Kind.ANSWER_LOST, unique, times=1)
    with pytest.raises(OutcomeUnknown):
        await shop.create_fulfillment(unique, "dhl", "JD01")
    found = await shop.find_fulfillment(unique, "JD01")
    assert found is not None
    assert await shop.create_fulfillment(unique, "dhl", "JD01") != found


async def test_so_many_times_holds_for_calls_at_once(world: MockWorld, unique: str) -> None:
    await misbehave(world, "ledger.book", Kind.UNAVAILABLE, unique, times=3)
    ledger = MockLedger(world)
    postings = [Posting(f"{unique}-{n}", "COGS", COST, unique, "") for n in range(8)]
    results = await asyncio.gather(*map(ledger.book, postings), return_exceptions=True)
    assert sum(isinstance(result, Unavailable) for result in results) == 3
    booked = await world.rows(select(PostingRow).where(PostingRow.order_id == unique))
    assert len(booked) == 5


async def test_a_rate_strikes_its_share_and_the_same_ones_again(world: MockWorld, unique: str) -> None:
    async def struck(prefix: str) -> set[str]:
        """Orders refused at their first attempt; behaviours of the same description decide alike."""
        number = await misbehave(world, "shop.get_order", Kind.UNAVAILABLE, rate=0.2)
        refused = set()
        for n in range(150):
            try:
                await MockShop(world).get_order(f"{prefix}-{n}")
            except Unavailable:
                refused.add(f"{prefix}-{n}")
            except NeedsHuman:
                pass
        await behave(world, number)
        return refused

    first = await struck("repeatable")
    assert 15 <= len(first) <= 50
    assert await struck("repeatable") == first


async def test_stock_does_not_change_from_one_question_to_the_next(
    world: MockWorld, suppliers: MockSuppliers, unique: str
) -> None:
    await misbehave(world, "supplier.get_offers", Kind.OUT_OF_STOCK, "SKU-" + unique, rate=0.5)
    lines = (LINES[0].__class__("SKU-" + unique, "Lamp", 1, Money(1_000, "EUR")),)
    first = await suppliers.get_offers(unique, lines, "DE")
    for _ in range(5):
        assert await suppliers.get_offers(unique, lines, "DE") == first


async def test_behaviours_are_listed_and_removed(world: MockWorld, unique: str) -> None:
    number = await misbehave(world, "mail.send", Kind.LATENCY, unique, value=5)
    assert unique in [target for row in await behaviours(world) for target in row.targets]
    assert await behave(world, number) == 1
    assert await behave(world, number) == 0


@pytest.mark.parametrize(
    ("operation", "kind", "how", "words"),
    [
        ("bank.pay", "unavailable", {}, "no operation bank.pay"),
        ("ledger.find", "answer_lost", {}, "ledger.find cannot be answer_lost"),
        ("ledger.book", "unavailable", {"rate": 1.5}, "between 0 and 1"),
        ("ledger.book", "unavailable", {"times": 0}, "at least 1"),
    ],
)
async def test_what_there_is_none_of_is_refused(
    world: MockWorld, operation: str, kind: str, how: dict[str, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        await misbehave(world, operation, kind, **how)  # type: ignore[arg-type]


def test_every_kind_is_explained_and_used() -> None:
    assert set(MEANINGS) == set(Kind) == set().union(*OPERATIONS.values())


async def test_a_world_out_of_reach_is_unavailable_or_unknown() -> None:
    away = MockWorld("postgresql+psycopg://nobody@127.0.0.1:9/none", latency=timedelta(0))
    with pytest.raises(Unavailable):
        await MockLedger(away).find("k")
    with pytest.raises(Unavailable):
        await MockLedger(away).book(Posting("k", "COGS", COST, "1", ""))
    await away.close()


async def test_the_first_call_makes_what_is_missing(database_url: str, unique: str) -> None:
    fresh = MockWorld(database_url)
    assert await MockLedger(fresh).find(unique) is None
    await fresh.close()


async def test_two_processes_may_prepare_at_once(world: MockWorld, database_url: str) -> None:
    others = [MockWorld(database_url) for _ in range(3)]
    await asyncio.gather(*(other.prepare() for other in others))
    await asyncio.gather(*(other.close() for other in others))
