"""What was understood of tickets, and what people corrected; once per message."""

from collections.abc import Mapping

from pydantic import TypeAdapter
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.claims import Claim
from workers.casefile.db import Database
from workers.casefile.direct import Statement
from workers.casefile.finding_models import TicketAnalysis, TicketLabel
from workers.ports.analysis import Analysis
from workers.runtime.errors import NeedsHuman

ANALYSIS = TypeAdapter(Analysis)
_KEYS = (TicketAnalysis.ticket_id, TicketAnalysis.message_number)
_FOUND = ("intent", "confidence", "anger", "language", "safety", "shopify_order_id", "analysis")
_NEW = insert(TicketAnalysis).values({name: bindparam(name) for name in ("ticket_id", "message_number", *_FOUND)})
_KEEP = Statement(
    _NEW.on_conflict_do_update(index_elements=_KEYS, set_={name: _NEW.excluded[name] for name in _FOUND})
)
_KEPT = Statement(
    select(TicketAnalysis.analysis, TicketAnalysis.shopify_order_id).where(
        TicketAnalysis.ticket_id == bindparam("ticket_id"),
        TicketAnalysis.message_number == bindparam("message_number"),
    )
)


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
        await self._database.statement(_KEEP, row)

    async def analysis(self, ticket_id: str, message_number: int) -> tuple[Analysis, str | None]:
        """What was understood, and the order it is about. NeedsHuman when that was not looked at, or is erased."""
        rows = await self._database.statement(_KEPT, {"ticket_id": ticket_id, "message_number": message_number})
        if not rows:
            raise NeedsHuman(f"Ticket {ticket_id} was not analysed as of message {message_number}.")
        if not rows[0].analysis:
            raise NeedsHuman(f"Ticket {ticket_id} was erased.")
        return ANALYSIS.validate_python(rows[0].analysis), rows[0].shopify_order_id

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
