"""The shop's books."""

from dataclasses import dataclass
from typing import Protocol

from workers.ports.values import Money


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry to book, or booked. `key` is its idempotency key: the same key is booked once."""

    key: str
    account: str
    """For instance COGS, the cost of goods sold."""
    amount: Money
    order_id: str
    memo: str


@dataclass(frozen=True, slots=True)
class BookedPosting:
    """A posting in the books, under the ledger's own number."""

    id: str
    key: str


class Ledger(Protocol):
    """Raises Unavailable when surely nothing was booked, OutcomeUnknown when it may have been."""

    async def book(self, posting: Posting) -> BookedPosting:
        """Book once per key."""
        ...

    async def find(self, key: str) -> BookedPosting | None:
        """The posting booked under this key, or None."""
        ...
