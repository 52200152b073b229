from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.faults import Faults
from workers.adapters.carrier_events import in_order
from workers.ports.carriers import Parcel, ParcelState, Scan


class FakeCarriers(Faults):
    """Implements ports.carriers.Carriers. `scan` is what carriers do."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[tuple[str, str], Parcel] = {}
        self.never_recall: set[str] = set()
        """Carriers that do not give parcels back."""

    async def track(self, carrier: str, tracking_number: str) -> Parcel:
        self._begin("track")
        return self._parcel(carrier, tracking_number)

    async def recall(self, carrier: str, tracking_number: str) -> bool:
        self._begin("recall")
        parcel = self._parcel(carrier, tracking_number)
        delivered = any(scan.state is ParcelState.DELIVERED for scan in parcel.scans)
        recalled = parcel.recalled or not (delivered or carrier in self.never_recall)
        self.parcels[carrier.lower(), tracking_number] = replace(parcel, recalled=recalled)
        self._end("recall")
        return recalled

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
        parcel, moment = self._parcel(carrier, tracking_number), at or datetime.now(UTC)
        words = text or state.value.replace("_", " ").capitalize()
        scan = Scan(f"{moment.isoformat()} {state} {words}", moment, state, place, words)
        self.parcels[carrier.lower(), tracking_number] = replace(parcel, scans=in_order((*parcel.scans, scan)))
        return next(known for known in self._parcel(carrier, tracking_number).scans if known.id == scan.id)

    def _parcel(self, carrier: str, tracking_number: str) -> Parcel:
        mine = (carrier.lower(), tracking_number)
        return self.parcels.get(mine, Parcel(*mine, ()))
