"""A supplier, its own books, and buying from it through the effect journal."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from workers.casefile.journal import Intent, Journal


@dataclass(frozen=True)
class Bought:
    supplier_order_id: str


class Books:
    """`sold` is what the supplier sold, by order."""

    def __init__(self, journal: Journal, kind: str = "test") -> None:
        self.sold = Counter[str]()
        self.hanging = 0
        """Purchases that the supplier has not answered yet."""
        self.answers = asyncio.Event()
        """Cleared: the supplier answers nobody."""
        self.answers.set()
        self._journal = journal
        self._kind = kind
        self._run = uuid4().hex

    async def buy(self, shopify_order_id: str, seconds: float = 0) -> Bought:
        """Once per order, however often it is called; the supplier takes so long."""

        async def call() -> Bought:
            self.sold[shopify_order_id] += 1
            self.hanging += 1
            try:
                await asyncio.sleep(seconds)
                await self.answers.wait()
            finally:
                self.hanging -= 1
            return Bought(shopify_order_id)

        async def find(_request: Mapping[str, Any]) -> Bought | None:
            return Bought(shopify_order_id) if self.sold[shopify_order_id] else None

        key = f"{self._run}/{shopify_order_id}"
        return await self._journal.once(Intent(key, self._kind, key, {}, Bought, call, find))

    async def buy_once(self, shopify_order_id: str) -> None:
        """The same as a handler that needs no result."""
        await self.buy(shopify_order_id)
