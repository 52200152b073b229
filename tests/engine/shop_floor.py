"""A whole orderops in this process, on a real broker and a real PostgreSQL: what the engine tests act on.

Orders come in through the real webhook, customers and agents answer over HTTP, and what happened is read from the
engine's own records and from the books of the mocked outside world.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import orjson
import uvicorn
from sqlalchemy import select

from api.main import create_app, create_bridge
from tests.engine.orders import an_order
from workers.adapters.mock_behaviour import misbehave
from workers.adapters.mock_books import EventRow, MailRow, PostingRow, RefundRow, SupplierOrderRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.casefile import migrate
from workers.casefile.models import Case, Incident, Task
from workers.casefile.record_models import Instance, Record
from workers.common import Handover
from workers.ports.carriers import ParcelState, Scan
from workers.runtime import bootstrap
from workers.runtime.bootstrap import Assembled
from workers.runtime.deploy import deploy
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.settings import Settings

Found = TypeVar("Found")
SECRET, TOKEN = "shop-secret", "api-token"  # known to this session's own api only
SUPPLIERS = ("aliexpress", "cj", "local")


@dataclass
class Floor:
    """One orderops with its outside world."""

    app: Assembled
    world: MockWorld
    http: httpx.AsyncClient
    management_url: str
    host: Host
    travelled: timedelta = field(default_factory=timedelta)
    secret: str = SECRET
    """Signs webhooks."""
    token: str = TOKEN
    """Of a program that may do everything."""
    patience: float = 30
    """Seconds that are waited for what happens in the engine."""

    async def pay(self, order: dict[str, Any], times: int = 1, **headers: str) -> str:
        """Put the order into the shop and deliver its webhook so many times at once; returns the case id."""
        await MockShop(self.world).seed_order(order)
        answers = await asyncio.gather(*(self.deliver("orders-paid", order, **headers) for _ in range(times)))
        assert [answer.status_code for answer in answers] == [200] * times, answers[0].text
        return str(order["id"])

    async def deliver(self, topic: str, body: dict[str, Any], **more: str) -> httpx.Response:
        """Deliver a signed webhook."""
        raw = orjson.dumps(body)
        digest = hmac.new(self.secret.encode(), raw, hashlib.sha256).digest()
        headers = {
            "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
            "Content-Type": "application/json",
            **more,
        }
        return await self.http.post(f"/webhooks/shopify/{topic}", content=raw, headers=headers)

    async def cancel(self, case_id: str) -> None:
        """Let the customer cancel, as the shop's webhook tells it."""
        body = an_order(id=int(case_id), cancelled_at="2026-03-02T10:00:00Z")
        answer = await self.deliver("orders-cancelled", body)
        assert answer.status_code == 200, answer.text

    async def misbehave(self, operation: str, kind: str, *targets: str, **how: Any) -> None:
        """Make calls about all of `targets` misbehave."""
        await misbehave(self.world, operation, kind, *targets, **how)

    async def sold_out(self, case_id: str, *suppliers: str, times: int | None = None) -> None:
        """Let these suppliers (all, if none is named) have nothing for this order."""
        for supplier in suppliers or SUPPLIERS:
            await self.misbehave("supplier.get_offers", "out_of_stock", case_id, supplier, times=times)

    async def travel(self, **how_far: float) -> None:
        """Let the outside world's time and the engine's pass; timers that become due fire."""
        step = timedelta(**how_far)
        await self.world.pass_time(step)
        await self._move_engine(step)
        self.travelled += step

    async def catch_up(self) -> None:
        """Put the engine where it was in time: a broker that was killed has forgotten."""
        await self._move_engine(self.travelled)

    async def _move_engine(self, step: timedelta) -> None:
        milliseconds = int(step.total_seconds() * 1000)
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.management_url}/actuator/clock/add", json={"offsetMilli": milliseconds}
            )
        answer.raise_for_status()

    async def until(self, case_id: str, element: str, intent: str = "ELEMENT_ACTIVATED", times: int = 1) -> None:
        """Wait until the engine said so often that the element was entered (or left) in this case."""
        query = (
            select(Record.position)
            .join(Instance, Instance.key == Record.process_instance_key)
            .where(Instance.case_id == case_id, Record.element_id == element, Record.intent == intent)
        )

        async def seen() -> bool | None:
            async with self.app.database.sessions() as session:
                return len((await session.execute(query)).all()) >= times or None

        await self._eventually(seen, f"{element} {intent} in case {case_id}")

    async def ends(self, case_id: str, process: str | None = "fulfillment") -> str:
        """Wait for the end of the newest instance of a process, or of the whole case; return how it ended."""
        newest = (
            select(Instance.state, Instance.outcome)
            .where(Instance.case_id == case_id, Instance.process == process)
            .order_by(Instance.started_at.desc(), Instance.key.desc())
            .limit(1)
        )
        of_case = select(Case.state, Case.outcome).where(Case.id == case_id)

        async def closed() -> str | None:
            async with self.app.database.sessions() as session:
                found = (await session.execute(newest if process else of_case)).one_or_none()
            return found.outcome if found is not None and found.state == "done" else None

        return await self._eventually(closed, f"the end of {process or 'all'} of case {case_id}")

    async def task(self, case_id: str, element: str) -> Task:
        """Wait for an open user task of the case."""
        query = (
            select(Task)
            .join(Instance, Instance.key == Task.process_instance_key)
            .where(Instance.case_id == case_id, Task.element_id == element, Task.state == "open")
        )

        async def found() -> Task | None:
            async with self.app.database.sessions() as session:
                return (await session.scalars(query)).one_or_none()

        return await self._eventually(found, f"task {element} of case {case_id}")

    async def incident(self, case_id: str, after: int = 0) -> Incident:
        """Wait for an unresolved incident of the case, later than the one with key `after`."""
        query = (
            select(Incident)
            .join(Instance, Instance.key == Incident.process_instance_key)
            .where(Instance.case_id == case_id, Incident.resolved_at.is_(None), Incident.key > after)
        )

        async def found() -> Incident | None:
            async with self.app.database.sessions() as session:
                return (await session.scalars(query)).one_or_none()

        return await self._eventually(found, f"an incident of case {case_id}")

    async def complete(self, task: Task, variables: dict[str, Any]) -> httpx.Response:
        """Complete a user task as an agent's program does."""
        return await self.http.post(
            f"/tasks/{task.key}/complete",
            json={"variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    async def link_in_mail(self, case_id: str, template: str) -> str:
        """Wait for a mail to the customer and return the path of its link."""

        async def found() -> str | None:
            mails = await self.mails(case_id, template)
            return mails[-1].links[0] if mails else None

        link = await self._eventually(found, f"mail {template} of case {case_id}")
        return httpx.URL(link).raw_path.decode()

    async def mails(self, case_id: str, template: str) -> Sequence[MailRow]:
        """Mails the customer got."""
        query = select(MailRow).where(MailRow.order_id == case_id, MailRow.template == template)
        return await self.world.rows(query.order_by(MailRow.number))

    async def bought(self, case_id: str) -> Sequence[SupplierOrderRow]:
        """The suppliers' own books for this order."""
        return await self.world.rows(
            select(SupplierOrderRow).where(SupplierOrderRow.reference == f"orderops-{case_id}")
        )

    async def ship(self, case_id: str, number: str, *, carrier: str = "dhl", complete: bool = True) -> None:
        """Let the supplier hand a parcel of this order over to a carrier; nobody is told."""
        [order] = await self.bought(case_id)
        suppliers = MockSuppliers(self.world)
        await suppliers.ship(order.supplier, order.reference, number, carrier, complete=complete)

    async def scan(self, number: str, state: ParcelState, *, carrier: str = "dhl", **seen: Any) -> Scan:
        """Let a carrier see a parcel, now by the outside world's clock; nobody is told."""
        return await MockCarriers(self.world).scan(carrier, number, state, **seen)

    @property
    def handover(self) -> Handover:
        """By which processes of ours tell each other something."""
        return Handover(self.app.database, self.app.bell, self.app.settings)

    @property
    def bank(self) -> MockPayments:
        """The payment provider, and what banks do."""
        return MockPayments(self.world)

    async def refunded(self, case_id: str) -> Sequence[RefundRow]:
        """The payment provider's own books of what was given back for this order."""
        query = select(RefundRow).where(RefundRow.order_id == case_id)
        return await self.world.rows(query.order_by(RefundRow.number))

    async def booked(self, case_id: str) -> Sequence[PostingRow]:
        """The ledger's postings for this order."""
        return await self.world.rows(select(PostingRow).where(PostingRow.order_id == case_id))

    async def events(self, case_id: str) -> list[str]:
        """Names of the events announced about this order, in their order."""
        query = select(EventRow).where(EventRow.payload["shopify_order_id"].astext == case_id)
        return [event.name for event in await self.world.rows(query.order_by(EventRow.number))]

    async def _eventually(
        self, look: Callable[[], Awaitable[Found | None]], what: str, seconds: float | None = None
    ) -> Found:
        seconds = seconds or self.patience
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(0.03)
        raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


@asynccontextmanager
async def opened(settings: Settings, api_url: str, management_url: str) -> AsyncIterator[Floor]:
    """Migrate, serve api, bridge and workers in this process, and deploy; all ends with the block."""
    url = str(settings.database_url)
    await asyncio.to_thread(migrate.upgrade, url)
    stop = asyncio.Event()
    async with MockWorld(url) as world, bootstrap.assemble(settings) as app:
        servers = [
            uvicorn.Server(uvicorn.Config(program, host=host, port=port, log_level="warning"))
            for program, host, port in (
                (create_app(app), settings.api_host, settings.api_port),
                (create_bridge(app), settings.bridge_host, settings.bridge_port),
            )
        ]
        serving = asyncio.gather(*(server.serve() for server in servers))
        await deploy(app.engine, app.processes)
        host = Host([job for process in app.processes for job in process.jobs], GrpcJobGateway(app.engine.channel))
        working = asyncio.create_task(host.run(stop))
        limits = httpx.Limits(keepalive_expiry=2)  # before the server's own five seconds are over
        async with httpx.AsyncClient(base_url=api_url, limits=limits) as http:
            yield Floor(app, world, http, management_url, host)
        stop.set()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(working, serving)
