"""The mocked carriers: parcels and their scans, in books of their own."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import NOW, ParcelRow, ScanRow
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

        async def execute(misbehaviour: Misbehaviour) -> Parcel:
            if await misbehaviour.strikes(Kind.NOT_FOUND):
                return Parcel(carrier, tracking_number, ())
            scans = await self._scans(carrier, tracking_number)
            asked = select(ParcelRow).where(
                ParcelRow.carrier == carrier, ParcelRow.tracking_number == tracking_number
            )
            row = await self._world.row(asked)
            return Parcel(
                carrier, tracking_number, tuple(map(_to_scan, scans)), recalled=row is not None and row.recalled
            )

        return await perform(self._world, _call("track", carrier, tracking_number), execute)

    async def recall(self, carrier: str, tracking_number: str) -> bool:
        """Ask for a parcel back; recalled stays recalled. False when it is delivered, or the carrier will not."""
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
        scan_id: str | None = None,
    ) -> Scan:
        """The carrier sees a parcel, now unless told otherwise; the same scan id again changes nothing."""
        statement = insert(ScanRow).values(
            carrier=carrier,
            tracking_number=tracking_number,
            id=scan_id or f"scan_{secrets.token_hex(8)}",
            at=at if at is not None else NOW,
            state=state.value,
            place=place,
            text=text or state.value.replace("_", " ").capitalize(),
        )
        known = statement.on_conflict_do_update(
            index_elements=[ScanRow.carrier, ScanRow.tracking_number, ScanRow.id], set_={"state": ScanRow.state}
        )
        return _to_scan(await self._world.one(known.returning(ScanRow)))

    async def _scans(self, carrier: str, tracking_number: str) -> Sequence[ScanRow]:
        mine = select(ScanRow).where(ScanRow.carrier == carrier, ScanRow.tracking_number == tracking_number)
        return await self._world.rows(mine.order_by(ScanRow.at, ScanRow.number))


def _call(operation: str, carrier: str, tracking_number: str) -> Call:
    about = frozenset({carrier, tracking_number})
    return Call(f"carriers.{operation}", f"{carrier}/{tracking_number}", about)


def _to_scan(row: ScanRow) -> Scan:
    return Scan(row.id, row.at, ParcelState(row.state), row.place, row.text)
