"""Who writes, about what and how, in one sentence that a person can act on. Pure."""

from datetime import UTC, datetime

from workers.casefile.claims import Claim
from workers.casefile.shipments import Shipment
from workers.ports.analysis import Analysis, Intent

MOST_NAME, MOST_TITLE = 60, 80
WANTS = {
    Intent.REFUND: "wants money or goods back",
    Intent.TRACKING: "asks where it is",
    Intent.PRODUCT_INFO: "asks about an article",
    Intent.ADDRESS_CHANGE: "wants another address",
    Intent.CANCEL: "wants to cancel",
    Intent.COMPLAINT: "complains",
    Intent.OTHER: "wants something else",
}
MOODS = ((80, "furious"), (50, "angry"), (25, "annoyed"), (0, "calm"))
"""From this anger on."""


def mood(anger: int) -> str:
    """A word for how angry somebody is, from 0 to 100."""
    return next(word for least, word in MOODS if anger >= least)


def context(name: str, claim: Claim, shipment: Shipment | None, analysis: Analysis, now: datetime) -> str:
    """John bought a Neck Massager 3 days ago; not shipped yet; asks where it is; angry, 85/100."""
    parts = [
        f"{_short(name, MOST_NAME) or 'The customer'} {_bought(claim, now)}",
        *([_sent(shipment, now)] if claim.order else []),
        WANTS[analysis.best.intent],
        *(["says it is damaged"] if analysis.damage else []),
        *([f"somebody may get hurt ({analysis.safety[0].hazard})"] if analysis.unsafe else []),
        f"{mood(analysis.anger.score)}, {analysis.anger.score}/100",
    ]
    return "; ".join(parts)


def _bought(claim: Claim, now: datetime) -> str:
    if claim.order is None:
        return "writes about no order that we know"
    line = claim.line or (claim.order.lines[0] if claim.order.lines else None)
    what = _short(line.title, MOST_TITLE) if line else "something"
    more = "" if claim.line or len(claim.order.lines) < 2 else f" and {len(claim.order.lines) - 1} more"
    return f"bought {what}{more} {_ago(claim.order.created_at, now)}"


def _sent(shipment: Shipment | None, now: datetime) -> str:
    if shipment is None:
        return "not shipped yet"
    if shipment.delivered_at:
        return f"delivered {_ago(shipment.delivered_at, now)}"
    return f"shipped {_ago(shipment.sent_at, now)}, not delivered yet"


def _ago(moment: datetime, now: datetime) -> str:
    days = max(0, (now.astimezone(UTC).date() - moment.astimezone(UTC).date()).days)
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")


def _short(text: str, most: int) -> str:
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
