"""The money of a demo, by the books of the payment provider and of the ledger."""

import uuid

from tests.fakes.samples import shopify_order
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.ports.ledger import Posting
from workers.ports.values import Money
from workers.runtime.demo.money import CHARGEBACKS, REFUNDS, read
from workers.runtime.demo.plan import Plan, Planned


async def test_what_is_booked_is_held_against_what_the_provider_has(world: MockWorld) -> None:
    bank, ledger = MockPayments(world), MockLedger(world)
    plan = Plan([await paid(world) for _ in range(4)])
    right, late, forgotten, won = plan.by_case
    for case_id in (right, late):
        charge = await bank.charge_of(case_id)
        await bank.refund(charge.id, f"orderops-{case_id}", Money(1_000, "EUR"), "damaged")
        await ledger.book(posting(case_id, REFUNDS, 1_000 if case_id == right else 900))
    for case_id in (right, forgotten, won):
        dispute = await bank.open_dispute((await bank.charge_of(case_id)).id, "fraudulent")
        await bank.close_dispute(dispute.id, won=case_id == won)
    captured = (await bank.charge_of(right)).captured.minor
    await ledger.book(posting(right, CHARGEBACKS, captured - 1_000))
    found = await read(world, plan)
    assert found.differences == {
        f"refunds of order {late}": -100,
        f"chargebacks of order {forgotten}": -captured,
    }
    assert found.accounts[right][1].profit == 0


async def paid(world: MockWorld) -> Planned:
    order = shopify_order(str(uuid.uuid4().int % 10**12))
    await MockShop(world).seed_order(order)
    return Planned(order, {})


def posting(case_id: str, account: str, minor: int) -> Posting:
    return Posting(f"{account}:{case_id}", account, Money(minor, "EUR"), case_id, "")
