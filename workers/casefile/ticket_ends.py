"""Tickets whose instance an operator has cancelled: nobody waits for what their customers write any more.

They are closed for good, with their clocks, so that the customer's next message opens a ticket that follows.
"""

from collections.abc import Sequence

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.finding_models import TicketEvent
from workers.casefile.projection.cases import TICKETS
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table
from workers.casefile.sla import Happened
from workers.casefile.ticket_models import Ticket, TicketState

_INSTANCES = table("instances")
_cancelled = given(_INSTANCES, "key")
_CLOSE = (
    update(Ticket)
    .values(state=TicketState.CLOSED, closed_at=func.now())
    .where(
        _INSTANCES.c.key == _cancelled.c.key,
        Ticket.id == _INSTANCES.c.correlation_key,
        Ticket.state != TicketState.CLOSED,
    )
    .returning(Ticket.id)
)
_closed = given(table("ticket_events"), "ticket_id")
_NOTE = (
    insert(TicketEvent)
    .from_select(
        ("ticket_id", "key", "what", "at"),
        select(_closed.c.ticket_id, literal("closed"), literal(Happened.CLOSED.value), func.now()),
    )
    .on_conflict_do_nothing()
)


async def close_cancelled(tables: Tables, news: Sequence[Reduced]) -> None:
    """Those of whose instance these records say that it was terminated. Idempotent."""
    keys = sorted(record.process_instance_key or 0 for record in news if _is_cancelled(record))
    closed = await tables.put(_CLOSE, [{"key": key} for key in keys])
    await tables.put(_NOTE, [{"ticket_id": row.id} for row in closed])


def _is_cancelled(record: Reduced) -> bool:
    ended = record.process == TICKETS and record.element_type == "PROCESS"
    return ended and record.intent == "ELEMENT_TERMINATED"
