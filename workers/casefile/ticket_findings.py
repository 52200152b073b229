"""What was understood of tickets, and what people corrected; once per message."""

from collections.abc import Mapping

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.claims import Claim
from workers.casefile.db import Database
from workers.casefile.finding_models import TicketAnalysis, TicketLabel
from workers.ports.analysis import Analysis
from workers.runtime.errors import NeedsHuman

ANALYSIS = TypeAdapter(Analysis)


class Findings:
    """The books of analyses and labels, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def analysed(self, ticket_id: str, message_number: int, found: Analysis, claim: Claim) -> None:
        """Keep what was understood; when it is looked at again, what is understood now."""
        row = {
            "ticket_id": ticket_id,
            "message_number": message_number,
            "intent": found.best.intent.value,
            "confidence": found.best.confidence,
            "anger": found.anger.score,
            "language": found.language.code,
            "safety": found.unsafe,
            "shopify_order_id": claim.order.id if claim.order else None,
            "analysis": ANALYSIS.dump_python(found, mode="json"),
        }
        keys = (TicketAnalysis.ticket_id, TicketAnalysis.message_number)
        kept = insert(TicketAnalysis).values(row).on_conflict_do_update(index_elements=keys, set_=row)
        await self._database.run(lambda session: session.execute(kept))

    async def analysis(self, ticket_id: str, message_number: int) -> tuple[Analysis, str | None]:
        """What was understood, and the order it is about. NeedsHuman when that was not looked at."""
        async with self._database.sessions() as session:
            row = await session.get(TicketAnalysis, (ticket_id, message_number))
        if row is None:
            raise NeedsHuman(f"Ticket {ticket_id} was not analysed as of message {message_number}.")
        return ANALYSIS.validate_python(row.analysis), row.shopify_order_id

    async def corrected(
        self, ticket_id: str, message_number: int, labels: Mapping[str, tuple[str, str]], by: str
    ) -> None:
        """Keep what a person sees otherwise: found and corrected, by label. Whoever says it last counts."""
        if not labels:
            return
        about = {"ticket_id": ticket_id, "message_number": message_number, "corrected_by": by}
        rows = [
            {**about, "label": label, "found": found, "corrected": corrected}
            for label, (found, corrected) in labels.items()
        ]
        new = insert(TicketLabel).values(rows)
        kept = new.on_conflict_do_update(
            index_elements=[TicketLabel.ticket_id, TicketLabel.message_number, TicketLabel.label],
            set_={"corrected": new.excluded.corrected, "corrected_by": new.excluded.corrected_by},
        )
        await self._database.run(lambda session: session.execute(kept))

    async def labels(self, ticket_id: str) -> Mapping[str, str]:
        """What people corrected last, by label."""
        mine = select(TicketLabel).where(TicketLabel.ticket_id == ticket_id).order_by(TicketLabel.message_number)
        async with self._database.sessions() as session:
            return {row.label: row.corrected for row in await session.scalars(mine)}
