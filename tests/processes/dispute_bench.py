"""The jobs of chargeback on ports in memory, with the real journal and case file."""

from datetime import UTC, datetime
from typing import Any

from pydantic import PostgresDsn, SecretStr
from sqlalchemy import select, update

from tests.fakes import FakeAlerts, FakeCarriers, FakeEventBus, FakeLedger, FakeMailer, FakePayments, FakeShop
from tests.processes.bench import an_order
from workers.casefile.cases import Cases, Entry
from workers.casefile.db import Database
from workers.casefile.inbox import Bell
from workers.casefile.journal import SETTLING, Journal
from workers.casefile.models import Effect, InboxRow, TimelineEntry
from workers.casefile.refund_models import Standing
from workers.casefile.refunds import Refunds, Wanted
from workers.chargeback import Chargeback
from workers.common import Effects, Handover, Letters, Pager
from workers.contracts.chargeback import DisputeFacts, Evidence
from workers.ports.carriers import ParcelState
from workers.ports.payments import Charge, Dispute
from workers.ports.values import Money
from workers.runtime.settings import Settings

SETTINGS = Settings(
    database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
    link_secret=SecretStr("links"),
    records_password=SecretStr("records"),
)


class DisputeBench:
    """One paid order, a dispute about it, and everything that the jobs touch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.order = an_order()
        self.id = self.order.id
        self.shop = FakeShop(self.order)
        self.payments = FakePayments()
        self.charge: Charge = self.payments.pay(self.id, self.order.total)
        self.carriers = FakeCarriers()
        self.ledger = FakeLedger()
        self.events = FakeEventBus()
        self.alerts = FakeAlerts()
        self.cases = Cases(database)
        self.refunds = Refunds(database)
        journal = Journal(database)
        self.effects = Effects(journal, FakeMailer(), self.events, self.ledger)
        self.jobs = Chargeback(
            payments=self.payments,
            shop=self.shop,
            carriers=self.carriers,
            journal=journal,
            effects=self.effects,
            pager=Pager(journal, self.alerts),
            cases=self.cases,
            refunds=self.refunds,
            handover=Handover(database, Bell(database), SETTINGS),
        )

    async def claim(self, reason: str = "product_not_received", **how: Any) -> Dispute:
        """A customer's bank claims the payment back."""
        self.dispute = await self.payments.open_dispute(self.charge.id, reason, **how)
        return self.dispute

    async def get_dispute(self) -> DisputeFacts:
        return await self.jobs.get_dispute(self.dispute.id)

    async def collect(self) -> Evidence:
        return await self.jobs.collect_evidence(self.id, self.dispute.id)

    async def submit(self) -> None:
        await self.jobs.submit_evidence(self.id, self.dispute.id)

    async def send_parcel(self, number: str, *places: str) -> None:
        """A parcel is on its way, and delivered when a place is named."""
        facts = {"carrier": "dhl", "tracking_number": number}
        await self.cases.write(Entry(self.id, f"parcel:{number}", "parcel_sent", f"{number} is on its way", facts))
        at = datetime(2026, 3, 4, 9, tzinfo=UTC)
        await self.carriers.scan("dhl", number, ParcelState.IN_TRANSIT, at=at, place="Leipzig")
        for place in places:
            await self.carriers.scan("dhl", number, ParcelState.DELIVERED, at=at.replace(day=6), place=place)

    async def ask_for_refund(self, why: str, charge: Charge | None = None) -> str:
        """A refund of 10.00 is under way; its id."""
        wanted = Wanted(f"{self.id}-{why}", self.id, Money(1_000, "EUR"), why, "process:tracking")
        await self.refunds.enter(wanted, charge or self.charge, {}, None)
        return wanted.id

    async def pay_back(self, why: str) -> str:
        """10.00 went back before, as our books have it; the provider's id of it."""
        refund_id, made = await self.ask_for_refund(why), f"re_{why}"
        await self.move(refund_id, Standing.SETTLED, over=True, provider_refund_id=made)
        return made

    async def move(self, refund_id: str, state: Standing, **changes: Any) -> None:
        """The refund, until now asked for, stands there."""
        refund = await self.refunds.get(refund_id)
        assert refund is not None
        assert await self.refunds.move(refund, state, out_of=(Standing.REQUESTED,), **changes)

    async def write_to_customer(self, template: str, **values: str) -> None:
        """A mail to the customer, as other processes of ours send it."""
        await self.cases.describe("fulfillment", self.order)
        letters = Letters(self.effects, self.cases)
        await letters.write(self.order.id, f"mail:{self.id}:{template}", template, values, otherwise="nothing")

    async def stop_running_refunds(self) -> None:
        await self.jobs.stop_running_refunds(self.id, self.dispute.id, self.charge.id)

    async def told_to_stop(self) -> list[str]:
        """Refunds that the inbox has a `refund_stopped` for."""
        stopped = select(InboxRow).where(
            InboxRow.message_name == "refund_stopped", InboxRow.correlation_key.startswith(self.id)
        )
        async with self._database.sessions() as session:
            return sorted(row.correlation_key for row in await session.scalars(stopped))

    async def let_settle(self) -> None:
        """So much time goes by that no provider can be at an effect of this order any more."""
        async with self._database.transaction() as session:
            earlier = update(Effect).where(Effect.case_id == self.id)
            await session.execute(earlier.values(intended_at=Effect.intended_at - SETTLING))

    def outside(self) -> list[Any]:
        """Everything there is in the outside world's books because of the dispute."""
        dispute = self.payments.disputes[self.dispute.id]
        answered = [dispute] if dispute.state != self.dispute.state else []
        return [*answered, *self.ledger.postings.values(), *self.events.events.values()]

    async def timeline(self) -> list[TimelineEntry]:
        return await self.cases.timeline(self.id)

    async def sentences(self) -> list[str]:
        """What the case file says happened, oldest first."""
        return [entry.sentence for entry in await self.timeline()]
