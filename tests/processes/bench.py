"""The jobs of the processes on ports in memory, with the real journal and case file."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from time import time
from typing import Any

from pydantic import SecretStr
from sqlalchemy import update

from tests.fakes import (
    FakeAlerts,
    FakeCarriers,
    FakeEventBus,
    FakeHandover,
    FakeLedger,
    FakeMailer,
    FakeShop,
    FakeSuppliers,
)
from tests.fakes.samples import ADDRESS, LINES
from workers.adapters.address_facts import PostalAddresses
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.journal import SETTLING, Journal
from workers.casefile.models import CustomerRequest, Effect
from workers.casefile.requests import CustomerRequests, RequestState, state_of
from workers.common import Effects, Pager, Questions
from workers.fulfillment import Fulfillment
from workers.ports.mail import Mail
from workers.ports.shop import Order
from workers.ports.values import Money
from workers.runtime.links import Link, Links
from workers.tracking import Tracking

_numbers = count(int(time() * 1000))


class Bench:
    """One order in the shop, and everything that its jobs touch."""

    def __init__(self, database: Database, suppliers: FakeSuppliers | None = None) -> None:
        self._database = database
        self.order = an_order()
        self.id = self.order.id
        self.shop = FakeShop(self.order)
        self.suppliers = suppliers or FakeSuppliers()
        self.carriers = FakeCarriers()
        self.ledger = FakeLedger()
        self.mailer = FakeMailer()
        self.events = FakeEventBus()
        self.alerts = FakeAlerts()
        self.handover = FakeHandover()
        self.cases = Cases(database)
        self.requests = CustomerRequests(database)
        self.links = Links(SecretStr("secret of the links"), "http://shop.example")
        journal = Journal(database)
        effects = Effects(journal, self.mailer, self.events, self.ledger)
        self.jobs = Fulfillment(
            shop=self.shop,
            suppliers=self.suppliers,
            addresses=PostalAddresses(),
            journal=journal,
            effects=effects,
            questions=Questions(effects, self.cases, self.requests, self.links),
            cases=self.cases,
            requests=self.requests,
            handover=self.handover,
        )
        self.tracking = Tracking(
            shop=self.shop,
            suppliers=self.suppliers,
            carriers=self.carriers,
            addresses=PostalAddresses(),
            journal=journal,
            effects=effects,
            pager=Pager(journal, self.alerts),
            cases=self.cases,
            handover=self.handover,
        )

    async def change_order(self, **changes: Any) -> None:
        """Let the order be another in the shop, and read it from there."""
        self.order = replace(self.order, **changes)
        self.shop.orders[self.id] = self.order
        await self.jobs.get_order(self.id)

    async def let_settle(self) -> None:
        """So much time goes by that no provider can be at an effect of this order any more."""
        async with self._database.transaction() as session:
            earlier = update(Effect).where(Effect.case_id == self.id)
            await session.execute(earlier.values(intended_at=Effect.intended_at - SETTLING))

    def outside(self) -> list[Any]:
        """Everything there is in the outside world's books because of this order."""
        address = self.shop.orders[self.id].shipping_address
        return [
            *self.suppliers.placed.values(),
            *self.ledger.postings.values(),
            *self.mailer.mails.values(),
            *self.events.events.values(),
            *self.shop.tags.get(self.id, []),
            *self.shop.fulfillments.values(),
            *[parcel for parcel in self.carriers.parcels.values() if parcel.recalled],
            *[shipment for shipment in self.suppliers.shipments.values() if shipment.cancelled],
            *([address] if address != self.order.shipping_address else []),
        ]

    async def timeline(self) -> list[str]:
        """What the case file says happened, oldest first."""
        return [entry.sentence for entry in await self.cases.timeline(self.id)]

    async def state_of(self, request_id: str) -> RequestState:
        """What the page of a request would say."""
        return state_of(await self.request(request_id), datetime.now(UTC))

    async def request(self, request_id: str) -> CustomerRequest:
        """A question to the customer."""
        request = await self.requests.get(request_id)
        assert request is not None
        return request

    def only_mail(self) -> Mail:
        """The one mail that was sent."""
        [mail] = self.mailer.mails.values()
        return mail

    def link_in(self, mail: Mail) -> Link:
        """What the link in a mail opens."""
        return self.links.read(mail.values["link"].rpartition("/")[2])


def an_order() -> Order:
    """Paid and open, with a number of its own."""
    number = str(next(_numbers))
    return Order(
        id=number,
        number=f"#{number}",
        email="ada@example.com",
        created_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        financial_status="paid",
        cancelled_at=None,
        total=Money(4_995, "EUR"),
        lines=LINES,
        shipping_address=replace(ADDRESS, phone="+49 30 1234567"),
    )
