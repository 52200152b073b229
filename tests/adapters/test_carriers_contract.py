"""What every carrier adapter and its fake must do."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import FakeCarriers
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_world import MockWorld
from workers.ports.carriers import Parcel, ParcelState

Depot = FakeCarriers | MockCarriers
"""The port, and what carriers do."""

MONDAY = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


@pytest.fixture(params=["mock", "fake"])
def depot(request: pytest.FixtureRequest, world: MockWorld) -> Depot:
    return FakeCarriers() if request.param == "fake" else MockCarriers(world)


async def test_a_parcel_nobody_has_seen_has_no_scans(depot: Depot, unique: str) -> None:
    parcel = await depot.track("dhl", unique)
    assert parcel == Parcel("dhl", unique, ())
    assert parcel.last is None


async def test_scans_come_in_the_order_of_the_carriers_own_time(depot: Depot, unique: str) -> None:
    later = await depot.scan("dhl", unique, ParcelState.OUT_FOR_DELIVERY, at=MONDAY + timedelta(hours=1))
    first = await depot.scan(
        "dhl", unique, ParcelState.IN_TRANSIT, at=MONDAY, place="Leipzig, DE", text="Arrived at hub"
    )
    assert (first.at, first.state, first.place, first.text) == (
        MONDAY,
        ParcelState.IN_TRANSIT,
        "Leipzig, DE",
        "Arrived at hub",
    )
    parcel = await depot.track("dhl", unique)
    assert parcel.scans == (first, later)
    assert parcel.last == later


async def test_a_scan_is_there_once(depot: Depot, unique: str) -> None:
    first = await depot.scan("dhl", unique, ParcelState.IN_TRANSIT, at=MONDAY)
    assert await depot.scan("dhl", unique, ParcelState.IN_TRANSIT, at=MONDAY) == first
    assert (await depot.track("dhl", unique)).scans == (first,)


@pytest.mark.parametrize("carrier", ["dhl", "ups"])
@pytest.mark.parametrize("state", ParcelState)
async def test_every_state_comes_back_as_it_was_told(
    depot: Depot, unique: str, carrier: str, state: ParcelState
) -> None:
    scan = await depot.scan(carrier, unique, state, at=MONDAY, place="Leipzig", text="Seen")
    assert scan.state is state
    assert (await depot.track(carrier, unique)).scans == (scan,)


async def test_what_was_returned_is_delivered_to_its_sender_only(depot: Depot, unique: str) -> None:
    await depot.scan("dhl", unique, ParcelState.RETURNED, at=MONDAY)
    await depot.scan("dhl", unique, ParcelState.DELIVERED, at=MONDAY + timedelta(days=2))
    last = (await depot.track("dhl", unique)).last
    assert last is not None
    assert (last.at, last.state) == (MONDAY + timedelta(days=2), ParcelState.RETURNED)


async def test_a_carrier_is_the_same_however_it_is_written(depot: Depot, unique: str) -> None:
    await depot.scan("DHL", unique, ParcelState.IN_TRANSIT)
    assert await depot.recall("Dhl", unique)
    parcel = await depot.track("dhl", unique)
    assert (parcel.carrier, len(parcel.scans), parcel.recalled) == ("dhl", 1, True)
    assert await depot.track("DHL", unique) == parcel


async def test_a_tracking_number_is_its_carriers_own(depot: Depot, unique: str) -> None:
    await depot.scan("dhl", unique, ParcelState.IN_TRANSIT)
    assert (await depot.track("ups", unique)).scans == ()


async def test_recalled_stays_recalled_and_may_be_delivered_all_the_same(depot: Depot, unique: str) -> None:
    await depot.scan("dhl", unique, ParcelState.IN_TRANSIT)
    assert not (await depot.track("dhl", unique)).recalled
    assert await depot.recall("dhl", unique)
    await depot.scan("dhl", unique, ParcelState.DELIVERED)
    assert await depot.recall("dhl", unique)
    assert (await depot.track("dhl", unique)).recalled


async def test_what_is_delivered_cannot_be_recalled(depot: Depot, unique: str) -> None:
    await depot.scan("dhl", unique, ParcelState.DELIVERED)
    assert not await depot.recall("dhl", unique)
    assert not (await depot.track("dhl", unique)).recalled
