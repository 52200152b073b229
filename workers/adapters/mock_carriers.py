"""The mocked carriers: parcels and their scans, in books of their own; answers in the shapes of real providers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.carrier_events import READERS
from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import ParcelRow, ScanRow
from workers.adapters.mock_carrier_answers import answer, provider_of, words_for
from workers.adapters.mock_world import MockWorld
from workers.ports.carriers import Parcel, ParcelState, Scan


class MockCarriers:
    """Implements ports.carriers.Carriers; a parcel exists as soon as it is scanned or asked back.

    A behaviour's target may be a carrier or a tracking number. `scan` is what carriers do.
    """

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def track(self, carrier: str, tracking_number: str) -> Parcel:
        """The parcel, its scans in the order of their own time."""
        carrier = carrier.lower()

        async def execute(misbehaviour: Misbehaviour) -> Parcel:
            unknown = await misbehaviour.strikes(Kind.NOT_FOUND) is not None
            scans = () if unknown else await self.scans(carrier, tracking_number)
            asked = select(ParcelRow).where(
                ParcelRow.carrier == carrier, ParcelRow.tracking_number == tracking_number
            )
            row = await self._world.row(asked)
            parcel = _read(carrier, tracking_number, scans)
            return replace(parcel, recalled=row is not None and row.recalled)

        return await perform(self._world, _call("track", carrier, tracking_number), execute)

    async def recall(self, carrier: str, tracking_number: str) -> bool:
        """Ask for a parcel back; recalled stays recalled. False when it is delivered, or the carrier will not."""
        carrier = carrier.lower()
        delivered = exists().where(
            ScanRow.carrier == carrier,
            ScanRow.tracking_number == tracking_number,
            ScanRow.state == ParcelState.DELIVERED,
        )
        statement = insert(ParcelRow).values(
            carrier=carrier, tracking_number=tracking_number, recalled=select(~delivered).scalar_subquery()
        )
        asked = statement.on_conflict_do_update(
            index_elements=[ParcelRow.carrier, ParcelRow.tracking_number],
            set_={
                "recalled": or_(ParcelRow.recalled, statement.excluded.recalled),
                "requests": ParcelRow.requests + 1,
            },
        )

        async def execute(misbehaviour: Misbehaviour) -> bool:
            if await misbehaviour.strikes(Kind.REFUSED):
                return False
            return (await self._world.one(asked.returning(ParcelRow))).recalled

        return await perform(self._world, _call("recall", carrier, tracking_number), execute)

    async def scan(
        self,
        carrier: str,
        tracking_number: str,
        state: ParcelState,
        *,
        at: datetime | None = None,
        place: str = "",
        text: str = "",
    ) -> Scan:
        """The carrier sees a parcel, now unless told otherwise; the same again at the same time is once."""
        carrier = carrier.lower()
        seen = Scan("", at or await self._world.now(), state, place, text or words_for(state))
        [told] = _read(carrier, tracking_number, [seen]).scans
        values = {"id": told.id, "at": seen.at, "state": state.value, "place": place, "text": seen.text}
        statement = insert(ScanRow).values(carrier=carrier, tracking_number=tracking_number, **values)
        await self._world.row(statement.on_conflict_do_nothing().returning(ScanRow))
        known = _read(carrier, tracking_number, await self.scans(carrier, tracking_number)).scans
        return next(scan for scan in known if scan.id == told.id)

    async def scans(self, carrier: str, tracking_number: str) -> Sequence[Scan]:
        """What the carrier has written down of a parcel, in the order of its time."""
        mine = select(ScanRow).where(ScanRow.carrier == carrier, ScanRow.tracking_number == tracking_number)
        rows = await self._world.rows(mine.order_by(ScanRow.at, ScanRow.number))
        return [Scan(row.id, row.at, ParcelState(row.state), row.place, row.text) for row in rows]


def _read(carrier: str, tracking_number: str, scans: Sequence[Scan]) -> Parcel:
    """As we read it from what its provider would answer."""
    return READERS[provider_of(carrier)](answer(carrier, tracking_number, scans))


def _call(operation: str, carrier: str, tracking_number: str) -> Call:
    about = frozenset({carrier, tracking_number})
    return Call(f"carriers.{operation}", f"{carrier}/{tracking_number}", about)
