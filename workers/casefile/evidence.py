"""What a case file can show when a payment is claimed back: where parcels went, what customers were told, and what
they were paid back before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.casefile.cases import shortened
from workers.casefile.models import TimelineEntry
from workers.casefile.refund_models import Refund, Standing
from workers.ports.carriers import Parcel, ParcelState
from workers.ports.currencies import describe
from workers.ports.shop import Order
from workers.ports.values import Address, Money

MOST_SCANS, MOST_MAILS, MOST_REFUNDS = 20, 50, 20
"""The last so many are shown: a bank reads a page, not a book."""
MOST_TEXT = 20_000
"""Characters that Stripe takes in one field."""
PAID_BACK = (Standing.SENT, Standing.SETTLED, Standing.FAILED)
"""Refunds that a bank can find at the provider; what we only think about is not its business."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How one parcel went, as far as its carrier says; times in words."""

    carrier: str
    tracking_number: str
    first_seen: str
    delivered: str
    place: str
    """Where it was delivered, in the carrier's words."""
    scans: tuple[str, ...]


def sent(timeline: Iterable[TimelineEntry]) -> list[tuple[str, str]]:
    """Carrier and tracking number of every parcel that the timeline names."""
    found = [(entry.facts.get("carrier"), entry.facts.get("tracking_number")) for entry in timeline]
    return list(dict.fromkeys((str(carrier), str(number)) for carrier, number in found if carrier and number))


def shown(parcel: Parcel) -> Shown:
    """What is kept of a parcel."""
    delivery = next((scan for scan in reversed(parcel.scans) if scan.state is ParcelState.DELIVERED), None)
    return Shown(
        parcel.carrier,
        parcel.tracking_number,
        first_seen=f"{parcel.scans[0].at:%Y-%m-%d}" if parcel.scans else "",
        delivered=f"{delivery.at:%Y-%m-%d %H:%M} UTC" if delivery else "",
        place=delivery.place if delivery else "",
        scans=tuple(
            f"{scan.at:%Y-%m-%d %H:%M} UTC {scan.place} {scan.text}" for scan in parcel.scans[-MOST_SCANS:]
        ),
    )


def where_it_was_to_go(place: str, address: Address) -> bool:
    """Whether the place of a scan names the town or the postcode of the address."""
    said = _plain(place)
    return any(part and part in said for part in map(_plain, (address.city, address.postcode)))


def evidence(
    order: Order | None, parcels: Sequence[Mapping[str, Any]], mails: Sequence[str], refunds: Sequence[str]
) -> dict[str, str]:
    """All of it under the names Stripe has for it, no field longer than it takes; nothing that is empty."""
    about = {
        "shipping_carrier": ", ".join(dict.fromkeys(each["carrier"] for each in parcels)),
        "shipping_tracking_number": ", ".join(each["tracking_number"] for each in parcels),
        "shipping_date": next((each["first_seen"] for each in parcels if each["first_seen"]), ""),
        "customer_communication": "\n\n".join(_fitting(mails[-MOST_MAILS:])),
        "uncategorized_text": "\n".join((*_paid_back(refunds), *(_story(each) for each in parcels))),
        **(_of_order(order) if order else {}),
    }
    return {name: shortened(value, MOST_TEXT) for name, value in about.items() if value}


def mails(timeline: Iterable[TimelineEntry]) -> list[str]:
    """What was written to the customer: when, to which address, subject and text; what was erased is not there."""
    return [_written(each) for each in timeline if each.kind == "mail_sent" and each.erased_at is None]


def refunds(of_order: Iterable[Refund]) -> list[str]:
    """What was paid back, a line each: when, how much, where it stands, and what the provider calls it."""
    return [_in_a_line(each) for each in of_order if each.state in PAID_BACK]


def facts_of(parcels: Sequence[Shown]) -> list[dict[str, Any]]:
    """As a timeline keeps them."""
    return [asdict(parcel) for parcel in parcels]


def _of_order(order: Order) -> dict[str, str]:
    address = order.shipping_address
    town = " ".join(filter(None, (address.postcode, address.city)))
    lines = (address.name, address.street, address.street2, town, address.region, address.country)
    return {
        "customer_name": address.name,
        "customer_email_address": order.email,
        "shipping_address": "\n".join(filter(None, lines)),
        "product_description": "\n".join(f"{line.quantity} x {line.title}" for line in order.lines),
    }


def _story(parcel: Mapping[str, Any]) -> str:
    went = f"delivered {parcel['delivered']} {parcel['place']}" if parcel["delivered"] else "not delivered yet"
    return "\n".join((f"{parcel['carrier']} {parcel['tracking_number']}: {went}".rstrip(), *parcel["scans"]))


def _written(mail: TimelineEntry) -> str:
    """A mail of which nobody kept the text is named, at least."""
    when, letter = f"{mail.happened_at:%Y-%m-%d %H:%M} UTC", mail.facts.get("letter")
    return (
        f"{when} to {letter['to']}: {letter['subject']}\n{letter['text']}" if letter else f"{when} {mail.sentence}"
    )


def _in_a_line(refund: Refund) -> str:
    amount = describe(Money(refund.amount_minor, refund.currency))
    known_as = refund.provider_refund_id or "without the provider"
    why = f" ({refund.failure.replace('_', ' ')})" if refund.failure else ""
    return f"{refund.changed_at:%Y-%m-%d} {amount} {refund.state}{why}, {known_as}"


def _paid_back(refunds: Sequence[str]) -> list[str]:
    return ["Refunds of this order:", *refunds[-MOST_REFUNDS:]] if refunds else []


def _fitting(mails: Sequence[str]) -> list[str]:
    """As many of the newest as fit, oldest first."""
    taken: list[str] = []
    for mail in reversed(mails):
        if len("\n\n".join((mail, *taken))) > MOST_TEXT:
            break
        taken.insert(0, mail)
    return taken


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
