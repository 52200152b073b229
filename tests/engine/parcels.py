"""What suppliers, carriers and customers do with one order, and how its tracking ends: for engine tests."""

import asyncio
import hashlib
import hmac
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson
from sqlalchemy import select

from tests.engine.orders import an_order
from tests.engine.shop_floor import SECRET, TOKEN, Floor
from workers.adapters.mock_books import EventRow, FulfillmentRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.casefile.models import InboxRow, Task
from workers.casefile.record_models import Instance, Record
from workers.contracts.tracking import OUTCOMES
from workers.ports.carriers import ParcelState, Scan

CARRIER = "dhl"
PATIENCE_SECONDS = 120
"""Until a tracking has ended: 120 of them at once take a small machine a while."""
_numbers = itertools.count(int(time.time() * 1000))


def a_tracking_number() -> str:
    """One that no other parcel has."""
    return f"JD{next(_numbers)}"


@dataclass
class Ordered:
    """An order that a supplier has."""

    floor: Floor
    case_id: str
    supplier: str
    supplier_order_id: str
    reference: str
    parcels: list[str] = field(default_factory=list)

    async def ships(self, tracking_number: str = "", *, complete: bool = True, told: bool = True) -> str:
        """The supplier hands a parcel over, and says so."""
        number = tracking_number or a_tracking_number()
        await MockSuppliers(self.floor.world).ship(
            self.supplier, self.reference, number, CARRIER, complete=complete
        )
        self.parcels.append(number)
        if told:
            await self.says_shipped(number)
        return number

    async def says_shipped(self, number: str) -> httpx.Response:
        """The supplier's webhook."""
        event = {"event": "shipped", "supplier_order_id": self.supplier_order_id, "tracking_number": number}
        raw, timestamp = orjson.dumps(event), str(int(time.time()))
        digest = hmac.digest(SECRET.encode(), timestamp.encode() + b"." + raw, hashlib.sha256).hex()
        signed = {"X-Orderops-Timestamp": timestamp, "X-Orderops-Signature": digest}
        return await self._post(f"/webhooks/suppliers/{self.supplier}", raw, signed)

    async def scanned(self, number: str, state: ParcelState, *, told: bool = True) -> Scan:
        """The carrier sees a parcel, and says so."""
        at = datetime.now(UTC) + self.floor.travelled  # the engine's time, whatever other tests did to the world's
        scan = await MockCarriers(self.floor.world).scan(CARRIER, number, state, at=at)
        if told:
            await self.says_moved(number, scan)
        return scan

    async def says_moved(self, number: str, scan: Scan) -> httpx.Response:
        """The webhook of the service that watches the carrier."""
        detail = {"status": scan.state, "datetime": scan.at.isoformat(), "message": scan.text}
        tracker = {"tracking_code": number, "carrier": "DHL", "tracking_details": [detail]}
        raw = orjson.dumps({"description": "tracker.updated", "result": tracker})
        digest = hmac.digest(SECRET.encode(), raw, hashlib.sha256).hex()
        signed = {"X-Hmac-Signature": f"hmac-sha256-hex={digest}"}
        return await self._post("/webhooks/carriers/easypost", raw, signed)

    async def _post(self, path: str, raw: bytes, signed: dict[str, str]) -> httpx.Response:
        headers = {"Content-Type": "application/json", **signed}
        answer = await patiently(lambda: self.floor.http.post(path, content=raw, headers=headers))
        assert answer.status_code == 200, answer.text
        return answer

    async def until(self, element: str, intent: str = "ELEMENT_ACTIVATED", times: int = 1) -> None:
        """Wait until its tracking was so often there; all instances of the case count."""
        query = (
            select(Record.position)
            .join(Instance, Instance.key == Record.process_instance_key)
            .where(Instance.case_id == self.case_id, Instance.process == "tracking")
            .where(Record.element_id == element, Record.intent == intent)
        )

        async def seen() -> bool | None:
            async with self.floor.app.database.sessions() as session:
                return len((await session.execute(query)).all()) >= times or None

        await self.floor._eventually(seen, f"{element} {intent} in case {self.case_id}")

    async def untaken(self) -> list[str]:
        """Messages about it that no instance is known to have taken one of the same number of."""
        numbers = (self.supplier_order_id, *self.parcels)
        query = select(InboxRow.message_name).where(
            InboxRow.correlation_key.in_(numbers), InboxRow.matched.is_(False)
        )
        async with self.floor.app.database.sessions() as session:
            return list(await session.scalars(query))

    async def on_the_way(self, *, times: int = 1) -> None:
        """Wait until a parcel is watched."""
        await self.until("Gateway_AwaitScan", times=times)

    async def ends(self, times: int = 1) -> str:
        """How the tracking ended, the last one of so many."""
        return (await self.all_ends(times))[-1]

    async def all_ends(self, times: int) -> list[str]:
        """How so many trackings ended, in the order they did."""
        return [OUTCOMES[end] for end in await self._ends(times)]

    async def _ends(self, times: int) -> list[str]:
        query = (
            select(Record.element_id)
            .join(Instance, Instance.key == Record.process_instance_key)
            .where(Instance.case_id == self.case_id, Instance.process == "tracking")
            .where(Record.element_id.in_(OUTCOMES), Record.intent == "ELEMENT_COMPLETED")
            .order_by(Record.position)
        )

        async def ended() -> list[str] | None:
            async with self.floor.app.database.sessions() as session:
                found = [each for each in await session.scalars(query) if each]
            return found if len(found) >= times else None

        what = f"{times} ends of trackings in case {self.case_id}"
        return await self.floor._eventually(ended, what, PATIENCE_SECONDS)

    async def instances(self) -> int:
        """How many trackings there were."""
        query = select(Instance.key).where(Instance.case_id == self.case_id, Instance.process == "tracking")
        async with self.floor.app.database.sessions() as session:
            return len((await session.execute(query)).all())

    async def announced(self, name: str) -> list[dict[str, Any]]:
        """Payloads of the events of this name about the order."""
        query = select(EventRow).where(
            EventRow.payload["shopify_order_id"].astext == self.case_id, EventRow.name == name
        )
        return [event.payload for event in await self.floor.world.rows(query.order_by(EventRow.number))]

    async def fulfillments(self) -> list[str]:
        """Tracking numbers that the shop knows, each as often as it was created."""
        query = select(FulfillmentRow).where(FulfillmentRow.order_id == self.case_id)
        return [row.tracking_number for row in await self.floor.world.rows(query.order_by(FulfillmentRow.number))]

    async def task(self) -> Task:
        """Wait for the open task on its parcel."""
        query = (
            select(Task)
            .join(Instance, Instance.key == Task.process_instance_key)
            .where(Instance.case_id == self.case_id, Task.state == "open")
            .where(Task.element_id == "Task_DecideOnParcel")
        )

        async def found() -> Task | None:
            async with self.floor.app.database.sessions() as session:
                return (await session.scalars(query)).one_or_none()

        return await self.floor._eventually(found, f"a task of case {self.case_id}")

    async def cancelled_in_shop(self) -> None:
        """The customer cancels."""
        await MockShop(self.floor.world).cancel_order(self.case_id)

    async def shop_cancels(self) -> None:
        """The customer cancels, and the shop says so."""
        await self.cancelled_in_shop()
        await self.floor.cancel(self.case_id)

    async def supplier_gives_up(self) -> None:
        """The supplier will not send (the rest of) it."""
        await MockSuppliers(self.floor.world).cancel_order(self.supplier, self.reference)


async def patiently(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Repeated while the answer is 503, as senders do."""
    for _ in range(60):
        if (answer := await send()).status_code != 503:
            break
        await asyncio.sleep(1)
    return answer


async def tell(floor: Floor, message: str, payload: dict[str, Any]) -> httpx.Response:
    """Send a message of tracking as a program does."""
    return await floor.http.post(
        f"/processes/tracking/messages/{message}",
        json=payload,
        headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": str(uuid4())},
    )


async def ordered(floor: Floor, **changes: Any) -> Ordered:
    """A paid order that a supplier has and whose tracking waits."""
    case_id = await floor.pay(an_order(**changes))
    return await bought(floor, case_id)


async def bought(floor: Floor, case_id: str, *, again: bool = False) -> Ordered:
    """The order as its supplier has it, once its tracking waits for it."""
    reference = f"orderops-{case_id}-reship-1" if again else f"orderops-{case_id}"

    async def found() -> Any:
        timeline = await floor.app.cases.timeline(case_id)
        kind = "reshipped" if again else "supplier_order_placed"
        return next((each.facts for each in timeline if each.kind == kind and "supplier" in each.facts), None)

    facts = await floor._eventually(found, f"the supplier order of case {case_id}")
    order = Ordered(floor, case_id, facts["supplier"], facts["supplier_order_id"], reference)
    await order.until("Gateway_AwaitShipment", times=2 if again else 1)
    return order
