"""Triage: who writes, about what, how urgent it is; and the ticket's life until it is closed for good.

The way is in bpmn/triage.bpmn, the rule of priorities in the decision table beside it; each method is one job.
What customers write is data: it is read by the analysis and shown as text, and decides nothing by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.casefile.cases import Cases, Entry
from workers.casefile.claims import Claim, articles_of, claim_of
from workers.casefile.refunds import Refunds
from workers.casefile.shipments import Shipments
from workers.casefile.sla import Happened, Priority, Standing, Targets
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.ticket_models import Author, Ticket, TicketMessage
from workers.casefile.ticket_words import context, mood
from workers.casefile.tickets import Tickets
from workers.common import Effects
from workers.contracts.triage import (
    MESSAGES,
    OUTCOMES,
    Closed,
    Context,
    Customer,
    Errors,
    History,
    Understood,
)
from workers.ports import analysis as port
from workers.ports.analysis import Analysis, TicketAnalysis
from workers.ports.events import Event
from workers.ports.helpdesk import Helpdesk, TicketStatus
from workers.ports.shop import Order, Shop
from workers.runtime.errors import NeedsHuman
from workers.runtime.jobs import Job, Process

LIKELY = 0.3
"""From this confidence on, something counts among what a customer may want."""


class Triage:
    """The jobs of bpmn/triage.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        shop: Shop,
        helpdesk: Helpdesk,
        analysis: TicketAnalysis,
        effects: Effects,
        cases: Cases,
        refunds: Refunds,
        shipments: Shipments,
        tickets: Tickets,
        findings: Findings,
        clocks: TicketClocks,
    ) -> None:
        self._shop = shop
        self._helpdesk = helpdesk
        self._analysis = analysis
        self._effects = effects
        self._cases = cases
        self._refunds = refunds
        self._shipments = shipments
        self._tickets = tickets
        self._findings = findings
        self._clocks = clocks

    async def get_history(self, ticket_id: str) -> History:
        """Ask the helpdesk, and our own books, what the customer wrote about before. Natural."""
        ticket = await self._ticket(ticket_id)
        if not ticket.customer_email:
            return History(0)
        theirs = {past.id for past in await self._helpdesk.history(ticket.customer_email)}
        ours = {past.id for past in await self._tickets.of_customer(ticket.customer_email)}
        return History(len((theirs | ours) - {ticket_id}))

    async def get_orders(self, ticket_id: str) -> Customer:
        """Ask the shop who the customer is, and see what of theirs is not sent yet. Natural."""
        orders = await self._orders(await self._ticket(ticket_id))
        if not orders:
            return Customer(None, None, 0)
        still_open = [order.id for order in orders if order.open]
        sent = await self._shipments.of(still_open)
        before = max((order.orders_before or 0 for order in orders), default=0)
        return Customer(
            vip=next((order.vip for order in orders if order.vip is not None), None),
            first_time=len(orders) == 1 and before == 0,
            open_orders=len(set(still_open) - sent.keys()),
        )

    async def analyse_messages(
        self, ticket_id: str, message_number: int, case_id: str | None = None, shopify_order_id: str | None = None
    ) -> Understood:
        """Read what the customer has written that is not answered yet, up to this message.

        What was found, and by which words, is kept once per message. Natural besides: nothing outside changes.
        """
        ticket = await self._ticket(ticket_id)
        orders = await self._orders(ticket)
        text = _unanswered(await self._tickets.messages(ticket_id), message_number)
        found = await self._read(ticket.subject, text, articles_of(orders))
        claim = claim_of(found, orders, shopify_order_id)
        order_id = claim.order.id if claim.order else None
        if claim.order is not None:
            await self._cases.describe("triage", claim.order)
        await self._findings.analysed(ticket_id, message_number, found, claim)
        return Understood(
            case_id=case_id or order_id or ticket_id,
            intent=found.best.intent,
            intents=likely(found),
            confidence=found.best.confidence,
            anger=found.anger.score,
            language=found.language.code,
            safety=found.unsafe,
            hazard=found.safety[0].hazard if found.unsafe else None,
            product=claim.sku,
            damaged=bool(found.damage),
            shopify_order_id=order_id,
            order_known=order_id is not None,
            claim_amount=claim.amount,
            currency=claim.order.total.currency if claim.order else None,
            refunded_before=order_id is not None and await self._refunds.any_of(order_id),
        )

    async def write_context(
        self, ticket_id: str, message_number: int, case_id: str, triage: Mapping[str, Any]
    ) -> Context:
        """Write the sentence for people into the timeline, once per message, and set the clocks.

        `triage` is what the table says. Noting the same on a clock again changes nothing.
        """
        ticket = await self._ticket(ticket_id)
        found, claim = await self._understood(ticket_id, message_number)
        shipment = (
            (await self._shipments.of([claim.order.id])).get(claim.order.id) if claim.order is not None else None
        )
        now = datetime.now(UTC)
        sentence = context(ticket.customer_name, claim, shipment, found, now)
        standing = await self._set_clocks(ticket, message_number, _targets(triage))
        facts = {"ticket_id": ticket_id, "priority": standing.priority, "queue": triage["queue"]}
        key = f"triaged:{ticket_id}:{message_number}"
        await self._cases.write(Entry(case_id, key, "ticket_triaged", f"Ticket {ticket_id}: {sentence}", facts))
        return Context(context("", claim, shipment, found, now), *_due(standing, now))

    async def publish_ticket_triaged(
        self, ticket_id: str, message_number: int, case_id: str, intent: str, anger: int, priority: str
    ) -> None:
        """Announce `ticket_triaged`. Once per message that was looked at."""
        payload = {"ticket_id": ticket_id, "intent": intent, "sentiment": mood(anger), "priority": priority}
        event = Event(f"ticket_triaged:{ticket_id}:{message_number}", "ticket_triaged", payload)
        await self._effects.publish(event, case_id, f"Ticket triaged: {intent}, {mood(anger)}, {priority}")

    async def reopen_ticket(self, ticket_id: str, replied_number: int, case_id: str) -> None:
        """Open it again, here and at the helpdesk, and let its clocks go on. Once per message that reopens it."""
        await self._tickets.reopen(ticket_id)
        await self._clocks.note(ticket_id, f"reopened:{replied_number}", Happened.REOPENED)
        key = f"reopened:{ticket_id}:{replied_number}"
        entry = Entry(case_id, key, "ticket_reopened", f"Ticket {ticket_id} reopened: the customer replied", {})
        await self._effects.change(key, entry, lambda: self._helpdesk.set_status(ticket_id, TicketStatus.OPEN))

    async def close_ticket(self, ticket_id: str, message_number: int, case_id: str) -> Closed:
        """Close it for good unless the customer has written more, which is to be read. Once per ticket."""
        if not await self._tickets.close(ticket_id, message_number):
            return Closed(closed=False, replied_number=await self._tickets.newest(ticket_id))
        await self._clocks.note(ticket_id, "closed", Happened.CLOSED)
        key = f"closed:{ticket_id}"
        entry = Entry(case_id, key, "ticket_closed", f"Ticket {ticket_id} closed", {})
        await self._effects.change(key, entry, lambda: self._helpdesk.set_status(ticket_id, TicketStatus.CLOSED))
        return Closed(closed=True, replied_number=message_number)

    async def _read(self, subject: str, text: str, articles: tuple[port.Article, ...]) -> Analysis:
        """Danger, damage and numbers count wherever they stand; what is wanted says the text, where there is one:
        subjects are often a form's, "Order 1001"."""
        whole = await self._analysis.analyse(port.Ticket(f"{subject}\n\n{text}".strip(), articles))
        if not subject or not text.strip():
            return whole
        return replace(whole, intents=(await self._analysis.analyse(port.Ticket(text, articles))).intents)

    async def _set_clocks(self, ticket: Ticket, message_number: int, targets: Targets) -> Standing:
        note, number = self._clocks.note, message_number
        await note(ticket.id, "opened", Happened.OPENED, targets=targets, at=ticket.opened_at)
        await note(ticket.id, f"wrote:{number}", Happened.CUSTOMER_WROTE)
        standing = await self._clocks.standing(ticket.id)
        if standing is not None and standing.priority != targets.priority:
            await note(ticket.id, f"priority:{number}", Happened.PRIORITY_CHANGED, targets=targets)
            standing = await self._clocks.standing(ticket.id)
        assert standing is not None  # noqa: S101  # it was opened above
        return standing

    async def _understood(self, ticket_id: str, message_number: int) -> tuple[Analysis, Claim]:
        """As it was found, and kept; the claim by the order as it was then."""
        found, order_id = await self._findings.analysis(ticket_id, message_number)
        order = await self._cases.find_order(order_id) if order_id else None
        return found, claim_of(found, (order,) if order else (), order_id)

    async def _orders(self, ticket: Ticket) -> Sequence[Order]:
        return await self._shop.find_orders(ticket.customer_email) if ticket.customer_email else ()

    async def _ticket(self, ticket_id: str) -> Ticket:
        ticket = await self._tickets.get(ticket_id)
        if ticket is None:
            raise NeedsHuman(f"There is no ticket {ticket_id} in our books.")
        return ticket


def _unanswered(messages: Sequence[TicketMessage], upto: int) -> str:
    """What the customer wrote after what our last answer is to; all of it where that is nothing.

    What they wrote before that answer went out, and nobody had read by then, is not answered by it.
    """
    ours = (message.answers or message.id for message in messages if message.author == Author.AGENT)
    answered = max((number for number in ours if number < upto), default=0)
    written = [message for message in messages if message.author == Author.CUSTOMER and message.id <= upto]
    news = [message for message in written if message.id > answered] or written
    return "\n\n".join(message.text for message in news)


def likely(found: Analysis) -> tuple[str, ...]:
    """What the customer may want, the likeliest first."""
    best, *others = found.intents
    return (best.intent, *(other.intent for other in others if other.confidence >= LIKELY))


def _targets(triage: Mapping[str, Any]) -> Targets:
    minutes = {name: timedelta(minutes=triage[name]) for name in ("first_response", "update", "resolution")}
    return Targets(Priority(triage["priority"]), **minutes)


def _due(standing: Standing, now: datetime) -> tuple[str, str]:
    """When the first clock is due, and from when on it is at risk: now, if it is or cannot be any more."""
    readings = (standing.first_response, standing.update, standing.resolution)
    running = [each for each in readings if each.due_at is not None]
    first = min(running, key=lambda each: each.due_at or now, default=None)
    due_at = (first.due_at if first else None) or now
    at_risk = (first.at_risk_from if first else None) or now
    return due_at.isoformat(), min(at_risk, due_at).isoformat()


def registration(jobs: Triage) -> Process:
    """Everything bpmn/triage.bpmn needs of us."""
    return Process(
        id="triage",
        jobs=(
            Job("triage.get_history", jobs.get_history),
            Job("triage.get_orders", jobs.get_orders),
            Job("triage.analyse_messages", jobs.analyse_messages),
            Job("triage.write_context", jobs.write_context),
            Job("triage.publish_ticket_triaged", jobs.publish_ticket_triaged),
            Job("triage.reopen_ticket", jobs.reopen_ticket),
            Job("triage.close_ticket", jobs.close_ticket),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
