"""Real carriers' words, as ours."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from workers.adapters.carrier_events import READERS, from_aftership, from_easypost
from workers.ports.carriers import Parcel, ParcelState

Json = dict[str, Any]


def easypost(*details: Json) -> Json:
    """EasyPost's event, as its webhook posts it."""
    tracker = {"object": "Tracker", "carrier": "FedEx", "tracking_code": "6129", "tracking_details": list(details)}
    return {"object": "Event", "id": "evt_1", "description": "tracker.updated", "result": tracker}


def detail(status: str, more: str = "unknown", **changes: Any) -> Json:
    return {
        "object": "TrackingDetail",
        "message": "On the way",
        "description": "",
        "status": status,
        "status_detail": more,
        "datetime": "2026-03-02T08:30:00Z",
        "tracking_location": {"city": "EDISON", "state": "NJ", "country": "US", "zip": "08817"},
        **changes,
    }


def aftership(*checkpoints: Json, **tracking: Any) -> Json:
    """AfterShip's webhook."""
    msg = {"slug": "dhl", "tracking_number": "JD01", "checkpoints": list(checkpoints), **tracking}
    return {"event": "tracking_update", "ts": 1_772_440_200, "msg": msg}


def checkpoint(tag: str, subtag: str = "", **changes: Any) -> Json:
    return {
        "checkpoint_time": "2026-03-02T09:30:00+01:00",
        "location": "Leipzig, DE",
        "message": "Sorted",
        "tag": tag,
        "subtag": subtag or f"{tag}_001",
        **changes,
    }


def _state(parcel: Parcel) -> ParcelState:
    [scan] = parcel.scans
    return scan.state


class TestEasyPost:
    def test_an_event_is_a_parcel_with_its_scans_in_order(self) -> None:
        later = detail("out_for_delivery", datetime="2026-03-03T08:00:00Z", message="On the van")
        parcel = from_easypost(easypost(later, detail("in_transit")))
        assert (parcel.carrier, parcel.tracking_number) == ("fedex", "6129")
        first, last = parcel.scans
        assert first.at == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
        assert (first.state, first.place, first.text) == (ParcelState.IN_TRANSIT, "EDISON, NJ, US", "On the way")
        assert (last.state, last.text) == (ParcelState.OUT_FOR_DELIVERY, "On the van")

    def test_a_tracker_without_its_event_is_the_same(self) -> None:
        event = easypost(detail("in_transit"))
        assert from_easypost(event["result"]) == from_easypost(event)

    @pytest.mark.parametrize(
        ("status", "more", "message", "state"),
        [
            ("pre_transit", "status_update", "Label created", ParcelState.ANNOUNCED),
            ("unknown", "label_created", "", ParcelState.ANNOUNCED),
            ("in_transit", "departed_facility", "", ParcelState.IN_TRANSIT),
            ("in_transit", "held", "Held at the depot", ParcelState.IN_TRANSIT),
            ("in_transit", "held", "Held by Customs", ParcelState.AT_CUSTOMS),
            ("in_transit", "delayed", "Clearance delay - customs", ParcelState.AT_CUSTOMS),
            ("in_transit", "status_update", "Released by customs", ParcelState.IN_TRANSIT),
            ("available_for_pickup", "unknown", "", ParcelState.TO_BE_COLLECTED),
            ("delivered", "arrived_at_destination", "", ParcelState.DELIVERED),
            ("return_to_sender", "return", "", ParcelState.RETURNED),
            ("failure", "refused", "Refused by recipient", ParcelState.RETURNED),
            ("failure", "damaged", "", ParcelState.DAMAGED),
            ("failure", "lost", "", ParcelState.LOST),
            ("failure", "delivery_exception", "Nobody at home", ParcelState.IN_TRANSIT),
            ("teleported", "sideways", "Beamed up", ParcelState.IN_TRANSIT),
        ],
    )
    def test_states(self, status: str, more: str, message: str, state: ParcelState) -> None:
        """A state that we do not know leaves the parcel on its way, with the carrier's words."""
        parcel = from_easypost(easypost(detail(status, more, message=message)))
        assert _state(parcel) is state
        assert parcel.scans[0].text == message or not message


class TestAfterShip:
    def test_a_webhook_is_a_parcel_with_its_scans_in_order(self) -> None:
        later = checkpoint("OutForDelivery", checkpoint_time="2026-03-03T08:00:00")
        parcel = from_aftership(aftership(later, checkpoint("InTransit")))
        assert (parcel.carrier, parcel.tracking_number) == ("dhl", "JD01")
        first, last = parcel.scans
        assert first.at == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
        assert (first.state, first.place, first.text) == (ParcelState.IN_TRANSIT, "Leipzig, DE", "Sorted")
        assert (last.at, last.state) == (datetime(2026, 3, 3, 8, tzinfo=UTC), ParcelState.OUT_FOR_DELIVERY)

    def test_an_answer_and_a_bare_tracking_are_the_same(self) -> None:
        webhook = aftership(checkpoint("InTransit"))
        assert from_aftership({"meta": {"code": 200}, "data": {"tracking": webhook["msg"]}}) == from_aftership(
            webhook
        )
        assert from_aftership(webhook["msg"]) == from_aftership(webhook)

    def test_the_last_checkpoint_alone_is_the_same_scan(self) -> None:
        told = from_aftership(aftership(checkpoint("InTransit")))
        utc = checkpoint("InTransit", checkpoint_time="2026-03-02T08:30:00.000Z", location=None, city="Leipzig")
        alone = from_aftership({"data": {"slug": "dhl", "tracking_number": "JD01", "checkpoint": utc}})
        assert [scan.id for scan in alone.scans] == [scan.id for scan in told.scans]

    @pytest.mark.parametrize(
        ("tag", "subtag", "state"),
        [
            ("InfoReceived", "InfoReceived_001", ParcelState.ANNOUNCED),
            ("Pending", "Pending_001", ParcelState.ANNOUNCED),
            ("InTransit", "InTransit_004", ParcelState.IN_TRANSIT),
            ("OutForDelivery", "OutForDelivery_001", ParcelState.OUT_FOR_DELIVERY),
            ("AvailableForPickup", "AvailableForPickup_001", ParcelState.TO_BE_COLLECTED),
            ("AttemptFail", "AttemptFail_001", ParcelState.IN_TRANSIT),
            ("Delivered", "Delivered_003", ParcelState.DELIVERED),
            ("Exception", "Exception_001", ParcelState.IN_TRANSIT),
            ("Exception", "Exception_003", ParcelState.RETURNED),
            ("Exception", "Exception_004", ParcelState.AT_CUSTOMS),
            ("Exception", "Exception_010", ParcelState.RETURNED),
            ("Exception", "Exception_011", ParcelState.RETURNED),
            ("Exception", "Exception_012", ParcelState.DAMAGED),
            ("Exception", "Exception_013", ParcelState.LOST),
            ("Expired", "Expired_001", ParcelState.IN_TRANSIT),
            ("Levitating", "Levitating_7", ParcelState.IN_TRANSIT),
        ],
    )
    def test_states(self, tag: str, subtag: str, state: ParcelState) -> None:
        """A state that we do not know leaves the parcel on its way, with the carrier's words."""
        parcel = from_aftership(aftership(checkpoint(tag, subtag)))
        assert _state(parcel) is state
        assert parcel.scans[0].text == "Sorted"

    def test_what_goes_back_to_its_sender_is_not_delivered(self) -> None:
        assert (
            _state(from_aftership(aftership(checkpoint("Delivered"), return_to_sender=True)))
            is ParcelState.RETURNED
        )


Told = tuple[Callable[[Json], Parcel], Json]


@pytest.fixture(params=["easypost", "aftership"])
def told_twice(request: pytest.FixtureRequest) -> Told:
    """A parcel of which the same is told twice, and something without a time."""
    bodies = {
        "easypost": easypost(*[detail("in_transit")] * 2, detail("delivered", datetime=None)),
        "aftership": aftership(*[checkpoint("InTransit")] * 2, checkpoint("Delivered", checkpoint_time="soon")),
    }
    return READERS[request.param], bodies[request.param]


def test_each_scan_is_there_once_and_what_has_no_time_is_left_out(told_twice: Told) -> None:
    read, body = told_twice
    assert _state(read(body)) is ParcelState.IN_TRANSIT


@pytest.mark.parametrize("read", READERS.values())
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"result": "x"},
        {"data": []},
        {"msg": {"slug": "dhl"}},
        {"carrier": "UPS", "tracking_code": 5},
        {"slug": "", "tracking_number": "1"},
    ],
)
def test_what_is_no_parcel_is_refused(read: Callable[[Json], Parcel], body: Json) -> None:
    with pytest.raises(ValueError, match="no carrier or no tracking number"):
        read(body)


@pytest.mark.parametrize("read", READERS.values())
def test_a_parcel_whose_parts_make_no_sense_has_no_scans(read: Callable[[Json], Parcel]) -> None:
    names = {"carrier": "DHL", "slug": "dhl", "tracking_code": "JD01", "tracking_number": "JD01"}
    senseless: tuple[object, ...] = ("soon", [None, 7, {}], {"0": {}})
    for parts in senseless:
        assert read({**names, "tracking_details": parts, "checkpoints": parts}) == Parcel("dhl", "JD01", ())


def _recorded(files: Iterable[Path]) -> list[Json]:
    """What was recorded of a provider: a webhook, or requests with their answers."""
    bodies = [json.loads(file.read_text()) for file in sorted(files)]
    return [body.get("response", body) for body in bodies]


def test_recorded_parcels_of_easypost_can_be_read(data: Path) -> None:
    folder = data / "payloads" / "easypost"
    parcels = [
        from_easypost(body)
        for body in _recorded([folder / "event.tracker.updated.json", *folder.glob("tracker_retrieve.*json")])
    ]
    assert {parcel.carrier for parcel in parcels} == {"fedex", "usps"}
    [moving] = [parcel for parcel in parcels if parcel.carrier == "fedex"]
    assert [scan.state for scan in moving.scans] == [ParcelState.ANNOUNCED, *[ParcelState.IN_TRANSIT] * 6]


def test_recorded_parcels_of_aftership_can_be_read(data: Path) -> None:
    """The same parcel was recorded with times in two zones: its scans are the same ones."""
    bodies = _recorded((data / "payloads" / "aftership").glob("*.json"))
    parcels = [from_aftership(body) for body in bodies if "slug" in str(body) and "trackings" not in body["data"]]
    scanned = {tuple(scan.id for scan in parcel.scans) for parcel in parcels if len(parcel.scans) > 1}
    assert {parcel.carrier for parcel in parcels} >= {"4px", "postnl-3s"}
    assert len(scanned) == 1
    assert len(*scanned) == 6
