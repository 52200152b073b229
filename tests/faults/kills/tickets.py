"""Tickets in the place of purchases: what customers write, and what helpdesk, phones and team chat say of it.

By turns of five, customers ask where their order is, and are answered by the process itself; or somebody got hurt,
and people are woken round after round, because nobody takes it.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, any_, func, select

from tests.faults.kills.plan import POINTS, Plan, order_of
from tests.faults.kills.refunds import Found
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_support_books import AlertRow, PostRow, ReplyRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.runtime.demo import books

ROUNDS = 5
"""As the table escalation_chain has for what may harm somebody."""
SOONER = ('string(chain.wait_minutes) + "M"', 'string(chain.wait_minutes / 10) + "S"')
"""In the diagram of escalation: 85 minutes until nobody is left to alert become 8.5 seconds."""
QUESTION = "Hello, where is my order? When will it arrive?"
DANGER = "The lamp burned my hand, I had to go to the hospital!"


def ticket_of(order_id: str) -> str:
    """The one ticket of an order's number."""
    return f"chat-{order_id}"


def email_of(order_id: str) -> str:
    """Who has ordered."""
    return f"customer-{order_id}@example.com"


def is_dangerous(plan: Plan, order_id: str) -> bool:
    """Whether somebody got hurt: who wakes people instead of an answer."""
    return plan.number(order_id) // len(POINTS) % 2 == 1


async def written(plan: Plan, database: Database, order_id: str) -> dict[str, Any]:
    """The customer writes; what the process is started with. Who got hurt has ordered nothing."""
    dangerous, ticket_id = is_dangerous(plan, order_id), ticket_of(order_id)
    text, email = (DANGER, f"stranger-{order_id}@example.com") if dangerous else (QUESTION, email_of(order_id))
    message = Written(ticket_id, f"{ticket_id}-1", Channel.CHAT, email, "Ada Example", "", text)
    return {"ticket_id": ticket_id, "message_number": (await Tickets(database).take(message)).number}


async def count(plan: Plan, database: Database) -> tuple[int, int]:
    """Tickets that were answered or woke somebody, and those whose last step is in the books."""
    first, last = _rounds(plan, "alert", 1), _rounds(plan, "post", ROUNDS)
    told = (
        select(func.count()).where(ReplyRow.ticket_id == any_(_tickets(plan))),
        select(func.count()).where(AlertRow.key == any_(first)),
        select(func.count()).where(*_solved(plan)),
        select(func.count()).where(PostRow.key == any_(last)),
    )
    async with database.sessions() as session:
        replies, woken, solved, ended = [await session.scalar(each) or 0 for each in told]
    return replies + woken, solved + ended


async def read(plan: Plan, world: MockWorld) -> Found:
    """Asked for is the answer, or the most that any alert or post was; wrong is another number of answers than
    one, and another course than each round once."""
    told = {one: Told() for one in plan.orders}
    for reply in await world.rows(select(ReplyRow).where(ReplyRow.ticket_id == any_(_tickets(plan)))):
        told[order_of(reply.ticket_id)].replies.append(reply.requests)
    for table in (AlertRow, PostRow):
        mine = select(table).where(func.split_part(table.key, ":", 2) == any_(_tickets(plan)))
        for row in await world.rows(mine.order_by(table.number)):
            told[order_of(row.key)].rounds[table].append(int(row.key.rpartition(":")[2]))
            told[order_of(row.key)].requests.append(row.requests)
    for event in await world.rows(select(EventRow).where(*_solved(plan))):
        told[order_of(event.payload["ticket_id"])].solved = True
    asked = [sum(each.replies) or max(each.requests, default=0) for each in told.values()]
    finished = [each.last_done(dangerous=is_dangerous(plan, one)) for one, each in told.items()]
    wrong = [one for one, each in told.items() if not each.as_it_should_be(dangerous=is_dangerous(plan, one))]
    return asked, finished, wrong, 0


@dataclass
class Told:
    """What the books say of one ticket."""

    replies: list[int] = field(default_factory=list)
    """How often each was asked for."""
    rounds: dict[type, list[int]] = field(default_factory=lambda: {AlertRow: [], PostRow: []})
    requests: list[int] = field(default_factory=list)
    """How often each alert and post was asked for."""
    solved: bool = False

    def last_done(self, *, dangerous: bool) -> bool:
        """Whether the last that is to happen has happened."""
        return ROUNDS in self.rounds[PostRow] if dangerous else self.solved

    def as_it_should_be(self, *, dangerous: bool) -> bool:
        """Answered once and nobody woken; or woken once each round, by phone and in the chat, and not answered."""
        rounds = list(range(1, ROUNDS + 1)) if dangerous else []
        return len(self.replies) == (not dangerous) and all(each == rounds for each in self.rounds.values())


def _tickets(plan: Plan) -> books.Ids:
    return books.array_of(ticket_of(one) for one in plan.orders)


def _rounds(plan: Plan, kind: str, chain_round: int) -> books.Ids:
    """Keys under which dangerous tickets tell somebody in this round."""
    dangerous = (ticket_of(one) for one in plan.orders if is_dangerous(plan, one))
    return books.array_of(f"{kind}:{ticket}:1:{chain_round}" for ticket in dangerous)


def _solved(plan: Plan) -> tuple[ColumnElement[bool], ...]:
    about = EventRow.payload["ticket_id"].astext
    return EventRow.name == "ticket_solved", about == any_(_tickets(plan))
