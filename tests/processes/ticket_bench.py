"""The jobs of triage and resolution on ports in memory, with the real journal, case file and books of tickets."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from tests.fakes import FakeAlerts, FakeEventBus, FakeHelpdesk, FakeLedger, FakeMailer, FakeShop
from tests.fakes.analysis import FakeAnalysis
from tests.fakes.faults import Faults
from tests.processes.bench import an_order
from workers.adapters.template_replies import TemplateReplies
from workers.casefile.answers import Answers
from workers.casefile.business_hours import ALWAYS, BusinessHours
from workers.casefile.cases import Cases, Entry
from workers.casefile.db import Database
from workers.casefile.finding_models import TicketAnswer
from workers.casefile.journal import SETTLING, Journal
from workers.casefile.models import Effect, TimelineEntry
from workers.casefile.record_models import Record
from workers.casefile.refund_models import Refund
from workers.casefile.refunds import Refunds
from workers.casefile.shipments import Shipments
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.common import Effects, Pager
from workers.contracts.triage import Understood
from workers.ports.analysis import Analysis, Intent, Ticket
from workers.ports.replies import ReplyFacts
from workers.resolution import Resolution
from workers.runtime.context import JobContext, enter_job
from workers.triage import Triage

_numbers = itertools.count(uuid4().int % 10**15)
NORMAL = {"priority": "normal", "queue": "support", "first_response": 240, "update": 480, "resolution": 1440}


def nobody(_bench: Any) -> Faults:
    raise AssertionError("this job calls nobody")


@dataclass(frozen=True)
class Promise:
    """One job as the engine calls it; whom it calls, if anybody, and whether that changes anything there."""

    call: Callable[["TicketBench"], Awaitable[Any]]
    other_side: Callable[["TicketBench"], Faults] = nobody
    method: str = ""
    acts: bool = True


class LoudReplies(TemplateReplies):
    """Says what a test wants, as a language model might."""

    says: str | None = None

    async def draft(self, facts: ReplyFacts) -> str:
        return self.says or await super().draft(facts)


class SameLanguage(FakeAnalysis):
    """As the fake, in English whatever is written."""

    async def analyse(self, ticket: Ticket) -> Analysis:
        found = await super().analyse(ticket)
        return replace(found, order_numbers=self.numbers)

    numbers: tuple[str, ...] = ()


class TicketBench:
    """A customer with one order and one ticket, and everything that the jobs touch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        number = next(_numbers)
        self.order = replace(an_order(), email=f"ada-{number}@example.com")
        self.ticket_id = f"api-b{number}"
        self.shop = FakeShop(self.order)
        self.helpdesk = FakeHelpdesk()
        self.alerts = FakeAlerts()
        self.events = FakeEventBus()
        self.analysis = SameLanguage(Intent.TRACKING)
        self.replies = LoudReplies()
        self.cases = Cases(database)
        self.tickets = Tickets(database)
        self.findings = Findings(database)
        self.clocks = TicketClocks(database, BusinessHours(ZoneInfo("UTC"), ALWAYS))
        journal = Journal(database)
        effects = Effects(journal, FakeMailer(), self.events, FakeLedger())
        shipments = Shipments(database)
        self.triage = Triage(
            shop=self.shop,
            helpdesk=self.helpdesk,
            analysis=self.analysis,
            effects=effects,
            cases=self.cases,
            refunds=Refunds(database),
            shipments=shipments,
            tickets=self.tickets,
            findings=self.findings,
            clocks=self.clocks,
        )
        self.resolution = Resolution(
            helpdesk=self.helpdesk,
            replies=self.replies,
            analysis=self.analysis,
            journal=journal,
            effects=effects,
            pager=Pager(journal, self.alerts),
            cases=self.cases,
            shipments=shipments,
            tickets=self.tickets,
            findings=self.findings,
            answers=Answers(database),
            clocks=self.clocks,
        )
        self.number = 0
        self.instance = number
        self.enter()

    def enter(self, element: int = 0) -> None:
        """Be at a job of this ticket's instance."""
        enter_job(JobContext("resolution", self.instance, element, 1, "resolution.x", "Task_X", "trace"))

    @property
    def case_id(self) -> str:
        return self.order.id

    async def write(self, text: str = "Where is my order?", **changes: Any) -> int:
        """The customer writes; gives the message's number."""
        message_id = f"m-{next(_numbers)}"
        written = Written(self.ticket_id, message_id, Channel.API, self.order.email, "Ada", "", text)
        self.number = (await self.tickets.take(replace(written, **changes))).number
        return self.number

    async def analyse(self, **more: Any) -> Understood:
        return await self.triage.analyse_messages(self.ticket_id, self.number, **more)

    async def looked_at(self) -> Understood:
        """As far as resolution finds a ticket."""
        understood = await self.analyse()
        await self.triage.write_context(self.ticket_id, self.number, self.case_id, NORMAL)
        return understood

    async def sent(self, number: str = "JD014600003SE") -> None:
        """A parcel of the order is on its way."""
        facts = {"carrier": "dhl", "tracking_number": number}
        await self.cases.write(Entry(self.case_id, f"sent:{number}", "parcel_sent", "On its way", facts))

    async def refund(self, **changes: Any) -> None:
        """Somebody asked for a part of what the order cost; it stands where `changes` say."""
        facts = {"currency": "EUR", "requested_minor": 500, "amount_minor": 500, "reason": "goodwill"}
        about = {"id": f"r-{next(_numbers)}", "case_id": self.order.id, "charge_id": "ch_1"}
        async with self._database.transaction() as session:
            session.add(Refund(**about, **facts, requested_by="person:kim", **changes))

    async def completed(self, name: str | None = "kim") -> None:
        """The engine has told who completed *Answer ticket*, and that the instance is at its next job."""
        facts = {"assignee": name} if name else {}
        await self._record("USER_TASK", "COMPLETED", "Task_AnswerTicket", facts)
        self.enter(await self._record("PROCESS_INSTANCE", "ELEMENT_ACTIVATED", "Task_X", {}))

    async def _record(self, value_type: str, intent: str, element: str, facts: dict[str, str]) -> int:
        """Gives its key."""
        position = next(_numbers)
        record = Record(
            partition=1,
            position=position,
            happened_at=datetime.now(UTC),
            value_type=value_type,
            intent=intent,
            key=position,
            process_instance_key=self.instance,
            process="resolution",
            element_id=element,
            element_type="TASK",
            facts=facts,
        )
        async with self._database.transaction() as session:
            session.add(record)
        return position

    async def decisions(self) -> list[tuple[str, str, str]]:
        """Route, who and what."""
        mine = select(TicketAnswer).where(TicketAnswer.ticket_id == self.ticket_id).order_by(TicketAnswer.at)
        async with self._database.sessions() as session:
            return [(row.route, row.decided_by, row.decision) for row in await session.scalars(mine)]

    async def due(self, **later: float) -> str | None:
        """Which clock, if any, is overdue so much later."""
        standing = await self.clocks.standing(self.ticket_id, datetime.now(UTC) + timedelta(**later))
        assert standing is not None
        clocks = {name: getattr(standing, name) for name in ("first_response", "update", "resolution")}
        return next((name for name, reading in clocks.items() if reading.state == "breached"), None)

    async def let_settle(self) -> None:
        """So much time goes by that nobody outside can be at an effect any more."""
        async with self._database.transaction() as session:
            earlier = update(Effect).where(Effect.case_id == self.case_id)
            await session.execute(earlier.values(intended_at=Effect.intended_at - SETTLING))

    def outside(self) -> list[Any]:
        """Everything there is in the outside world's books."""
        books = (self.helpdesk.replies, self.helpdesk.statuses, self.alerts.posts, self.events.events)
        return [each for book in books for each in book.items()]

    async def timeline(self) -> list[TimelineEntry]:
        return await self.cases.timeline(self.case_id)

    async def sentences(self) -> list[str]:
        return [entry.sentence for entry in await self.timeline()]
