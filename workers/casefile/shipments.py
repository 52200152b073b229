"""What of an order is on its way, by its case file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select

from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.models import TimelineEntry

SENT, DELIVERED = "parcel_sent", "parcel_delivered"
"""Kinds of timeline entries; see parcel_entries.py."""
_TOLD = Statement(
    select(TimelineEntry.case_id, TimelineEntry.kind, TimelineEntry.facts, TimelineEntry.happened_at)
    .where(
        TimelineEntry.case_id == any_(bindparam("order_ids", type_=ARRAY(Text))),
        or_(TimelineEntry.kind == SENT, TimelineEntry.kind == DELIVERED),
    )
    .order_by(TimelineEntry.happened_at, TimelineEntry.id)
)


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
        if not order_ids:
            return {}
        entries = await self._database.statement(_TOLD, {"order_ids": list(order_ids)})
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
