"""The mocked ledger: postings in books of their own, one per key."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.mock_behaviour import Call, Misbehaviour, perform
from workers.adapters.mock_world import MockWorld, PostingRow
from workers.ports.ledger import BookedPosting, Posting
from workers.runtime.errors import EffectConflict


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
        statement = insert(PostingRow).values(key=posting.key, **wanted)
        once = statement.on_conflict_do_update(
            index_elements=[PostingRow.key], set_={"requests": PostingRow.requests + 1}
        )

        async def execute(_: Misbehaviour) -> PostingRow:
            return await self._world.one(once.returning(PostingRow))

        about = frozenset({posting.key, posting.order_id, posting.account})
        row = await perform(self._world, Call("ledger.book", posting.key, about), execute)
        if {field: getattr(row, field) for field in wanted} != wanted:
            raise EffectConflict(f"The ledger already has another posting under key {posting.key}.")
        return _to_posting(row)

    async def find(self, key: str) -> BookedPosting | None:
        """The posting booked under this key, or None."""

        async def execute(_: Misbehaviour) -> PostingRow | None:
            return await self._world.row(select(PostingRow).where(PostingRow.key == key))

        row = await perform(self._world, Call("ledger.find", key, frozenset({key})), execute)
        return _to_posting(row) if row else None


def _to_posting(row: PostingRow) -> BookedPosting:
    return BookedPosting(f"L-{row.number}", row.key)
