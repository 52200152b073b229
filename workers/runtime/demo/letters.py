"""Customers who write to us about their orders, as the helpdesk's webhook tells it."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import orjson
from sqlalchemy import any_, func, select

from workers.casefile.db import Database
from workers.casefile.finding_models import TicketAnswer
from workers.casefile.ticket_models import Channel, Ticket, TicketState
from workers.casefile.tickets import ticket_id_of
from workers.runtime.demo.books import array_of
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.plan import Plan, Planned

_LOOK_EVERY_SECONDS = 0.5


@dataclass
class Letters:
    """Sends each letter once its order was delivered to us. `run` until cancelled."""

    http: httpx.AsyncClient
    secret: str
    plan: Plan
    feed: Feed
    sent: set[str] = field(default_factory=set)
    """Our ids of the tickets."""

    async def run(self) -> None:
        """Look for orders that have come, and write about them."""
        while True:
            for planned in self.plan.orders[: self.feed.orders]:
                if planned.letter is not None and ticket_of(planned) not in self.sent:
                    with suppress(httpx.HTTPError):
                        await self._write(planned)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _write(self, planned: Planned) -> None:
        name = (planned.order.get("shipping_address") or {}).get("name") or ""
        who = {"name": name, "email": planned.order["email"]}
        ticket = {
            "id": int(planned.case_id),
            "subject": f"Order {planned.order.get('name', '')}",
            "description": planned.letter,
            "requester_id": int(planned.case_id),
            "submitter_id": int(planned.case_id),
            "requester": who,
        }
        body = orjson.dumps({"type": "new_ticket", "ticket": ticket})
        timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        digest = hmac.digest(self.secret.encode(), timestamp.encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
        }
        (await self.http.post("/webhooks/zendesk", content=body, headers=headers)).raise_for_status()
        self.sent.add(ticket_of(planned))


def ticket_of(planned: Planned) -> str:
    """Our id of the ticket about an order."""
    return ticket_id_of(Channel.ZENDESK, planned.case_id)


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the tickets."""

    written: int
    closed: int
    by_itself: int
    """Answered without a person."""
    escalated: int


async def read(database: Database, tickets: Collection[str]) -> Answered:
    """By our own books."""
    ids = array_of(tickets)
    mine = select(func.count()).where(Ticket.id == any_(ids))
    answers = select(func.count(TicketAnswer.ticket_id.distinct())).where(TicketAnswer.ticket_id == any_(ids))
    async with database.sessions() as session:
        return Answered(
            written=len(tickets),
            closed=await session.scalar(mine.where(Ticket.state == TicketState.CLOSED)) or 0,
            by_itself=await session.scalar(answers.where(TicketAnswer.decided_by == "process:resolution")) or 0,
            escalated=await session.scalar(answers.where(TicketAnswer.route == "escalate")) or 0,
        )
