"""Calling people: a push to somebody's phone, and posts in the team's chat."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    """It rings at night, too."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A push to somebody's phone. `key` is its idempotency key."""

    key: str
    to: str
    """Whom the alerting service knows by this name: a person, or a rota."""
    message: str
    """Plain text; may hold words from outside."""
    level: Level = Level.CRITICAL


@dataclass(frozen=True, slots=True)
class Post:
    """A post in the team's chat. `key` is its idempotency key."""

    key: str
    channel: str
    """For instance #urgent."""
    text: str
    """Plain text; may hold words from outside, which neither call anybody nor lead anywhere."""
    link: str = ""
    """An address of our own that the post leads to."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert or a post that went out, under the service's own number."""

    id: str
    key: str


class Alerts(Protocol):
    """Raises Unavailable or RateLimited when surely nobody was told, OutcomeUnknown when they may have been,
    NeedsHuman for a person or a channel there is none of."""

    async def push(self, alert: Alert) -> Told:
        """Call somebody once per key."""
        ...

    async def find_push(self, key: str) -> Told | None:
        """The push sent under this key, or None."""
        ...

    async def post(self, post: Post) -> Told:
        """Write to the team's chat once per key."""
        ...

    async def find_post(self, key: str) -> Told | None:
        """The post written under this key, or None."""
        ...
