"""What every payment adapter and its fake must do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import FakePayments
from tests.fakes.samples import shopify_order
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.ports.payments import DisputeState, EvidenceRefusedError, RefundRefusedError, RefundState
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict, NeedsHuman

Bank = FakePayments | MockPayments
"""The port, and what banks do."""

ALL, SOME, LITTLE = Money(4_995, "EUR"), Money(3_000, "EUR"), Money(1_000, "EUR")
EVIDENCE = {"shipping_tracking_number": "JD014600003SE", "shipping_carrier": "DHL"}


@pytest.fixture(params=["mock", "fake"])
async def bank(request: pytest.FixtureRequest, world: MockWorld, unique: str) -> Bank:
    """A bank where order `unique` was paid: 49.95 EUR."""
    if request.param == "fake":
        fake = FakePayments()
        fake.pay(unique, ALL)
        return fake
    await MockShop(world).seed_order(shopify_order(unique))
    return MockPayments(world)


async def test_an_order_has_a_charge(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    assert (charge.order_id, charge.provider) == (unique, "stripe")
    assert (charge.captured, charge.refunded, charge.withheld) == (ALL, Money(0, "EUR"), False)
    assert await bank.get_charge(charge.id) == charge


async def test_what_there_is_none_of_needs_a_human(bank: Bank) -> None:
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: bank.charge_of("nowhere"),
        lambda: bank.get_charge("nowhere"),
        lambda: bank.refund("nowhere", "r", LITTLE, "lost"),
        lambda: bank.get_dispute("nowhere"),
        lambda: bank.submit_evidence("nowhere", EVIDENCE),
        lambda: bank.accept_dispute("nowhere"),
    ]
    for ask in asked:
        with pytest.raises(NeedsHuman, match="nowhere"):
            await ask()
    assert await bank.find_refund("nowhere", "r") is None


async def test_a_reference_is_one_refund(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    made = await bank.refund(charge.id, f"{unique}-lost", SOME, "lost")
    assert (made.charge_id, made.reference, made.amount) == (charge.id, f"{unique}-lost", SOME)
    assert (made.state, made.failure) == (RefundState.SUCCEEDED, None)
    assert await bank.refund(charge.id, f"{unique}-lost", SOME, "lost") == made
    assert await bank.find_refund(charge.id, f"{unique}-lost") == made
    assert (await bank.get_charge(charge.id)).refunded == SOME


async def test_a_reference_asked_for_at_once_is_one_refund(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    made = await asyncio.gather(*(bank.refund(charge.id, unique, LITTLE, "lost") for _ in range(8)))
    assert len({refund.id for refund in made}) == 1
    assert (await bank.get_charge(charge.id)).refunded == LITTLE


async def test_a_reference_stands_for_one_amount_only(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    await bank.refund(charge.id, unique, SOME, "lost")
    with pytest.raises(EffectConflict, match=unique):
        await bank.refund(charge.id, unique, LITTLE, "lost")


async def test_what_was_not_refunded_is_not_found(bank: Bank, unique: str) -> None:
    assert await bank.find_refund((await bank.charge_of(unique)).id, unique) is None


@pytest.mark.parametrize("amount", [Money(4_996, "EUR"), Money(0, "EUR"), Money(-5, "EUR"), Money(100, "USD")])
async def test_what_makes_no_sense_is_refused_and_does_not_use_up_the_reference(
    bank: Bank, unique: str, amount: Money
) -> None:
    charge = await bank.charge_of(unique)
    for _ in range(2):
        with pytest.raises(RefundRefusedError, match="amount_"):
            await bank.refund(charge.id, unique, amount, "lost")
    assert await bank.find_refund(charge.id, unique) is None
    assert (await bank.refund(charge.id, unique, ALL, "lost")).amount == ALL


async def test_never_more_than_captured_also_at_once(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    refunds = (bank.refund(charge.id, f"{unique}-{n}", LITTLE, "damaged") for n in range(9))
    results = await asyncio.gather(*refunds, return_exceptions=True)
    refused = [result for result in results if isinstance(result, RefundRefusedError)]
    assert [str(error) for error in refused] == ["amount_too_large"] * 5
    assert (await bank.get_charge(charge.id)).refunded == Money(4_000, "EUR")


async def test_a_refund_that_failed_can_be_made_again_under_another_reference(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    made = await bank.refund(charge.id, unique, ALL, "lost")
    for _ in range(2):
        failed = await bank.fail_refund(made.id, "expired_or_canceled_card")
        assert (failed.state, failed.failure) == (RefundState.FAILED, "expired_or_canceled_card")
    assert (await bank.get_charge(charge.id)).refunded == Money(0, "EUR")
    assert await bank.settle_refund(made.id) == failed
    assert await bank.refund(charge.id, unique, ALL, "lost") == failed
    assert (await bank.refund(charge.id, f"{unique}-2", ALL, "lost")).state is RefundState.SUCCEEDED


async def test_a_disputed_charge_refunds_nothing_until_it_is_won(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    before = await bank.refund(charge.id, f"{unique}-1", LITTLE, "damaged")
    dispute = await bank.open_dispute(charge.id, "product_not_received")
    assert (dispute.charge_id, dispute.order_id, dispute.provider) == (charge.id, unique, "stripe")
    assert (dispute.amount, dispute.reason) == (Money(3_995, "EUR"), "product_not_received")
    assert (await bank.get_charge(charge.id)).withheld
    with pytest.raises(RefundRefusedError, match="charge_disputed"):
        await bank.refund(charge.id, f"{unique}-2", LITTLE, "damaged")
    assert await bank.refund(charge.id, f"{unique}-1", LITTLE, "damaged") == before
    await bank.submit_evidence(dispute.id, EVIDENCE)
    assert (await bank.close_dispute(dispute.id, won=True)).state is DisputeState.WON
    assert (await bank.close_dispute(dispute.id, won=False)).state is DisputeState.WON
    assert not (await bank.get_charge(charge.id)).withheld
    await bank.refund(charge.id, f"{unique}-2", LITTLE, "damaged")


async def test_an_answer_is_given_once(bank: Bank, unique: str) -> None:
    dispute = await bank.open_dispute((await bank.charge_of(unique)).id, "fraudulent")
    asked = await bank.get_dispute(dispute.id)
    assert (asked.state, asked.answered) == (DisputeState.NEEDS_RESPONSE, False)
    for _ in range(2):
        assert (await bank.submit_evidence(dispute.id, EVIDENCE)).state is DisputeState.UNDER_REVIEW
    with pytest.raises(EvidenceRefusedError):
        await bank.accept_dispute(dispute.id)
    lost = await bank.close_dispute(dispute.id, won=False)
    assert (lost.state, lost.answered) == (DisputeState.LOST, True)
    with pytest.raises(EvidenceRefusedError):
        await bank.submit_evidence(dispute.id, EVIDENCE)
    with pytest.raises(RefundRefusedError, match="charge_disputed"):
        await bank.refund(dispute.charge_id, unique, LITTLE, "damaged")


async def test_accepted_stays_accepted(bank: Bank, unique: str) -> None:
    dispute = await bank.open_dispute((await bank.charge_of(unique)).id, "duplicate", LITTLE)
    assert dispute.amount == LITTLE
    for _ in range(2):
        accepted = await bank.accept_dispute(dispute.id)
        assert (accepted.state, accepted.answered) == (DisputeState.ACCEPTED, True)
    with pytest.raises(EvidenceRefusedError):
        await bank.submit_evidence(dispute.id, EVIDENCE)
    assert (await bank.close_dispute(dispute.id, won=True)).state is DisputeState.ACCEPTED


async def test_evidence_is_not_taken_when_its_time_is_over(bank: Bank, unique: str) -> None:
    charge = await bank.charge_of(unique)
    past = datetime.now(UTC) - timedelta(seconds=1)
    dispute = await bank.open_dispute(charge.id, "product_not_received", due_by=past)
    assert dispute.evidence_due_by == past
    with pytest.raises(EvidenceRefusedError):
        await bank.submit_evidence(dispute.id, EVIDENCE)
    with pytest.raises(EvidenceRefusedError):
        await bank.accept_dispute(dispute.id)
    assert (await bank.get_dispute(dispute.id)).state is DisputeState.NEEDS_RESPONSE
