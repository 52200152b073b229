"""The mocked ledger: postings in books of their own, one per key."""

from sqlalchemy import select

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import PostingRow
from workers.adapters.mock_world import MockWorld
from workers.ports.ledger import BookedPosting, Posting


class MockLedger:
    """Implements ports.ledger.Ledger. A behaviour's target may be an order id, an account or a key."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def book(self, posting: Posting) -> BookedPosting:
        """Book once per key. Raises EffectConflict when the key stands for another posting."""
        wanted = {
            "account": posting.account,
            "amount_minor": posting.amount.minor,
            "currency": posting.amount.currency,
            "order_id": posting.order_id,
            "memo": posting.memo,
        }

        async def execute(misbehaviour: Misbehaviour) -> PostingRow:
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(PostingRow, posting.key, wanted, forgotten=forgotten)

        about = frozenset({posting.key, posting.order_id, posting.account})
        row = await perform(self._world, Call("ledger.book", posting.key, about), execute)
        row.must_be(wanted, "posting")
        return _to_posting(row)

    async def find(self, key: str) -> BookedPosting | None:
        """The posting booked under this key, or None."""

        async def execute(_: Misbehaviour) -> PostingRow | None:
            return await self._world.row(select(PostingRow).where(PostingRow.key == key))

        row = await perform(self._world, Call("ledger.find", key, frozenset({key})), execute)
        return _to_posting(row) if row else None


def _to_posting(row: PostingRow) -> BookedPosting:
    return BookedPosting(f"L-{row.number}", row.key)
