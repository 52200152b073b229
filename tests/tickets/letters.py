"""What customers write, and how Zendesk tells it: signed beforehand, some of it twice, some in the wrong order.

Texts are those of the shared data where it is there, and phrases of our own where it is not.
"""

import base64
import hashlib
import hmac
import itertools
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from tests.engine.orders import an_order
from tests.eval import cases
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld

ORDERED, TWICE, MORE, REVERSED = 0.5, 0.05, 0.05, 0.2
"""Shares: customers with an order; deliveries that come again; tickets with a second message; of those, the ones
whose second message comes first."""
DANGEROUS = 20
"""One ticket of so many is of the injury reports."""
_numbers = itertools.count(uuid.uuid4().int % 10**12 + 10**12)


@dataclass(frozen=True, slots=True)
class Letter:
    """A customer's ticket. `safety` is what the data say of it; None when nobody has said it."""

    number: int
    safety: bool | None
    messages: int
    deliveries: tuple[bytes, ...]
    """Bodies of webhooks, in the order in which they are sent."""

    @property
    def ticket_id(self) -> str:
        """Ours."""
        return f"zendesk-{self.number}"


def texts(count: int, folder: Path) -> list[cases.Case]:
    """So many, spread over all kinds of texts; the dangerous ones a fixed share."""
    found = list(cases.shared(folder)) or [*cases.own(), *cases.held_out(count)]
    dangerous = [case for case in found if case.safety]
    others = [case for case in found if not case.safety and case.group != "banking77"]
    dice = random.Random(count)
    dice.shuffle(dangerous)
    dice.shuffle(others)
    danger, others_in_turn = itertools.cycle(dangerous), itertools.cycle(others)
    return [next(others_in_turn if at % DANGEROUS else danger) for at in range(count)]


async def letters(world: MockWorld, count: int, folder: Path) -> list[Letter]:
    """So many tickets; half of their customers have ordered and paid for something in the shop."""
    dice, shop = random.Random(count), MockShop(world)
    written: list[Letter] = []
    for case in texts(count, folder):
        number = next(_numbers)
        email = f"customer-{number}@example.com"
        if dice.random() < ORDERED:
            await shop.seed_order(an_order(email=email, total_price=f"{dice.randint(500, 9_000) / 100:.2f}"))
        written.append(_letter(case, number, email, dice))
    return written


def _letter(case: cases.Case, number: int, email: str, dice: random.Random) -> Letter:
    who = {"name": "A Customer", "email": email}
    ticket = {
        "id": number,
        "subject": "",
        "description": case.text or "?",
        "requester_id": number,
        "submitter_id": number,
        "requester": who,
    }
    first = orjson.dumps({"type": "new_ticket", "ticket": ticket})
    if dice.random() >= MORE:
        return Letter(number, case.safety, 1, (first, first) if dice.random() < TWICE else (first,))
    comment = {
        "id": next(_numbers),
        "body": "Is anybody there? Please answer me.",
        "is_public": True,
        "author": {"id": number, "is_staff": False},
    }
    detail = {name: value for name, value in ticket.items() if name != "description"}
    event = {"type": "zen:event-type:ticket.comment_added", "detail": detail, "event": {"comment": comment}}
    both = (first, orjson.dumps(event))
    return Letter(number, case.safety, 2, both[::-1] if dice.random() < REVERSED else both)


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers Zendesk sends with it, now."""
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    digest = hmac.digest(secret.encode(), timestamp.encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
    }


def in_order(written: Sequence[Letter]) -> Iterator[bytes]:
    """All deliveries, the second ones of a ticket a while after the first."""
    waiting: list[bytes] = []
    for at, letter in enumerate(written):
        first, *others = letter.deliveries
        yield first
        waiting += others
        if waiting and at % 10 == 9:
            yield from waiting
            waiting.clear()
    yield from waiting
