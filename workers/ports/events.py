"""The company's event bus: what other systems hear from us."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Event:
    """A fact to announce. `key` is its idempotency key."""

    key: str
    name: str
    """For instance supplier_order_placed."""
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event on the bus, under the bus's own number."""

    id: str
    key: str


class EventBus(Protocol):
    """Raises Unavailable when surely nothing was published, OutcomeUnknown when it may have been."""

    async def publish(self, event: Event) -> PublishedEvent:
        """Publish once per key."""
        ...

    async def find(self, key: str) -> PublishedEvent | None:
        """The event published under this key, or None."""
        ...
