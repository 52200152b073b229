from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.faults import Faults
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
        self.parcels[carrier, tracking_number] = replace(parcel, recalled=recalled)
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
        scan_id: str | None = None,
    ) -> Scan:
        """The carrier sees a parcel, now unless told otherwise; the same scan id again changes nothing."""
        parcel = self._parcel(carrier, tracking_number)
        number = scan_id or f"scan_{len(parcel.scans) + 1}"
        known = next((scan for scan in parcel.scans if scan.id == number), None)
        if known is not None:
            return known
        words = text or state.value.replace("_", " ").capitalize()
        scan = Scan(number, at or datetime.now(UTC), state, place, words)
        scans = tuple(sorted((*parcel.scans, scan), key=lambda scan: scan.at))
        self.parcels[carrier, tracking_number] = replace(parcel, scans=scans)
        return scan

    def _parcel(self, carrier: str, tracking_number: str) -> Parcel:
        return self.parcels.get((carrier, tracking_number), Parcel(carrier, tracking_number, ()))
