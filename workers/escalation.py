"""Escalation: a ticket that is dangerous or costly wakes people, until one of them has handled it.

The way is in bpmn/escalation.bpmn, whom to wake and how long to wait in the table escalation_chain; each method
here is one job. Of what a customer wrote, only what `context` has of it goes
to a phone: one sentence for people.
"""

from collections.abc import Awaitable, Callable

from workers.casefile.cases import Cases, Entry
from workers.casefile.escalations import Escalations, HazardReports
from workers.casefile.models import Task
from workers.common import Effects, Handover, Pager, recorded
from workers.contracts.escalation import (
    MESSAGES,
    OUTCOMES,
    PROCESS,
    Claim,
    Errors,
    Found,
    Handled,
    How,
    Opened,
    Priority,
)
from workers.contracts.hazard import PROCESS as HAZARD
from workers.contracts.hazard import REPORTED, HazardReported, case_of, moment, one_line
from workers.contracts.triage import Understood
from workers.ports.alerts import Alert, Level, Post
from workers.ports.currencies import describe, exponent
from workers.ports.events import Event
from workers.runtime.context import current_element, current_instance
from workers.runtime.form_text import as_words
from workers.runtime.jobs import Job, Process

TASK = "Task_HandleEscalation"
CHANNEL = "#urgent"
ON_CALL, LEAD = "on-call", "lead"
"""Whom the alerting service wakes, whoever that is today."""

Analyse = Callable[[str, int, str | None, str | None], Awaitable[Understood]]
"""How triage reads a ticket up to a message: ticket, message, case and order."""


class Escalation:
    """The jobs of bpmn/escalation.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        pager: Pager,
        effects: Effects,
        cases: Cases,
        escalations: Escalations,
        reports: HazardReports,
        handover: Handover,
        analyse: Analyse,
        public_url: str,
        time_zone: str,
    ) -> None:
        self._pager = pager
        self._effects = effects
        self._cases = cases
        self._escalations = escalations
        self._reports = reports
        self._handover = handover
        self._analyse = analyse
        self._public_url = public_url.rstrip("/")
        self._time_zone = time_zone

    async def open_escalation(  # what the ticket was escalated with
        self,
        ticket_id: str,
        why: str,
        priority: Priority,
        context: str,
        hazard: str | None = None,
        product: str | None = None,
        shopify_order_id: str | None = None,
    ) -> Opened:
        """Enter it in our books, and the timeline. Once per instance: the same instance is the same escalation."""
        told = {"why": why, "priority": priority, "hazard": hazard, "product": product}
        escalation_id = await self._escalations.open(ticket_id, current_instance(), **told)
        order = await self._cases.find_order(shopify_order_id) if shopify_order_id else None
        shown = {
            "facts": as_words(context),
            "because": as_words(why),
            "worth": as_words(describe(order.total)) if order else "not known",
        }
        facts = {"escalation_id": escalation_id, "ticket_id": ticket_id, **told, **shown}
        case_id = shopify_order_id or ticket_id
        entry = Entry(case_id, f"escalation:{escalation_id}", "escalation", f"Escalated: {why}", facts)
        await self._cases.write(entry)
        units = 10 ** (exponent(order.total.currency) if order else 2)
        return Opened(escalation_id, **shown, minor_units=units, time_zone=self._time_zone)

    async def publish_ticket_escalated(  # the event's payload
        self,
        escalation_id: str,
        ticket_id: str,
        why: str,
        priority: Priority,
        hazard: str | None = None,
        shopify_order_id: str | None = None,
    ) -> None:
        """Announce `ticket_escalated`. Once per escalation."""
        payload = {"ticket_id": ticket_id, "why": why, "priority": priority, "hazard": hazard}
        event = Event(f"ticket_escalated:{escalation_id}", "ticket_escalated", payload)
        await self._effects.publish(event, shopify_order_id or ticket_id, "Escalation announced")

    async def report_hazard(
        self, ticket_id: str, hazard: str, product: str, reported_at: str, shopify_order_id: str | None = None
    ) -> None:
        """Report the hazard to the case that gathers those of the product. Once per ticket, hazard and product."""
        sku = one_line(await self._sku(shopify_order_id, product))
        hazard_case = case_of(sku)
        report = f"{ticket_id}:{hazard}"
        await self._reports.add(
            hazard_case=hazard_case,
            product=sku,
            hazard=hazard,
            ticket_id=ticket_id,
            order_id=shopify_order_id,
            reported_at=moment(reported_at),
        )
        facts = {"hazard_case": hazard_case, "hazard": hazard, "product": sku}
        key = f"hazard:{hazard_case}:{report}"
        sentence = f"Reported as a hazard ({hazard}) of {sku}"
        await self._cases.write(Entry(shopify_order_id or ticket_id, key, "hazard_reported", sentence, facts))
        told = HazardReported(hazard_case=hazard_case, product=sku, hazard=hazard, report=report)
        await self._handover.tell(HAZARD, REPORTED, told)

    async def alert(  # noqa: PLR0913, PLR0917  # what the table says, and what people are told
        self,
        escalation_id: str,
        ticket_id: str,
        chain_round: int,
        who: str,
        how: How,
        level: Level,
        context: str,
        why: str,
        shopify_order_id: str | None = None,
    ) -> None:
        """Wake somebody, tell the team's chat, or both. Once per escalation, round and way."""
        case_id, name = shopify_order_id or ticket_id, f"{escalation_id}:{chain_round}"
        await self._escalations.reach(escalation_id, chain_round)
        if how != "chat":
            alert = Alert(f"alert:{name}", who, f"Escalation: {context}", level)
            await self._pager.push(alert, case_id, f"{who} called, round {chain_round}")
        if how != "push":
            text = f"Escalation, round {chain_round} ({why}): {context}"
            post = Post(f"post:{name}", CHANNEL, text, self._page(case_id))
            await self._pager.post(post, case_id, f"Told {CHANNEL}, round {chain_round}")

    async def note_reply(
        self,
        escalation_id: str,
        ticket_id: str,
        message_number: int,
        context: str,
        danger_is_new: bool = False,
        shopify_order_id: str | None = None,
    ) -> None:
        """Wake who is on call again: the customer wrote more. Once per escalation and message.

        When somebody may get hurt, and nobody knew, it says so, and wakes a lead, too.
        """
        case_id, name = shopify_order_id or ticket_id, f"{escalation_id}:reply:{message_number}"
        what = "the customer wrote again" + (", and somebody may get hurt" if danger_is_new else "")
        text = f"{what.capitalize()}: {context}"
        await self._pager.push(Alert(f"alert:{name}", ON_CALL, text), case_id, f"{ON_CALL} called: {what}")
        if danger_is_new:
            await self._pager.push(Alert(f"alert:{name}:lead", LEAD, text), case_id, f"{LEAD} called: {what}")
        post = Post(f"post:{name}", CHANNEL, text, self._page(case_id))
        await self._pager.post(post, case_id, f"Told {CHANNEL}: {what}")

    async def analyse_messages(
        self, ticket_id: str, message_number: int, case_id: str | None = None, shopify_order_id: str | None = None
    ) -> Found:
        """Read what the customer has written by now as triage does. Natural, as there."""
        found = await self._analyse(ticket_id, message_number, case_id, shopify_order_id)
        return Found(found.safety, found.hazard, found.product, found.shopify_order_id)

    async def remind_handler(
        self,
        escalation_id: str,
        ticket_id: str,
        context: str,
        reminder: int = 0,
        shopify_order_id: str | None = None,
    ) -> None:
        """Tell a lead and the team's chat who has taken it and not handled it. Once per escalation and reminder.

        While nobody has taken it nothing is said: the chain wakes people.
        """
        who = (await self._task()).assignee
        if who is None:
            return
        case_id, name = shopify_order_id or ticket_id, f"{escalation_id}:overdue:{reminder}"
        text = f"{who} has taken an escalation, and it is not handled yet: {context}"
        await self._pager.push(
            Alert(f"alert:{name}", LEAD, text), case_id, f"{LEAD} called: {who} has not handled it"
        )
        post = Post(f"post:{name}", CHANNEL, text, self._page(case_id))
        await self._pager.post(post, case_id, f"Told {CHANNEL} that {who} has not handled it")

    async def look_for_claim(self, escalation_id: str) -> Claim:
        """Whether somebody has taken the task by now, by the engine's records. Natural: asking changes nothing."""
        task = await self._task()
        if task.assignee is not None:
            await self._escalations.claim(escalation_id, task.assignee)
        return Claim(task.assignee is not None)

    async def note_handled(self, escalation_id: str) -> Handled:
        """Keep who handled it, by the engine's record of the last answer. Natural: the same record, the same.

        An answer that names nobody is nobody's: refunds then come from the process, and are approved like those.
        """
        instance, asker = current_instance(), current_element()
        completed = await recorded(lambda: self._escalations.completed(instance, TASK, asker), "the answer")
        await self._escalations.handle(escalation_id, completed.by or "")
        return Handled(f"person:{completed.by}" if completed.by else f"process:{PROCESS}")

    async def _task(self) -> Task:
        """The one that waits for a person, as the engine's records have it."""
        instance = current_instance()

        async def look() -> Task | None:
            return await self._escalations.task_of(instance, TASK)

        return await recorded(look, "the task")

    def _page(self, case_id: str) -> str:
        return f"{self._public_url}/ui/cases/{case_id}"

    async def _sku(self, order_id: str | None, product: str) -> str:
        """What the order calls the product; else as it is called."""
        order = await self._cases.find_order(order_id) if order_id else None
        lines = order.lines if order else ()
        name = " ".join(product.split()).casefold()
        return next((line.sku for line in lines if name in {line.sku.casefold(), line.title.casefold()}), product)


def registration(jobs: Escalation) -> Process:
    """Everything bpmn/escalation.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("escalation.open_escalation", jobs.open_escalation),
            Job("escalation.publish_ticket_escalated", jobs.publish_ticket_escalated),
            Job("escalation.report_hazard", jobs.report_hazard),
            Job("escalation.alert", jobs.alert),
            Job("escalation.note_reply", jobs.note_reply),
            Job("escalation.analyse_messages", jobs.analyse_messages),
            Job("escalation.remind_handler", jobs.remind_handler),
            Job("escalation.look_for_claim", jobs.look_for_claim),
            Job("escalation.note_handled", jobs.note_handled),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
