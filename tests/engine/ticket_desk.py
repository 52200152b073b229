"""Customers with tickets on the real engine, judged by the books of the helpdesk and of our own."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import select

from api.people import Role
from tests.engine.orders import an_order
from tests.engine.refund_desk import Person
from tests.engine.shop_floor import TOKEN, Floor
from tests.engine.test_people import browser
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_support_books import AlertRow, PostRow, ReplyRow, TicketRow
from workers.casefile.finding_models import TicketAnswer
from workers.casefile.models import Task
from workers.casefile.record_models import Instance, Record
from workers.casefile.ticket_models import Ticket

WHERE, BROKEN, HARM = (
    "Hello, where is my order? When will it arrive?",
    "The lamp arrived broken. I want my money back, please.",
    "The lamp burned my hand, I had to go to the hospital!",
)
SUGGESTION = "Is the reading lamp dimmable, and which bulb does it need?"
_numbers = itertools.count(1)


@dataclass
class Customer:
    """Somebody who ordered, and writes to us."""

    floor: Floor
    order: dict[str, Any] | None
    email: str
    ticket_id: str = ""
    number: int = 0
    """Of their last message."""
    sent: list[str] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        assert self.order is not None
        return str(self.order["id"])

    @property
    def case_id(self) -> str:
        """That of their order, once it is known, or the ticket's own."""
        return self.order_id if self.order else self.ticket_id

    async def writes(self, text: str, **more: Any) -> None:
        """A new ticket, or more to the one there is."""
        body = {"email": self.email, "text": text, "name": "Ada Example", **more}
        body |= {"ticket_id": self.ticket_id} if self.ticket_id else {}
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": str(uuid4())}
        answer = await self.floor.http.post("/tickets", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        self.ticket_id, self.number = answer.json()["id"], int(answer.json()["message_number"])

    async def reaches(self, element: str, intent: str = "ELEMENT_ACTIVATED", times: int = 1) -> None:
        """Wait until their case has been there so often."""
        await self.floor.until(self.case_id, element, intent, times)

    async def takes(self, flow: str, times: int = 1) -> None:
        """Wait until their case took a flow so often."""
        await self.reaches(flow, "SEQUENCE_FLOW_TAKEN", times)

    async def task(self, element: str = "Task_AnswerTicket", after: int = 0) -> Task:
        """Wait for an open task of their case."""
        query = (
            select(Task)
            .join(Instance, Instance.key == Task.process_instance_key)
            .where(
                Instance.case_id == self.case_id,
                Task.element_id == element,
                Task.state == "open",
                Task.key > after,
            )
        )

        async def found() -> Task | None:
            async with self.floor.app.database.sessions() as session:
                return (await session.scalars(query)).one_or_none()

        return await self.floor._eventually(found, f"task {element} of case {self.case_id}")

    async def is_answered(self, decision: str, who: Person | None = None, after: int = 0, **more: Any) -> Task:
        """Somebody completes *Answer ticket*; gives the task."""
        answers = {"decision": decision, "reply": "We have looked into it.", **more}
        headers = dict(who or await self.agent())
        while True:
            task = await self.task(after=after)
            path = f"/tasks/{task.key}/complete"
            answer = await self.floor.http.post(path, json={"variables": answers}, headers=headers)
            if answer.status_code != httpx.codes.CONFLICT:
                break
            after = task.key  # a message that was read before has just renewed it
        assert answer.status_code == 200, answer.text
        return task

    async def agent(self, *roles: Role) -> Person:
        return await browser(self.floor, *(roles or (Role.AGENT,)))

    async def replies(self) -> Sequence[ReplyRow]:
        """What the helpdesk sent them."""
        mine = select(ReplyRow).where(ReplyRow.ticket_id == self.ticket_id)
        return await self.floor.world.rows(mine.order_by(ReplyRow.number))

    async def status(self) -> str | None:
        """Where the ticket stands at the helpdesk."""
        rows = await self.floor.world.rows(select(TicketRow).where(TicketRow.id == self.ticket_id))
        return rows[0].status if rows else None

    async def ticket(self) -> Ticket:
        """In our books."""
        async with self.floor.app.database.sessions() as session:
            ticket = await session.get(Ticket, self.ticket_id)
        assert ticket is not None
        return ticket

    async def decisions(self) -> list[tuple[str, str, str]]:
        """Route, who and what, in their order."""
        mine = select(TicketAnswer).where(TicketAnswer.ticket_id == self.ticket_id).order_by(TicketAnswer.at)
        async with self.floor.app.database.sessions() as session:
            return [(row.route, row.decided_by, row.decision) for row in await session.scalars(mine)]

    async def announced(self) -> list[Mapping[str, Any]]:
        """Events about the ticket, with their names."""
        query = select(EventRow).where(EventRow.payload["ticket_id"].astext == self.ticket_id)
        rows = await self.floor.world.rows(query.order_by(EventRow.number))
        return [{"name": row.name, **row.payload} for row in rows]

    async def posts(self) -> list[str]:
        """What the team's chat says of the ticket."""
        rows = await self.floor.world.rows(select(PostRow).where(PostRow.text.contains(self.ticket_id)))
        return [row.text for row in sorted(rows, key=lambda row: row.number)]

    async def alerts(self) -> list[str]:
        """Pushes that name the ticket."""
        rows = await self.floor.world.rows(select(AlertRow).where(AlertRow.message.contains(self.ticket_id)))
        return [row.message for row in rows]

    async def paid_back(self) -> list[int]:
        """By the payment provider's own books."""
        return [row.amount_minor for row in await self.floor.refunded(self.order_id) if row.state != "failed"]

    async def been_at(self, element: str) -> int:
        """How often their case was there so far."""
        query = (
            select(Record.position)
            .join(Instance, Instance.key == Record.process_instance_key)
            .where(
                Instance.case_id == self.case_id,
                Record.element_id == element,
                Record.intent == "ELEMENT_ACTIVATED",
            )
        )
        async with self.floor.app.database.sessions() as session:
            return len((await session.execute(query)).all())


async def customer(floor: Floor, total: str = "49.95", **changes: Any) -> Customer:
    """Somebody who has paid one order that no process of ours has heard of."""
    line = {"sku": f"LAMP-{uuid4().hex[:8]}", "title": "Reading lamp", "quantity": 1, "price": total}
    order = an_order(total_price=total, **{"line_items": [line], **changes})
    await MockShop(floor.world).seed_order(order)
    return Customer(floor, order, order["email"])


def stranger(floor: Floor) -> Customer:
    """Somebody who has ordered nothing."""
    return Customer(floor, None, f"stranger-{uuid4().hex[:12]}@example.com")


async def disputed(one: Customer) -> None:
    """Their bank has claimed the payment, and nobody has told us: nothing more can go back."""
    await MockPayments(one.floor.world).open_dispute(f"ch_{one.order_id}", "fraudulent")
