"""The one place that wires everything together. Nothing connects before it is used."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from workers import chargeback, escalation, fulfillment, hazard, notice, refund, resolution, tracking, triage
from workers.adapters.mock_world import MockWorld
from workers.casefile.answers import Answers
from workers.casefile.approvals import Approvals
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.escalations import Escalations, HazardReports
from workers.casefile.inbox import Bell
from workers.casefile.journal import Journal
from workers.casefile.records import Projection
from workers.casefile.refunds import Refunds
from workers.casefile.requests import CustomerRequests
from workers.casefile.sealing import Seals
from workers.casefile.shipments import Shipments
from workers.casefile.sla_board import SlaBoard
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.tickets import Tickets
from workers.common import Effects, Handover, Pager, Questions
from workers.ports.analysis import TicketAnalysis
from workers.ports.certificates import CertificateStore
from workers.ports.payments import Payments
from workers.runtime.board_keeper import BoardKeeper
from workers.runtime.collectors import Books
from workers.runtime.engine import Engine
from workers.runtime.health import CHECK_SECONDS, Check
from workers.runtime.jobs import Process
from workers.runtime.links import Links
from workers.runtime.outside import Outside, mocked_outside, ticket_analysis, with_gates
from workers.runtime.relay import Relay
from workers.runtime.sealer import Sealer
from workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Assembled:
    """Everything that an api or a worker process runs on."""

    settings: Settings
    database: Database
    engine: Engine
    processes: tuple[Process, ...]
    cases: Cases
    requests: CustomerRequests
    links: Links
    projection: Projection
    bell: Bell
    relay: Relay
    sealer: Sealer
    keeper: BoardKeeper
    books: Books
    payments: Payments
    certificates: CertificateStore
    analysis: TicketAnalysis
    clocks: TicketClocks

    @property
    def checks(self) -> Mapping[str, Check]:
        """What a process needs to work, by name, and how to ask whether it answers."""
        return {"database": self._database_answers, "engine": self._engine_answers}

    async def _database_answers(self) -> bool:
        await self.database.ping()
        return True

    async def _engine_answers(self) -> bool:
        return (await self.engine.topology(within=timedelta(seconds=CHECK_SECONDS))).ready


@dataclass(frozen=True, slots=True)
class Inside:
    """What processes have of ours, beside the outside world."""

    journal: Journal
    effects: Effects
    cases: Cases
    requests: CustomerRequests
    questions: Questions
    handover: Handover
    pager: Pager
    refunds: Refunds
    escalations: Escalations
    reports: HazardReports
    public_url: str
    approvals: Approvals
    analysis: TicketAnalysis
    shipments: Shipments
    tickets: Tickets
    findings: Findings
    answers: Answers
    clocks: TicketClocks


def _inside(
    settings: Settings, database: Database, outside: Outside, links: Links, bell: Bell, analysis: TicketAnalysis
) -> Inside:
    journal = Journal(database, timedelta(seconds=settings.settling_seconds))
    effects = Effects(journal, outside.mailer, outside.events, outside.ledger)
    cases, requests = Cases(database), CustomerRequests(database)
    return Inside(
        journal=journal,
        effects=effects,
        cases=cases,
        requests=requests,
        questions=Questions(effects, cases, requests, links),
        handover=Handover(database, bell, settings),
        pager=Pager(journal, outside.alerts),
        refunds=Refunds(database),
        escalations=Escalations(database),
        reports=HazardReports(database),
        public_url=settings.public_url,
        approvals=Approvals(database),
        analysis=analysis,
        shipments=Shipments(database),
        tickets=Tickets(database),
        findings=Findings(database),
        answers=Answers(database),
        clocks=TicketClocks(database, settings.business_hours()),
    )


def _fulfillment(outside: Outside, inside: Inside) -> Process:
    jobs = fulfillment.Fulfillment(
        shop=outside.shop,
        suppliers=outside.suppliers,
        addresses=outside.addresses,
        journal=inside.journal,
        effects=inside.effects,
        questions=inside.questions,
        cases=inside.cases,
        requests=inside.requests,
        handover=inside.handover,
    )
    return fulfillment.registration(jobs)


def _tracking(outside: Outside, inside: Inside) -> Process:
    jobs = tracking.Tracking(
        shop=outside.shop,
        suppliers=outside.suppliers,
        carriers=outside.carriers,
        addresses=outside.addresses,
        journal=inside.journal,
        effects=inside.effects,
        pager=inside.pager,
        cases=inside.cases,
        handover=inside.handover,
    )
    return tracking.registration(jobs)


def _refund(outside: Outside, inside: Inside) -> Process:
    jobs = refund.RefundJobs(
        shop=outside.shop,
        payments=outside.payments,
        journal=inside.journal,
        effects=inside.effects,
        pager=Pager(inside.journal, outside.alerts),
        cases=inside.cases,
        refunds=inside.refunds,
        approvals=inside.approvals,
    )
    return refund.registration(jobs)


def _chargeback(outside: Outside, inside: Inside) -> Process:
    jobs = chargeback.Chargeback(
        payments=outside.payments,
        shop=outside.shop,
        carriers=outside.carriers,
        journal=inside.journal,
        effects=inside.effects,
        pager=Pager(inside.journal, outside.alerts),
        cases=inside.cases,
        refunds=inside.refunds,
        handover=inside.handover,
    )
    return chargeback.registration(jobs)


def _escalation(outside: Outside, inside: Inside) -> Process:
    jobs = escalation.Escalation(
        pager=inside.pager,
        effects=inside.effects,
        cases=inside.cases,
        escalations=inside.escalations,
        reports=inside.reports,
        handover=inside.handover,
        analyse=_triage_jobs(outside, inside).analyse_messages,
        public_url=inside.public_url,
        time_zone=inside.clocks.time_zone,
    )
    return escalation.registration(jobs)


def _hazard(outside: Outside, inside: Inside) -> Process:
    jobs = hazard.Hazard(
        ads=outside.ads,
        shop=outside.shop,
        pager=inside.pager,
        journal=inside.journal,
        effects=inside.effects,
        cases=inside.cases,
        escalations=inside.escalations,
        reports=inside.reports,
        handover=inside.handover,
        public_url=inside.public_url,
    )
    return hazard.registration(jobs)


def _notice(_outside: Outside, inside: Inside) -> Process:
    jobs = notice.Notice(
        pager=inside.pager,
        effects=inside.effects,
        cases=inside.cases,
        escalations=inside.escalations,
        reports=inside.reports,
    )
    return notice.registration(jobs)


def _triage_jobs(outside: Outside, inside: Inside) -> triage.Triage:
    return triage.Triage(
        shop=outside.shop,
        helpdesk=outside.helpdesk,
        analysis=inside.analysis,
        effects=inside.effects,
        cases=inside.cases,
        refunds=inside.refunds,
        shipments=inside.shipments,
        tickets=inside.tickets,
        findings=inside.findings,
        clocks=inside.clocks,
    )


def _triage(outside: Outside, inside: Inside) -> Process:
    return triage.registration(_triage_jobs(outside, inside))


def _resolution(outside: Outside, inside: Inside) -> Process:
    jobs = resolution.Resolution(
        helpdesk=outside.helpdesk,
        replies=outside.replies,
        analysis=inside.analysis,
        journal=inside.journal,
        effects=inside.effects,
        pager=inside.pager,
        cases=inside.cases,
        shipments=inside.shipments,
        tickets=inside.tickets,
        findings=inside.findings,
        answers=inside.answers,
        clocks=inside.clocks,
    )
    return resolution.registration(jobs)


PROCESSES = (_fulfillment, _tracking, _refund, _chargeback, _triage, _resolution, _escalation, _hazard, _notice)
"""Every process there is; each gets the ports that it names."""


@asynccontextmanager
async def assemble(settings: Settings, outside: Outside | None = None) -> AsyncIterator[Assembled]:
    """Wire everything from the settings; `outside` replaces the mocked world. Closes what it opened."""
    async with AsyncExitStack() as stack:
        url = str(settings.database_url)
        database, own = Database(url, settings.database_pool), Database(url, pool=1)
        stack.push_async_callback(database.close)
        stack.push_async_callback(own.close)
        if outside is None:
            world = MockWorld(url, pool_size=settings.database_pool)
            stack.push_async_callback(world.close)
            outside = mocked_outside(world)
        outside = with_gates(outside)
        engine = await stack.enter_async_context(Engine(settings.zeebe_grpc, settings.zeebe_rest))
        links, bell = Links(settings.link_secret, settings.public_url), Bell(database)
        analysis = outside.analysis
        if analysis is None:
            analysis = await stack.enter_async_context(ticket_analysis(settings))
        inside = _inside(settings, database, outside, links, bell, analysis)
        processes = tuple(wired(outside, inside) for wired in PROCESSES)
        yield Assembled(
            settings=settings,
            database=database,
            engine=engine,
            processes=processes,
            cases=inside.cases,
            requests=inside.requests,
            links=links,
            projection=Projection(database, {process.id: process.outcomes for process in processes}),
            bell=bell,
            relay=Relay(database, engine),
            sealer=Sealer(Seals(database), settings.audit_anchors),
            keeper=BoardKeeper(SlaBoard(database, settings.business_hours())),
            books=Books(database, own),
            payments=outside.payments,
            certificates=outside.certificates,
            analysis=analysis,
            clocks=inside.clocks,
        )
