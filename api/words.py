"""How facts are written on pages: moments, amounts, counts, words of ours as people say them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

from workers.casefile.lists import COUNTED
from workers.ports.currencies import to_decimal
from workers.ports.values import Money

STATES = {
    "open": "Open",
    "incident": "Stands still",
    "done": "Done",
    "terminated": "Cancelled in the engine",
}
"""States of cases."""


def moment(value: datetime | None) -> str:
    """A moment in UTC; live.js writes it in the reader's time zone."""
    if value is None:
        return ""
    utc = value.astimezone(UTC)
    exact = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, f"{utc:%d %b %H:%M}")


def money(minor: int | None, currency: str | None) -> str:
    """An amount with its currency; a dash when it is not known."""
    return "–" if minor is None or not currency else f"{to_decimal(Money(minor, currency)):,} {currency}"


def count(number: int) -> str:
    """A count, as far as it was counted."""
    return f"{COUNTED}+" if number > COUNTED else str(number)


def lasted(seconds: timedelta) -> str:
    """A length of time in its largest two units."""
    whole = max(int(seconds.total_seconds()), 0)
    for unit, length, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def state(word: str) -> str:
    """A case's state."""
    return STATES.get(word, word)


def words(name: str | None) -> str:
    """A name of ours, as people write: refund_requested → refund requested."""
    return (name or "").replace("_", " ")


def stated(value: Any) -> str:
    """A result of a decision, in few words: names with their values."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{words(str(name))}: {stated(each)}" for name, each in value.items())
        case list():
            return "; ".join(stated(each) for each in value) or "nothing"
    return words(str(value))


def percent(share: float | None) -> str:
    """A share in whole percent; a dash when there is nothing to take it of."""
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


FILTERS = {
    "percent": percent,
    "stated": stated,
    "moment": moment,
    "count": count,
    "lasted": lasted,
    "state": state,
    "words": words,
}
"""What templates call them."""
