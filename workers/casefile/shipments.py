"""What of an order is on its way, by its case file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from workers.casefile.db import Database
from workers.casefile.models import TimelineEntry

SENT, DELIVERED = "parcel_sent", "parcel_delivered"
"""Kinds of timeline entries; see parcel_entries.py."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """The parcel of an order that was sent last."""

    carrier: str
    tracking_number: str
    sent_at: datetime
    delivered_at: datetime | None


class Shipments:
    """Reads what tracking has written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, order_ids: Collection[str]) -> Mapping[str, Shipment]:
        """By order; nothing for one of which no parcel was sent."""
        told = select(TimelineEntry).where(
            TimelineEntry.case_id.in_(order_ids), TimelineEntry.kind.in_((SENT, DELIVERED))
        )
        async with self._database.sessions() as session:
            entries = list(await session.scalars(told.order_by(TimelineEntry.happened_at, TimelineEntry.id)))
        arrived = {
            (each.case_id, each.facts["tracking_number"]): each.happened_at
            for each in entries
            if each.kind == DELIVERED
        }
        return {
            each.case_id: Shipment(
                each.facts["carrier"],
                each.facts["tracking_number"],
                each.happened_at,
                arrived.get((each.case_id, each.facts["tracking_number"])),
            )
            for each in entries
            if each.kind == SENT
        }
