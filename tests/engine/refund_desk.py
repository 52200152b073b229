"""Refunds of paid orders on the real engine: asked for, approved, and judged by the provider's own books."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import select

from api.people import Role
from tests.engine.orders import an_order
from tests.engine.shop_floor import TOKEN, Floor
from tests.engine.test_people import browser
from workers.adapters.mock_books import EventRow, PostingRow, RefundRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.casefile import inbox
from workers.casefile.models import Task, TimelineEntry
from workers.casefile.record_models import Record
from workers.casefile.refund_models import Refund, RefundApproval, Standing
from workers.contracts.refund import REQUESTED, RefundRequested
from workers.runtime.arrivals import arrival_of

Person = Mapping[str, str]
"""What the browser of somebody sends; X-Name is who they are."""
YES = {"decision": "approve", "why": "The photo shows it"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Desk:
    """An order that was paid, and all that is done about its refunds."""

    floor: Floor
    order_id: str
    total: int
    """Minor units."""

    @property
    def payments(self) -> MockPayments:
        return MockPayments(self.floor.world)

    async def ask(
        self, amount: str | None, reason: str = "changed_mind", who: Person | None = None, **body: Any
    ) -> str:
        """Ask for a refund, as a program unless somebody does; its id."""
        answer = await self.post(amount, reason, who, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def post(
        self, amount: str | None, reason: str = "changed_mind", who: Person | None = None, **body: Any
    ) -> httpx.Response:
        """The request itself, under a key of its own."""
        asked = {"shopify_order_id": self.order_id, "currency": "EUR", "reason": reason}
        asked |= {"amount": amount} if amount else {}
        refund_id = f"{self.order_id}-{next(_numbers)}"
        headers = {**(who or {"Authorization": f"Bearer {TOKEN}"}), "Idempotency-Key": str(uuid4())}
        return await self._patiently("/refunds", {"refund_id": refund_id, **asked, **body}, headers)

    async def handed_over(self, why: str, amount: int, currency: str, reason: str = "lost") -> None:
        """Another process of ours asks, through the inbox."""
        payload = RefundRequested(
            refund_id=f"{self.order_id}-{why}",
            shopify_order_id=self.order_id,
            amount=amount,
            currency=currency,
            reason=reason,
            requested_by="process:tracking",
        )
        app = self.floor.app
        arrival = arrival_of(
            "refund", REQUESTED, payload, source="worker", body=b"", trace_id="", settings=app.settings
        )
        await inbox.add(app.database, arrival)
        app.bell.ring()

    async def somebody(self, *roles: Role) -> Person:
        """Somebody new with these roles."""
        return await browser(self.floor, *roles)

    async def task(self, refund_id: str, element: str = "Task_ApproveRefund", after: int = 0) -> Task:
        """Wait for an open task of the refund, later than the one with key `after`."""
        query = (
            select(Task)
            .join(Refund, Refund.process_instance_key == Task.process_instance_key)
            .where(Refund.id == refund_id, Task.element_id == element, Task.state == "open", Task.key > after)
        )

        async def found() -> Task | None:
            async with self.floor.app.database.sessions() as session:
                return (await session.scalars(query)).one_or_none()

        return await self.floor._eventually(found, f"task {element} of refund {refund_id}")

    async def complete(self, task: Task, who: Person, answers: Mapping[str, Any] = YES) -> httpx.Response:
        """Complete a task by our own api."""
        body = {"variables": dict(answers)}
        return await self._patiently(f"/tasks/{task.key}/complete", body, who)

    async def _patiently(self, path: str, body: Any, headers: Person) -> httpx.Response:
        """Again when the database is too busy to answer in time."""
        while True:
            answer = await self.floor.http.post(path, json=body, headers=dict(headers))
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            await asyncio.sleep(0.5)

    async def behind_our_back(self, task: Task, name: str | None, answers: Mapping[str, Any] = YES) -> None:
        """Complete a task at the engine itself, under somebody's name or nobody's."""
        if name is not None:
            await self.floor.app.engine.assign_user_task(task.key, name, allow_override=True)
        await self.floor.app.engine.complete_user_task(task.key, answers)

    async def stands(self, refund_id: str, state: Standing) -> Refund:
        """Wait until the refund stands there."""

        async def there() -> Refund | None:
            refund = await self.refund(refund_id)
            return refund if refund.state == state else None

        return await self.floor._eventually(there, f"refund {refund_id} to be {state}")

    async def refund(self, refund_id: str) -> Refund:
        async def found() -> Refund | None:
            async with self.floor.app.database.sessions() as session:
                return await session.get(Refund, refund_id)

        return await self.floor._eventually(found, f"refund {refund_id}")

    async def reaches(self, refund_id: str, element: str, times: int = 1) -> None:
        """Wait until the refund has been at an element so often."""
        query = (
            select(Record.position)
            .join(Refund, Refund.process_instance_key == Record.process_instance_key)
            .where(Refund.id == refund_id, Record.element_id == element, Record.intent == "ELEMENT_ACTIVATED")
        )

        async def seen() -> bool | None:
            async with self.floor.app.database.sessions() as session:
                return len((await session.execute(query)).all()) >= times or None

        await self.floor._eventually(seen, f"refund {refund_id} to reach {element}")

    async def ends(self, refund_id: str, element: str = "Event_RefundSettled") -> None:
        """Wait until the refund has ended there."""
        await self.reaches(refund_id, element)

    async def voids(self, refund_id: str) -> list[tuple[str | None, str | None]]:
        """Whose answers did not count, and why."""
        query = select(RefundApproval).where(RefundApproval.refund_id == refund_id)
        async with self.floor.app.database.sessions() as session:
            answers = (await session.scalars(query.order_by(RefundApproval.task_key))).all()
        return [(each.person, each.void) for each in answers if each.void]

    async def told(self, kind: str) -> Sequence[TimelineEntry]:
        """Entries of this kind in the order's timeline."""
        return [each for each in await self.floor.app.cases.timeline(self.order_id) if each.kind == kind]

    async def paid_back(self) -> list[int]:
        """The provider's own books: what it was asked to give back of this order, failed ones left out."""
        rows = await self.floor.world.rows(
            select(RefundRow).where(RefundRow.order_id == self.order_id).order_by(RefundRow.number)
        )
        return [row.amount_minor for row in rows if row.state != "failed"]

    async def asked_for(self) -> int:
        """How often the provider was asked for refunds of this order, by its own books."""
        rows = await self.floor.world.rows(select(RefundRow).where(RefundRow.order_id == self.order_id))
        return sum(row.requests for row in rows)

    async def booked(self) -> list[int]:
        """The ledger's own books."""
        return [row.amount_minor for row in await self._postings()]

    async def memos(self) -> list[str]:
        """What the ledger's books say of it."""
        return [row.memo for row in await self._postings()]

    async def _postings(self) -> Sequence[PostingRow]:
        postings = select(PostingRow).where(PostingRow.order_id == self.order_id, PostingRow.account == "REFUNDS")
        return await self.floor.world.rows(postings)

    async def announced(self, name: str) -> int:
        """How often an event was announced about this order."""
        events = select(EventRow).where(
            EventRow.name == name, EventRow.payload["shopify_order_id"].astext == self.order_id
        )
        return len(await self.floor.world.rows(events))

    async def send(self, message: str, **payload: str) -> None:
        """Send the process a message."""
        answer = await self.floor.http.post(
            f"/processes/refund/messages/{message}",
            json=payload,
            headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 202, answer.text


async def paid(floor: Floor, total: str = "119.00", **changes: Any) -> Desk:
    """An order that the customer has paid, and that no process has heard of."""
    order = an_order(total_price=total, **changes)
    await MockShop(floor.world).seed_order(order)
    return Desk(floor, str(order["id"]), int(total.replace(".", "")))
