"""What the mocked payment providers do beyond the contract."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.fakes.samples import shopify_order
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_books import DisputeRow, PaymentKeyRow, RefundRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.ports.payments import DisputeState, EvidenceRefusedError, RefundRefusedError, RefundState
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman, OutcomeUnknown

ALL, SOME = Money(4_995, "EUR"), Money(2_000, "EUR")


@pytest.fixture
async def bank(world: MockWorld, unique: str) -> MockPayments:
    """A bank where order `unique` was paid: 49.95 EUR."""
    await MockShop(world).seed_order(shopify_order(unique))
    return MockPayments(world)


async def _books(world: MockWorld, order_id: str) -> list[RefundRow]:
    mine = select(RefundRow).where(RefundRow.order_id == order_id)
    return list(await world.rows(mine.order_by(RefundRow.number)))


class TestKeys:
    async def test_are_remembered_for_24_hours(self, world: MockWorld, bank: MockPayments, unique: str) -> None:
        first = await bank.refund(f"ch_{unique}", unique, SOME, "lost")
        await world.pass_time(timedelta(hours=23))
        assert await bank.refund(f"ch_{unique}", unique, SOME, "lost") == first
        [row] = await _books(world, unique)
        assert row.requests == 2

    async def test_after_that_the_money_is_given_back_again(
        self, world: MockWorld, bank: MockPayments, unique: str
    ) -> None:
        """The lookup by reference still finds the first: whoever asks before paying again does not pay twice."""
        first = await bank.refund(f"ch_{unique}", unique, SOME, "lost")
        await world.pass_time(timedelta(hours=25))
        assert await bank.find_refund(f"ch_{unique}", unique) == first
        second = await bank.refund(f"ch_{unique}", unique, SOME, "lost")
        assert second.id != first.id
        assert (await bank.charge_of(unique)).refunded == Money(4_000, "EUR")
        assert await bank.find_refund(f"ch_{unique}", unique) == first

    async def test_can_be_forgotten_earlier(self, world: MockWorld, bank: MockPayments, unique: str) -> None:
        await misbehave(world, "payments.refund", Kind.KEY_FORGOTTEN, unique)
        for _ in range(2):
            await bank.refund(f"ch_{unique}", unique, SOME, "lost")
        assert [row.requests for row in await _books(world, unique)] == [1, 1]

    async def test_a_refused_refund_does_not_hide_what_was_paid_before(
        self, world: MockWorld, bank: MockPayments, unique: str
    ) -> None:
        first = await bank.refund(f"ch_{unique}", unique, Money(4_000, "EUR"), "lost")
        await world.pass_time(timedelta(hours=25))
        with pytest.raises(RefundRefusedError, match="amount_too_large"):
            await bank.refund(f"ch_{unique}", unique, Money(4_000, "EUR"), "lost")
        assert await bank.find_refund(f"ch_{unique}", unique) == first


@pytest.mark.parametrize("kind", [Kind.ANSWER_LOST, Kind.ERROR_AFTER])
async def test_a_lost_answer_leaves_the_refund_in_the_books(
    world: MockWorld, bank: MockPayments, unique: str, kind: Kind
) -> None:
    await misbehave(world, "payments.refund", kind, unique, times=1)
    with pytest.raises(OutcomeUnknown):
        await bank.refund(f"ch_{unique}", f"{unique}-lost", SOME, "lost")
    found = await bank.find_refund(f"ch_{unique}", f"{unique}-lost")
    assert found is not None
    assert await bank.refund(f"ch_{unique}", f"{unique}-lost", SOME, "lost") == found


async def test_a_refund_can_be_refused(world: MockWorld, bank: MockPayments, unique: str) -> None:
    await misbehave(world, "payments.refund", Kind.REFUSED, unique, times=1)
    with pytest.raises(RefundRefusedError, match="charge_expired"):
        await bank.refund(f"ch_{unique}", unique, SOME, "lost")
    assert await _books(world, unique) == []


async def test_a_refund_can_be_pending_and_settle_later(world: MockWorld, bank: MockPayments, unique: str) -> None:
    await misbehave(world, "payments.refund", Kind.PENDING, unique)
    pending = await bank.refund(f"ch_{unique}", unique, SOME, "lost")
    assert pending.state is RefundState.PENDING
    assert (await bank.charge_of(unique)).refunded == SOME
    for _ in range(2):
        assert (await bank.settle_refund(pending.id)).state is RefundState.SUCCEEDED


async def test_a_refund_can_fail_at_once_and_takes_nothing_from_the_charge(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    await misbehave(world, "payments.refund", Kind.FAILED, unique)
    failed = await bank.refund(f"ch_{unique}", unique, ALL, "lost")
    assert (failed.state, failed.failure) == (RefundState.FAILED, "declined")
    assert (await bank.charge_of(unique)).refunded == Money(0, "EUR")
    assert (await MockShop(world).get_order(unique)).financial_status == "paid"


async def test_the_shop_shows_what_was_given_back(world: MockWorld, bank: MockPayments, unique: str) -> None:
    shop = MockShop(world)

    async def shown() -> tuple[str, bool]:
        order = await shop.get_order(unique)
        return order.financial_status, order.open

    part = await bank.refund(f"ch_{unique}", f"{unique}-1", SOME, "damaged")
    assert await shown() == ("partially_refunded", True)
    rest = await bank.refund(f"ch_{unique}", f"{unique}-2", Money(2_995, "EUR"), "damaged")
    assert await shown() == ("refunded", False)
    await bank.fail_refund(rest.id, "declined")
    assert await shown() == ("partially_refunded", True)
    await bank.fail_refund(part.id, "declined")
    assert await shown() == ("paid", True)


async def test_what_the_shop_gives_back_is_given_back_by_the_payment_provider(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    await bank.refund(f"ch_{unique}", unique, SOME, "damaged")
    for _ in range(2):
        await MockShop(world).refund_order(unique)
    assert (await bank.charge_of(unique)).refunded == ALL
    assert [row.amount_minor for row in await _books(world, unique)] == [2_000, 2_995]
    with pytest.raises(RefundRefusedError, match="amount_too_large"):
        await bank.refund(f"ch_{unique}", f"{unique}-2", Money(1, "EUR"), "damaged")


async def test_the_shop_gives_nothing_back_of_what_is_disputed(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    await bank.open_dispute(f"ch_{unique}", "fraudulent")
    with pytest.raises(NeedsHuman, match="charge_disputed"):
        await MockShop(world).refund_order(unique)
    assert (await MockShop(world).get_order(unique)).financial_status == "paid"


async def test_whatever_happens_at_once_the_books_agree(world: MockWorld, bank: MockPayments, unique: str) -> None:
    """Refunds under few references, some with a key that is forgotten, some that come back: 120 at once."""
    await misbehave(world, "payments.refund", Kind.KEY_FORGOTTEN, unique, rate=0.1)

    async def one(number: int) -> None:
        reference = f"{unique}-{number % 40}"
        with suppress(RefundRefusedError):
            made = await bank.refund(f"ch_{unique}", reference, Money(300, "EUR"), "damaged")
            if number % 3 == 0:
                await bank.fail_refund(made.id, "declined")

    await asyncio.gather(*map(one, range(120)))
    given = sum(row.amount_minor for row in await _books(world, unique) if row.state != RefundState.FAILED)
    charge = await bank.charge_of(unique)
    assert 0 < charge.refunded.minor == given <= charge.captured.minor
    assert (await MockShop(world).get_order(unique)).financial_status == "partially_refunded"


async def test_what_a_refused_key_stands_for_is_asked_for_again(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    """A provider killed after it refused leaves a key that stands for nothing."""
    await world.row(
        insert(PaymentKeyRow)
        .values(charge_id=f"ch_{unique}", key=unique, refund_id="re_none", until=await world.now() + timedelta(1))
        .returning(PaymentKeyRow)
    )
    assert (await bank.refund(f"ch_{unique}", unique, SOME, "lost")).state is RefundState.SUCCEEDED


@pytest.mark.parametrize(
    ("order", "provider", "captured", "refunded"),
    [
        ({}, "stripe", 4_995, 0),
        ({"payment_gateway_names": ["paypal"]}, "paypal", 4_995, 0),
        ({"gateway": "PayPal Express Checkout"}, "paypal", 4_995, 0),
        ({"payment_gateway_names": ["shopify_payments"]}, "stripe", 4_995, 0),
        ({"payment_gateway_names": []}, "stripe", 4_995, 0),
        ({"financial_status": "pending"}, "stripe", 0, 0),
        ({"financial_status": "partially_paid", "total_outstanding": "9.95"}, "stripe", 4_000, 0),
        ({"financial_status": "partially_refunded", "current_total_price": "29.95"}, "stripe", 4_995, 2_000),
        ({"financial_status": "refunded"}, "stripe", 4_995, 4_995),
        ({"currency": "JPY", "total_price": "4995"}, "stripe", 4_995, 0),
    ],
)
async def test_what_a_seeded_order_was_paid_with(
    world: MockWorld, unique: str, order: dict[str, Any], provider: str, captured: int, refunded: int
) -> None:
    await MockShop(world).seed_order(shopify_order(unique, **order))
    charge = await MockPayments(world).charge_of(unique)
    assert (charge.id, charge.provider) == (f"ch_{unique}", provider)
    assert (charge.captured.minor, charge.refunded.minor) == (captured, refunded)


async def test_an_order_that_cannot_be_read_has_no_charge(world: MockWorld, unique: str) -> None:
    await MockShop(world).seed_order(shopify_order(unique, currency="?"))
    with pytest.raises(NeedsHuman, match=unique):
        await MockPayments(world).charge_of(unique)


async def test_an_order_put_back_does_not_change_what_was_paid(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    await bank.refund(f"ch_{unique}", unique, SOME, "lost")
    await MockShop(world).seed_order(shopify_order(unique))
    assert (await bank.charge_of(unique)).refunded == SOME


async def test_the_first_evidence_is_the_one_that_counts(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    dispute = await bank.open_dispute(f"ch_{unique}", "product_not_received")
    await misbehave(world, "payments.submit_evidence", Kind.ANSWER_LOST, dispute.id, times=1)
    with pytest.raises(OutcomeUnknown):
        await bank.submit_evidence(dispute.id, {"shipping_carrier": "DHL"})
    await bank.submit_evidence(dispute.id, {"shipping_carrier": "UPS"})
    row = await world.one(select(DisputeRow).where(DisputeRow.id == dispute.id))
    assert (row.state, row.evidence, row.answers) == ("under_review", {"shipping_carrier": "DHL"}, 2)


async def test_the_time_to_answer_ends_by_the_outside_worlds_clock(
    world: MockWorld, bank: MockPayments, unique: str
) -> None:
    dispute = await bank.open_dispute(f"ch_{unique}", "product_not_received")
    await world.pass_time(timedelta(days=8))
    with pytest.raises(EvidenceRefusedError):
        await bank.submit_evidence(dispute.id, {"shipping_carrier": "DHL"})


async def test_a_provider_can_refuse_an_answer(world: MockWorld, bank: MockPayments, unique: str) -> None:
    dispute = await bank.open_dispute(f"ch_{unique}", "product_not_received")
    await misbehave(world, "payments.accept_dispute", Kind.REFUSED, unique)
    await misbehave(world, "payments.submit_evidence", Kind.REFUSED, dispute.id)
    with pytest.raises(EvidenceRefusedError):
        await bank.submit_evidence(dispute.id, {"shipping_carrier": "DHL"})
    assert (await bank.get_dispute(dispute.id)).state is DisputeState.NEEDS_RESPONSE


async def test_disputes_are_numbered_as_their_provider_does(world: MockWorld, unique: str) -> None:
    await MockShop(world).seed_order(shopify_order(unique, payment_gateway_names=["paypal"]))
    dispute = await MockPayments(world).open_dispute(f"ch_{unique}", "product_not_received")
    assert dispute.provider == "paypal"
    assert dispute.id.startswith("PP-D-")
