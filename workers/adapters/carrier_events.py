"""What carriers say of a parcel, in the shapes of EasyPost and AfterShip, as our Parcel with its Scans.

Pure functions. Both tell all scans of a parcel each time, webhook and answer alike, and give none of them an id: a
scan's id is made from what it says, so that it is the same whoever tells it, however often.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workers.ports.carriers import Parcel, ParcelState, Scan

Json = Mapping[str, Any]

EASYPOST_DETAILS = {
    "arrived_at_pickup_location": ParcelState.TO_BE_COLLECTED,
    "damaged": ParcelState.DAMAGED,
    "label_created": ParcelState.ANNOUNCED,
    "lost": ParcelState.LOST,
    "refused": ParcelState.RETURNED,
    "return": ParcelState.RETURNED,
}
"""EasyPost's `status_detail`, where it says more than its `status`."""
EASYPOST_STATUSES = {
    "available_for_pickup": ParcelState.TO_BE_COLLECTED,
    "delivered": ParcelState.DELIVERED,
    "in_transit": ParcelState.IN_TRANSIT,
    "out_for_delivery": ParcelState.OUT_FOR_DELIVERY,
    "pre_transit": ParcelState.ANNOUNCED,
    "return_to_sender": ParcelState.RETURNED,
}
EASYPOST_HOLDS = frozenset({"awaiting_information", "delayed", "held", "transit_exception"})
"""Details that stand for customs when the carrier's words do: EasyPost has no detail for them."""

AFTERSHIP_SUBTAGS = {
    "Exception_003": ParcelState.RETURNED,
    "Exception_004": ParcelState.AT_CUSTOMS,
    "Exception_010": ParcelState.RETURNED,
    "Exception_011": ParcelState.RETURNED,
    "Exception_012": ParcelState.DAMAGED,
    "Exception_013": ParcelState.LOST,
}
"""AfterShip's `subtag`, where it says more than its `tag`."""
AFTERSHIP_TAGS = {
    "AvailableForPickup": ParcelState.TO_BE_COLLECTED,
    "Delivered": ParcelState.DELIVERED,
    "InTransit": ParcelState.IN_TRANSIT,
    "InfoReceived": ParcelState.ANNOUNCED,
    "OutForDelivery": ParcelState.OUT_FOR_DELIVERY,
    "Pending": ParcelState.ANNOUNCED,
}


def from_easypost(body: Json) -> Parcel:
    """A tracker, bare or as the result of the event `tracker.updated`. Raises ValueError for what is none."""
    tracker = body["result"] if isinstance(body.get("result"), Mapping) else body
    scans = [_easypost_scan(detail) for detail in _parts(tracker, "tracking_details")]
    return _parcel(tracker.get("carrier"), tracker.get("tracking_code"), scans)


def from_aftership(body: Json) -> Parcel:
    """A tracking, bare, in the API's answer or in a webhook; or its last checkpoint alone.

    Raises ValueError for what is none.
    """
    tracking = _aftership_tracking(body)
    checkpoints = [*_parts(tracking, "checkpoints"), *_part(tracking, "checkpoint")]
    scans = [_aftership_scan(checkpoint) for checkpoint in checkpoints]
    if tracking.get("return_to_sender") is True:
        scans = [replace(scan, state=_back_at_its_sender(scan.state)) for scan in scans if scan]
    return _parcel(tracking.get("slug"), tracking.get("tracking_number"), scans)


READERS: dict[str, Callable[[Json], Parcel]] = {"easypost": from_easypost, "aftership": from_aftership}
"""By the name of whom it comes from."""


def in_order(scans: Iterable[Scan]) -> tuple[Scan, ...]:
    """Each scan once, by the carrier's own time; what was returned is delivered to nobody but its sender."""
    told: dict[str, Scan] = {}
    returned = False
    for scan in sorted(scans, key=lambda scan: scan.at):
        returned = returned or scan.state is ParcelState.RETURNED
        told.setdefault(scan.id, replace(scan, state=_back_at_its_sender(scan.state)) if returned else scan)
    return tuple(told.values())


def _back_at_its_sender(state: ParcelState) -> ParcelState:
    return ParcelState.RETURNED if state is ParcelState.DELIVERED else state


def _parcel(carrier: object, tracking_number: object, scans: Iterable[Scan | None]) -> Parcel:
    if not isinstance(carrier, str) or not isinstance(tracking_number, str) or not carrier or not tracking_number:
        raise ValueError("there is no carrier or no tracking number")
    return Parcel(carrier.lower(), tracking_number, in_order(filter(None, scans)))


def _easypost_scan(detail: Json) -> Scan | None:
    status, more = _text(detail, "status"), _text(detail, "status_detail")
    words = f"{_text(detail, 'message')} {_text(detail, 'description')}".lower()
    state = EASYPOST_DETAILS.get(more) or EASYPOST_STATUSES.get(status, ParcelState.IN_TRANSIT)
    if more in EASYPOST_HOLDS and "customs" in words:
        state = ParcelState.AT_CUSTOMS
    location = next(iter(_part(detail, "tracking_location")), {})
    place = _joined(location, "city", "state", "country")
    return _scan(_text(detail, "datetime"), state, place, _text(detail, "message"), f"{status} {more}")


def _aftership_tracking(body: Json) -> Json:
    """API: {"data": {"tracking": {…}}} or {"data": {…, "checkpoint": {…}}}, webhook: {"msg": {…}}."""
    for name in ("data", "tracking", "msg"):
        body = next(iter(_part(body, name)), body)
    return body


def _aftership_scan(checkpoint: Json) -> Scan | None:
    tag, subtag = _text(checkpoint, "tag"), _text(checkpoint, "subtag")
    state = AFTERSHIP_SUBTAGS.get(subtag) or AFTERSHIP_TAGS.get(tag, ParcelState.IN_TRANSIT)
    place = _text(checkpoint, "location") or _joined(checkpoint, "city", "state", "country_name")
    return _scan(
        _text(checkpoint, "checkpoint_time"), state, place, _text(checkpoint, "message"), f"{tag} {subtag}"
    )


def _scan(moment: str, state: ParcelState, place: str, text: str, kind: str) -> Scan | None:
    """None without a time: it cannot be put among the others. A time without an offset is taken as UTC."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    identity = hashlib.blake2b(f"{at.isoformat()}\n{kind}\n{text}".encode(), digest_size=8).hexdigest()
    return Scan(identity, at, state, place, text or kind.strip())


def _parts(body: Json, name: str) -> list[Json]:
    found = body.get(name)
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def _part(body: Json, name: str) -> list[Json]:
    """The one part of this name, or none."""
    found = body.get(name)
    return [found] if isinstance(found, Mapping) else []


def _joined(part: Json, *names: str) -> str:
    return ", ".join(filter(None, (_text(part, name) for name in names)))


def _text(part: Json, name: str) -> str:
    found = part.get(name)
    return found.strip() if isinstance(found, str) else ""
