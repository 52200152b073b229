"""The carriers that bring parcels."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ParcelState(StrEnum):
    """What a scan says of a parcel."""

    ANNOUNCED = "announced"
    """The carrier knows of it and does not have it yet."""
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AT_CUSTOMS = "at_customs"
    """Held by customs."""
    TO_BE_COLLECTED = "to_be_collected"
    """Waits for the customer at a shop or a locker."""
    DELIVERED = "delivered"
    RETURNED = "returned"
    """On its way back to its sender, or there."""
    DAMAGED = "damaged"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Scan:
    """A carrier saw a parcel. `at` is the carrier's own time of it, in UTC."""

    id: str
    at: datetime
    state: ParcelState
    place: str
    text: str
    """In the carrier's words."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as its carrier knows it; scans in the order of their time."""

    carrier: str
    tracking_number: str
    scans: tuple[Scan, ...]
    recalled: bool = False
    """Whether it was asked back; a carrier may bring it all the same."""

    @property
    def last(self) -> Scan | None:
        """The last scan by the carrier's own time, whatever order they were told in."""
        return self.scans[-1] if self.scans else None

    @property
    def delivered(self) -> bool:
        """Delivered once is delivered, whatever a later scan says."""
        return any(scan.state is ParcelState.DELIVERED for scan in self.scans)


class Carriers(Protocol):
    """All carriers behind one port.

    Every method raises Unavailable or RateLimited when surely nothing was done, OutcomeUnknown when the carrier
    may have acted but its answer did not arrive.
    """

    async def track(self, carrier: str, tracking_number: str) -> Parcel:
        """The parcel as it is now; one without scans when the carrier does not know it (yet)."""
        ...

    async def recall(self, carrier: str, tracking_number: str) -> bool:
        """Ask for a parcel back; natural idempotency: recalled stays recalled. False when it is too late for that:
        it is delivered, or the carrier does not do such things."""
        ...
