from tests.fakes.faults import Faults
from workers.ports.ledger import BookedPosting, Posting
from workers.runtime.errors import EffectConflict


class FakeLedger(Faults):
    """Implements ports.ledger.Ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.postings: dict[str, Posting] = {}

    async def book(self, posting: Posting) -> BookedPosting:
        self._begin("book")
        known = self.postings.setdefault(posting.key, posting)
        self._end("book")
        if known != posting:
            raise EffectConflict(f"The ledger already has another posting under key {posting.key}.")
        return BookedPosting(f"L-{posting.key}", posting.key)

    async def find(self, key: str) -> BookedPosting | None:
        self._begin("find")
        return BookedPosting(f"L-{key}", key) if key in self.postings else None
