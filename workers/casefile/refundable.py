"""What can still be given back of each part of an order: of no line, and not of the shipping, more than was paid.

Pure functions. Refunds of an amount alone (goodwill) are of the whole order and of no part of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from workers.ports.values import PaidPart


@dataclass(frozen=True, slots=True)
class Share:
    """What one refund gives back of one part. Minor units."""

    id: str
    title: str
    quantity: int
    amount: int
    tax: int
    """Contained in `amount`."""


SHARES = TypeAdapter(tuple[Share, ...])
"""As refunds keep them."""


@dataclass(frozen=True, slots=True)
class PartLeft:
    """A part of an order, and what refunds have taken of it already."""

    part: PaidPart
    taken: tuple[Share, ...]

    @property
    def quantity(self) -> int:
        """How many can still be given back."""
        return max(0, self.part.quantity - sum(share.quantity for share in self.taken))

    @property
    def amount(self) -> int:
        """What is left of what was paid for it."""
        return max(0, self.part.amount - sum(share.amount for share in self.taken)) if self.quantity else 0

    @property
    def tax(self) -> int:
        """Contained in `amount`."""
        return min(self.amount, max(0, self.part.tax - sum(share.tax for share in self.taken)))

    def share(self, quantity: int) -> Share:
        """So many of those that are left: cents that do not divide go with the last ones, and never twice."""
        amount, tax = (left * quantity // self.quantity for left in (self.amount, self.tax))
        return Share(self.part.id, self.part.title, quantity, amount, tax)


class NotLeftError(Exception):
    """So many of a part cannot be given back; the text says why."""


def parts_left(parts: Sequence[PaidPart], taken: Sequence[Share]) -> list[PartLeft]:
    """Each part of an order with what is left of it."""
    return [PartLeft(part, tuple(share for share in taken if share.id == part.id)) for part in parts]


def shares(left: Sequence[PartLeft], asked: Mapping[str, int]) -> tuple[Share, ...]:
    """What so many of these parts were paid with. Raises NotLeftError for one unknown, or not left."""
    known = {each.part.id: each for each in left}
    for part_id, quantity in asked.items():
        if part_id not in known:
            raise NotLeftError(f"This order has no part {part_id}; it has {', '.join(known) or 'none'}.")
        if quantity > known[part_id].quantity:
            part = known[part_id].part
            raise NotLeftError(
                f"{known[part_id].quantity} of {part.quantity} “{part.title}” can still be refunded."
            )
    return tuple(known[part_id].share(quantity) for part_id, quantity in asked.items())


def in_words(given: Sequence[Share]) -> str:
    """For people: 2 × Lamp, Shipping."""
    return ", ".join(
        share.title if share.quantity == 1 else f"{share.quantity} × {share.title}" for share in given
    )


def tax_in(given: Sequence[Share], amount: int) -> int:
    """The tax in a refund of these parts: less than all of it when less than their price goes back."""
    whole = sum(share.amount for share in given)
    return sum(share.tax for share in given) * amount // whole if whole else 0
