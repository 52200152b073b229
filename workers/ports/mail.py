"""Mail to customers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to render and send. `key` is its idempotency key."""

    key: str
    to: str
    template: str
    """Name of the template, for instance fulfillment_ask_for_address."""
    values: Mapping[str, str]
    order_id: str
    language: str = ""
    """What the customer reads, as two letters of ISO 639; without one, or without its template, it is English."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a customer reads in a mail."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail handed over, under the mail service's own number."""

    id: str
    key: str


class Mailer(Protocol):
    """Raises Unavailable when surely nothing was sent, OutcomeUnknown when it may have been, NeedsHuman for an
    address no mail can reach."""

    async def send(self, mail: Mail) -> SentMail:
        """Send once per key."""
        ...

    async def find(self, key: str) -> SentMail | None:
        """The mail sent under this key, or None."""
        ...

    def letter(self, mail: Mail) -> Letter:
        """What the mail says, without asking anybody: the same mail says the same. Raises NeedsHuman as `send`."""
        ...
