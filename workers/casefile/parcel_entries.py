"""What the timeline says of parcels, each once per parcel."""

from workers.casefile.cases import Entry
from workers.ports.carriers import Parcel, ParcelState


def on_its_way(order_id: str, carrier: str, tracking_number: str, fulfillment_id: str) -> Entry:
    """The shop knows its number."""
    facts = {"carrier": carrier, "tracking_number": tracking_number, "fulfillment_id": fulfillment_id}
    sentence = f"Parcel {tracking_number} is on its way with {carrier}"
    return Entry(order_id, f"sent:{tracking_number}", "parcel_sent", sentence, facts)


def unsent(order_id: str, supplier: str, reference: str) -> Entry:
    """What a supplier had not sent, it never will."""
    facts = {"supplier": supplier, "reference": reference}
    sentence = f"{supplier} sends nothing more of {reference}"
    return Entry(order_id, f"unsent:{reference}", "supplier_order_cancelled", sentence, facts)


def delivered(order_id: str, parcel: Parcel) -> Entry:
    """Of a parcel that is delivered, when it was so first."""
    scan = next(scan for scan in parcel.scans if scan.state is ParcelState.DELIVERED)
    facts = {
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "scan_id": scan.id,
        "delivered_at": scan.at.isoformat(),
    }
    sentence = f"{parcel.carrier} has delivered parcel {parcel.tracking_number}"
    return Entry(order_id, f"delivered:{parcel.tracking_number}", "parcel_delivered", sentence, facts)


def not_received(order_id: str, carrier: str, tracking_number: str, complaint: str) -> Entry:
    """The customer says so, whatever the carrier says; once per complaint."""
    facts = {"carrier": carrier, "tracking_number": tracking_number}
    sentence = f"The customer has not received parcel {tracking_number}"
    key = f"complaint:{tracking_number}" + (f":{complaint}" if complaint else "")
    return Entry(order_id, key, "parcel_not_received", sentence, facts)


def recalled(order_id: str, carrier: str, tracking_number: str) -> Entry:
    """The carrier was asked for it, and agreed."""
    facts = {"carrier": carrier, "tracking_number": tracking_number}
    sentence = f"{carrier} is to bring back parcel {tracking_number}"
    return Entry(order_id, f"recalled:{tracking_number}", "parcel_recalled", sentence, facts)
