"""Where the shop advertises its products."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Campaign:
    """An advertisement of one product."""

    id: str
    name: str
    product: str
    """The article's sku."""
    running: bool
    paused_by: tuple[str, ...] = ()
    """Keys under which we paused it; none for one that people paused, or that runs."""


class Ads(Protocol):
    """Raises Unavailable or RateLimited when surely nothing was done, OutcomeUnknown when it may have been."""

    async def campaigns_of(self, product: str) -> tuple[Campaign, ...]:
        """All campaigns of a product, running or not."""
        ...

    async def pause_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        """Stop advertising a product, and give the campaigns that are paused under this key.

        Natural idempotency: the same key twice is the same. What people have paused is left alone.
        """
        ...

    async def resume_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        """Let go on what was paused under this key, the same as it was paused by, and give the campaigns that run.

        Natural idempotency. What is paused under another key, too, or by people, stays paused.
        """
        ...
