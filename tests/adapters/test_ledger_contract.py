"""What every ledger adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeLedger
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_world import MockWorld
from workers.ports.ledger import Ledger, Posting
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict


@pytest.fixture(params=["mock", "fake"])
def ledger(request: pytest.FixtureRequest, world: MockWorld) -> Ledger:
    return FakeLedger() if request.param == "fake" else MockLedger(world)


@pytest.fixture
def posting(unique: str) -> Posting:
    return Posting(f"cogs:{unique}", "COGS", Money(2_500, "EUR"), unique, "cj CJ-1")


async def test_one_key_is_booked_once(ledger: Ledger, posting: Posting) -> None:
    booked = await ledger.book(posting)
    assert booked.key == posting.key
    assert await ledger.book(posting) == booked
    assert await ledger.find(posting.key) == booked


async def test_what_was_not_booked_is_not_found(ledger: Ledger, posting: Posting) -> None:
    assert await ledger.find(posting.key) is None


async def test_a_key_stands_for_one_posting_only(ledger: Ledger, posting: Posting) -> None:
    await ledger.book(posting)
    with pytest.raises(EffectConflict, match=posting.key):
        await ledger.book(replace(posting, amount=Money(2_501, "EUR")))
