"""What a case file can show when a payment is claimed back: where parcels went, and what customers were told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers.casefile.models import TimelineEntry
from workers.ports.carriers import Parcel, ParcelState
from workers.ports.shop import Order
from workers.ports.values import Address

MOST_SCANS, MOST_MAILS = 20, 50
"""The last so many are shown: a bank reads a page, not a book."""


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


def evidence(order: Order | None, parcels: Sequence[Mapping[str, Any]], mails: Sequence[str]) -> dict[str, str]:
    """All of it under the names Stripe has for it; nothing that is empty."""
    about = {
        "shipping_carrier": ", ".join(dict.fromkeys(each["carrier"] for each in parcels)),
        "shipping_tracking_number": ", ".join(each["tracking_number"] for each in parcels),
        "shipping_date": next((each["first_seen"] for each in parcels if each["first_seen"]), ""),
        "customer_communication": "\n".join(mails[-MOST_MAILS:]),
        "uncategorized_text": "\n".join(_story(each) for each in parcels),
        **(_of_order(order) if order else {}),
    }
    return {name: value for name, value in about.items() if value}


def mails(timeline: Iterable[TimelineEntry]) -> list[str]:
    """What was written to the customer and when, a line each."""
    return [f"{each.happened_at:%Y-%m-%d} {each.sentence}" for each in timeline if each.kind == "mail_sent"]


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


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
