"""The jobs of escalation, hazard and notice on ports in memory, with the real journal, books and case file."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from api.people import Role
from tests.api.people import add
from tests.fakes import FakeAds, FakeAlerts, FakeEventBus, FakeHandover, FakeLedger, FakeMailer, FakeShop
from tests.processes.bench import an_order
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.escalation_models import Escalation as Row
from workers.casefile.escalations import Escalations, HazardReports
from workers.casefile.journal import SETTLING, Journal
from workers.casefile.models import Effect, Task
from workers.casefile.record_models import Record
from workers.common import Effects, Pager
from workers.contracts.escalation import Opened
from workers.contracts.hazard import case_of
from workers.contracts.triage import Understood
from workers.escalation import Escalation
from workers.hazard import Hazard
from workers.notice import Notice
from workers.ports.ads import Campaign
from workers.runtime.context import JobContext, enter_job

_numbers = itertools.count(time.time_ns() // 1_000)
URL = "http://shop.example"

SHOCKED = Understood(
    case_id="1",
    intent="refund",
    intents=("refund",),
    confidence=0.9,
    anger=80,
    language="en",
    safety=True,
    hazard="shock",
    product="LAMP-1",
    damaged=False,
    shopify_order_id="1",
    order_known=True,
    claim_amount=8_000,
    currency="EUR",
    refunded_before=False,
)
"""What triage finds, as far as escalation asks."""


class EscalationBench:
    """A ticket about one order, a product that is advertised, and everything that the jobs touch."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.instance = next(_numbers)
        self.ticket_id = f"chat-{self.instance}"
        self.product = f"MASSAGER-{self.instance}"
        self.case_id = case_of(self.product)
        self.order = an_order()
        self.shop, self.alerts, self.events = FakeShop(self.order), FakeAlerts(), FakeEventBus()
        running = Campaign("c1", "spring", self.product, running=True)
        self.ads = FakeAds(running, Campaign("c2", "by people", self.product, running=False))
        self.handover = FakeHandover()
        self.cases, self.reports = Cases(database), HazardReports(database)
        self.escalations = Escalations(database)
        journal = Journal(database)
        pager = Pager(journal, self.alerts)
        effects = Effects(journal, FakeMailer(), self.events, FakeLedger())
        shared: dict[str, Any] = {
            "pager": pager,
            "effects": effects,
            "cases": self.cases,
            "escalations": self.escalations,
            "reports": self.reports,
            "handover": self.handover,
            "public_url": URL,
        }
        self.analysed: list[tuple[object, ...]] = []
        self.understood = SHOCKED
        self.jobs = Escalation(**shared, analyse=self._analyse, time_zone="Europe/Lisbon")
        self.hazard = Hazard(**shared, ads=self.ads, shop=self.shop, journal=journal)
        self.notice = Notice(
            pager=pager, effects=effects, cases=self.cases, escalations=self.escalations, reports=self.reports
        )
        self.enter()

    def enter(self, instance: int | None = None, element: int = 0) -> None:
        """Be at a job of this instance, or of another one."""
        enter_job(
            JobContext("escalation", instance or self.instance, element, 1, "escalation.job", "Task", "trace")
        )

    async def open(self, **more: Any) -> Opened:
        """The first job."""
        facts = {"why": "Somebody may be harmed", "priority": "urgent", "context": "Ada (85/100)", **more}
        return await self.jobs.open_escalation(self.ticket_id, **facts)

    async def report(self, hazard: str = "burn", days_ago: int = 0, order_id: str | None = None) -> None:
        """Another ticket reports the product."""
        ticket = f"chat-{next(_numbers)}"
        at = datetime.now(UTC) - timedelta(days=days_ago)
        await self.jobs.report_hazard(ticket, hazard, self.product, at.isoformat(), order_id)

    async def count(self, hazard: str = "burn", days: int = 30) -> tuple[int, int]:
        """How many there are, and of which episode."""
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat() + "[GMT]"
        counted = await self.hazard.count_reports(self.case_id, self.product, hazard, since)
        return counted.reports, counted.episode

    async def _analyse(self, *about: object) -> Understood:
        self.analysed.append(about)
        return self.understood

    async def somebody(self, *roles: Role) -> str:
        return await add(self.database, *roles)

    async def row(self) -> Row:
        """The escalation in our books."""
        async with self.database.sessions() as session:
            return (await session.scalars(select(Row).where(Row.ticket_id == self.ticket_id))).one()

    async def task_opens(self, element: str, assignee: str | None = None) -> None:
        """The engine tells of a task."""
        values = {
            "key": next(_numbers),
            "process": "escalation",
            "process_instance_key": self.instance,
            "element_id": element,
            "state": "open",
            "assignee": assignee,
            "candidate_groups": ["support"],
            "priority": 80,
            "created_at": datetime.now(UTC),
        }
        async with self.database.transaction() as session:
            await session.execute(insert(Task).values(values))

    async def completes(self, element: str, who: str | None, **answers: Any) -> None:
        """The engine tells who completed a task, and with what, and that the instance is at its next element."""
        facts = {"assignee": who or "", "userTaskKey": next(_numbers), "variables": answers}
        await self._record("USER_TASK", "COMPLETED", element, facts)
        await self.arrive()

    async def arrive(self) -> None:
        """The engine tells that the instance is at another element: that of the next job."""
        self.element = await self._record("PROCESS_INSTANCE", "ELEMENT_ACTIVATED", "Task", {})
        self.enter(element=self.element)

    async def _record(self, value_type: str, intent: str, element: str, facts: dict[str, Any]) -> int:
        """Gives its key."""
        position = next(_numbers)
        values = {
            "partition": 1,
            "position": position,
            "happened_at": datetime.now(UTC),
            "value_type": value_type,
            "intent": intent,
            "key": position,
            "process_instance_key": self.instance,
            "process": "escalation",
            "element_id": element,
            "facts": facts,
        }
        async with self.database.transaction() as session:
            await session.execute(insert(Record).values(values))
        return position

    async def let_settle(self) -> None:
        """So much time goes by that no provider can be at an effect any more."""
        async with self.database.transaction() as session:
            mine = update(Effect).where(Effect.case_id.in_((self.ticket_id, self.case_id)))
            await session.execute(mine.values(intended_at=Effect.intended_at - SETTLING))

    def outside(self) -> list[Any]:
        """Everything in the outside world's books."""
        return [
            *self.alerts.pushes.values(),
            *self.alerts.posts.values(),
            *self.events.events.values(),
            *[campaign for campaign in self.ads.campaigns.values() if campaign.paused_by],
        ]

    async def sentences(self, case_id: str = "") -> list[str]:
        """What a case's timeline says, the ticket's own unless another is named."""
        return [entry.sentence for entry in await self.cases.timeline(case_id or self.ticket_id)]
