"""What the mocked carriers answer and tell: their scans in EasyPost's and AfterShip's shapes."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from workers.ports.carriers import ParcelState, Scan

Json = dict[str, Any]

AMERICAN = frozenset({"fedex", "ups", "usps"})
"""Carriers that we hear of through EasyPost; of all others through AfterShip."""

_EASYPOST = {
    ParcelState.ANNOUNCED: ("pre_transit", "label_created"),
    ParcelState.IN_TRANSIT: ("in_transit", "arrived_at_facility"),
    ParcelState.OUT_FOR_DELIVERY: ("out_for_delivery", "out_for_delivery"),
    ParcelState.AT_CUSTOMS: ("in_transit", "held"),
    ParcelState.TO_BE_COLLECTED: ("available_for_pickup", "arrived_at_pickup_location"),
    ParcelState.DELIVERED: ("delivered", "arrived_at_destination"),
    ParcelState.RETURNED: ("return_to_sender", "return"),
    ParcelState.DAMAGED: ("failure", "damaged"),
    ParcelState.LOST: ("failure", "lost"),
}
_AFTERSHIP = {
    ParcelState.ANNOUNCED: ("InfoReceived", "InfoReceived_001"),
    ParcelState.IN_TRANSIT: ("InTransit", "InTransit_001"),
    ParcelState.OUT_FOR_DELIVERY: ("OutForDelivery", "OutForDelivery_001"),
    ParcelState.AT_CUSTOMS: ("Exception", "Exception_004"),
    ParcelState.TO_BE_COLLECTED: ("AvailableForPickup", "AvailableForPickup_001"),
    ParcelState.DELIVERED: ("Delivered", "Delivered_001"),
    ParcelState.RETURNED: ("Exception", "Exception_010"),
    ParcelState.DAMAGED: ("Exception", "Exception_012"),
    ParcelState.LOST: ("Exception", "Exception_013"),
}
_WORDS = {ParcelState.AT_CUSTOMS: "Held by customs", ParcelState.RETURNED: "Returned to sender"}


def words_for(state: ParcelState) -> str:
    """What a carrier writes beside a scan."""
    return _WORDS.get(state, state.value.replace("_", " ").capitalize())


def provider_of(carrier: str) -> str:
    """Through whom we hear of this carrier."""
    return "easypost" if carrier in AMERICAN else "aftership"


def answer(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Json:
    """The parcel as its provider's API answers."""
    if provider_of(carrier) == "easypost":
        return _tracker(carrier, tracking_number, scans)
    return {"meta": {"code": 200}, "data": {"tracking": _tracking(carrier, tracking_number, scans)}}


def webhook(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Json:
    """The parcel as its provider's webhook tells it after its last scan."""
    if provider_of(carrier) == "easypost":
        tracker = _tracker(carrier, tracking_number, scans)
        return {"id": f"evt_{_number()}", "object": "Event", "description": "tracker.updated", "result": tracker}
    tracking = _tracking(carrier, tracking_number, scans)
    return {"event": "tracking_update", "event_id": _number(), "ts": int(time.time()), "msg": tracking}


def _tracker(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Json:
    status, detail = _EASYPOST[scans[-1].state] if scans else ("unknown", "unknown")
    return {
        "object": "Tracker",
        "tracking_code": tracking_number,
        "carrier": carrier.upper(),
        "status": status,
        "status_detail": detail,
        "tracking_details": [_detail(carrier, scan) for scan in scans],
    }


def _detail(carrier: str, scan: Scan) -> Json:
    status, detail = _EASYPOST[scan.state]
    return {
        "object": "TrackingDetail",
        "message": scan.text,
        "description": words_for(scan.state),
        "status": status,
        "status_detail": detail,
        "datetime": scan.at.isoformat(),
        "source": carrier.upper(),
        "tracking_location": {"object": "TrackingLocation", "city": scan.place or None, "country": None},
    }


def _tracking(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Json:
    tag, subtag = _AFTERSHIP[scans[-1].state] if scans else ("Pending", "Pending_001")
    return {
        "tracking_number": tracking_number,
        "slug": carrier,
        "tag": tag,
        "subtag": subtag,
        "checkpoints": [_checkpoint(carrier, scan) for scan in scans],
        "return_to_sender": any(scan.state is ParcelState.RETURNED for scan in scans),
    }


def _checkpoint(carrier: str, scan: Scan) -> Json:
    tag, subtag = _AFTERSHIP[scan.state]
    return {
        "slug": carrier,
        "checkpoint_time": scan.at.isoformat(),
        "tag": tag,
        "subtag": subtag,
        "message": scan.text,
        "location": scan.place or None,
    }


def _number() -> str:
    return uuid.uuid4().hex
