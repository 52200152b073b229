"""Taking in what customers write: ticket, message and the message to the engine in one commit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import SettingsOf, StoreOf, TraceId
from workers.casefile import inbox, tickets
from workers.casefile.tickets import Taken, Written
from workers.contracts.triage import CREATED, PROCESS, REPLIED, TicketCreated, TicketReplied
from workers.runtime.arrivals import arrival_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """What it takes to take a message in."""

    settings: SettingsOf
    store: StoreOf
    trace_id: TraceId

    async def take(self, find: Callable[[AsyncSession], Awaitable[Written]], raw: bytes) -> Taken:
        """Find out where a message belongs and enter it, in a transaction of its own."""

        async def work(session: AsyncSession) -> Taken:
            return await self.enter(session, await find(session), raw)

        taken = await self.store.run(work)
        tell(taken)
        return taken

    async def enter(self, session: AsyncSession, written: Written, raw: bytes) -> Taken:
        """Enter a message in the caller's transaction; the engine is told of each once."""
        taken = await tickets.take(session, written)
        if not taken.new_message:
            return taken
        message, payload = (CREATED, TicketCreated) if taken.new_ticket else (REPLIED, TicketReplied)
        arrival = arrival_of(
            PROCESS,
            message,
            payload(ticket_id=taken.ticket_id, message_number=taken.number),
            source=written.channel,
            body=raw,
            trace_id=self.trace_id,
            settings=self.settings,
        )
        await inbox.accept(session, arrival)
        return taken


def tell(taken: Taken) -> None:
    """Into the log: which ticket, and nothing of what stands in it."""
    log.info(
        "ticket.message_taken", ticket_id=taken.ticket_id, message_number=taken.number,
        new_ticket=taken.new_ticket, duplicate=not taken.new_message,
    )  # fmt: skip
