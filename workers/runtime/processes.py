"""Every process with the ports that it names: from outside, or of ours."""

from dataclasses import dataclass
from datetime import timedelta

from workers import chargeback, escalation, fulfillment, hazard, notice, refund, resolution, tracking, triage
from workers.casefile.answers import Answers
from workers.casefile.approvals import Approvals
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.escalations import Escalations, HazardReports
from workers.casefile.inbox import Bell
from workers.casefile.journal import Journal
from workers.casefile.refunds import Refunds
from workers.casefile.requests import CustomerRequests
from workers.casefile.shipments import Shipments
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.tickets import Tickets
from workers.common import Effects, Handover, Pager, Questions
from workers.ports.analysis import TicketAnalysis
from workers.runtime.jobs import Process
from workers.runtime.links import Links
from workers.runtime.outside import Outside
from workers.runtime.settings import Settings


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


def what_is_inside(
    settings: Settings, database: Database, outside: Outside, links: Links, bell: Bell, analysis: TicketAnalysis
) -> Inside:
    """Nothing connects before it is used."""
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
        pager=inside.pager,
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
        pager=inside.pager,
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


_ALL = (_fulfillment, _tracking, _refund, _chargeback, _triage, _resolution, _escalation, _hazard, _notice)


def every_process(outside: Outside, inside: Inside) -> tuple[Process, ...]:
    """Every process there is; each gets the ports that it names."""
    return tuple(wired(outside, inside) for wired in _ALL)
