"""Which order and article of theirs a customer writes about. Pure.

Only orders of the customer's own count: whoever names somebody else's number is told nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.ports.analysis import Analysis, Article
from workers.ports.shop import Order
from workers.ports.values import OrderLine


@dataclass(frozen=True, slots=True)
class Claim:
    """What a message is about."""

    order: Order | None
    """None when it is not sure which one is meant."""
    line: OrderLine | None
    """None when it is about the whole order."""

    @property
    def amount(self) -> int | None:
        """What was paid for it, in minor units of the order's currency."""
        if self.order is None:
            return None
        if self.line is None:
            return self.order.total.minor
        paid = [part.amount for part in self.order.parts if part.title == self.line.title]
        return paid[0] if len(paid) == 1 else self.line.unit_price.minor * self.line.quantity

    @property
    def sku(self) -> str | None:
        """Of the article: that which is named, or the only one that was ordered."""
        lines = self.order.lines if self.order else ()
        line = self.line or (lines[0] if len(lines) == 1 else None)
        return line.sku if line else None


def articles_of(orders: Sequence[Order]) -> tuple[Article, ...]:
    """All that somebody bought, the newest first, each once."""
    articles = {line.sku: Article(line.sku, line.title) for order in orders for line in order.lines}
    return tuple(articles.values())


def claim_of(analysis: Analysis, orders: Sequence[Order], known: str | None = None) -> Claim:
    """By the number that is named, the article, the order the ticket was about before, or the only one there is.

    `orders` are the customer's own, the newest first.
    """
    order = _order(analysis, orders, known)
    named = analysis.article.article.sku if analysis.article else None
    line = next((line for line in order.lines if line.sku == named), None) if order else None
    return Claim(order, line)


def _order(analysis: Analysis, orders: Sequence[Order], known: str | None) -> Order | None:
    if analysis.order_numbers:
        return next((order for order in orders if _named(order, analysis.order_numbers)), None)
    if analysis.article:
        sku = analysis.article.article.sku
        return next((order for order in orders if any(line.sku == sku for line in order.lines)), None)
    before = next((order for order in orders if order.id == known), None)
    still_open = [order for order in orders if order.open]
    return before or (orders[0] if len(orders) == 1 else still_open[0] if len(still_open) == 1 else None)


def _named(order: Order, numbers: Sequence[str]) -> bool:
    return bool({order.id, order.number.removeprefix("#")} & {number.removeprefix("#") for number in numbers})
