"""Resolution: a ticket is answered automatically, by a person, or by way of an escalation.

The way is in bpmn/resolution.bpmn, the gate is the decision table beside it; each method here is one job. What a
person decided, and who it was, is what the engine recorded, never a variable alone.
"""

from collections.abc import Mapping

from workers.casefile.answers import Answer, Answers, Given, corrections
from workers.casefile.cases import Cases, Entry
from workers.casefile.guardrails import complaints
from workers.casefile.journal import Intent, Journal
from workers.casefile.refund_models import Standing
from workers.casefile.shipments import Shipments
from workers.casefile.sla import Happened
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.tickets import Tickets
from workers.common import Effects, Pager, recorded
from workers.contracts.resolution import MESSAGES, OUTCOMES, Answered, Decision, Draft, Errors, Route, Said
from workers.ports.alerts import Post
from workers.ports.analysis import Ticket, TicketAnalysis
from workers.ports.currencies import as_written
from workers.ports.events import Event
from workers.ports.helpdesk import Helpdesk, SentReply, TicketStatus
from workers.ports.replies import Replies, ReplyFacts
from workers.ports.values import Money
from workers.runtime.context import current_element, current_instance
from workers.runtime.jobs import Job, Process

CHANNEL = "#support"
"""Where the team learns what is due."""
BY_ITSELF = "process:resolution"
ESCALATION = "Task_HandleEscalation"
"""Element of bpmn/escalation.bpmn."""


class Resolution:
    """The jobs of bpmn/resolution.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        helpdesk: Helpdesk,
        replies: Replies,
        analysis: TicketAnalysis,
        journal: Journal,
        effects: Effects,
        pager: Pager,
        cases: Cases,
        shipments: Shipments,
        tickets: Tickets,
        findings: Findings,
        answers: Answers,
        clocks: TicketClocks,
    ) -> None:
        self._helpdesk = helpdesk
        self._replies = replies
        self._analysis = analysis
        self._journal = journal
        self._effects = effects
        self._pager = pager
        self._cases = cases
        self._shipments = shipments
        self._tickets = tickets
        self._findings = findings
        self._answers = answers
        self._clocks = clocks

    async def draft_reply(  # noqa: PLR0913  # what the guardrails hold a draft against
        self,
        *,
        ticket_id: str,
        message_number: int,
        route: Route,
        intent: str,
        safety: bool,
        language: str | None = None,
        shopify_order_id: str | None = None,
        currency: str | None = None,
        refund_state: str | None = None,
        refunded: int | None = None,
    ) -> Draft:
        """Write an answer, and hold it against what is known and was decided. Natural: nothing is sent."""
        went_back = (
            Money(refunded, currency) if refund_state == Standing.SETTLED and refunded and currency else None
        )
        facts = await self._facts(intent, language, shopify_order_id, went_back)
        draft = await self._replies.draft(facts)
        if route == Route.ASK_HUMAN:
            return Draft(draft, draft_good=False, draft_problem=None, reply=None)
        written_in = (await self._analysis.analyse(Ticket(draft))).language.code
        found = list(complaints(draft, facts, language=written_in, unsafe=safety))
        if route == Route.AUTO_REFUND and went_back is None:
            found.insert(0, "the money did not go back")
        if await self._tickets.newest(ticket_id) > message_number:
            found.insert(0, "the customer has written more since")
        problem = "; ".join(found) or None
        return Draft(draft, draft_good=not found, draft_problem=problem, reply=None if found else draft)

    async def record_answer(  # noqa: PLR0913  # an answer, what it was given to, and what it is about
        self,
        *,
        ticket_id: str,
        message_number: int,
        case_id: str,
        asked: Route,
        answer: Said,
        safety: bool,
        why: str,
        draft: str | None = None,
        currency: str | None = None,
        shopify_order_id: str | None = None,
    ) -> Answered:
        """Keep who answered and how, and what they corrected. Once per completed task.

        Where a person sees a danger that the analysis did not, it becomes an escalation, whatever else they chose;
        so does paying back of no known order.
        """
        given = await self._given(asked)
        by = given.by
        labels = await self._corrected(ticket_id, message_number, answer, by) if asked is Route.ASK_HUMAN else {}
        danger = not safety and "safety" in labels
        owed = answer.minor or _minor(answer.amount, currency if shopify_order_id else None)
        decided, why = _decided(answer.decision, why, danger=danger, owed=owed)
        key = _key(asked, given.number)
        await self._answers.write(Answer(ticket_id, key, asked, why, by, decided, draft or "", answer.reply or ""))
        sentence = f"Ticket {ticket_id}: {by.partition(':')[2]} decided: {_WORDS[decided]}"
        facts = {"ticket_id": ticket_id, "decision": decided, "corrected": sorted(labels)}
        await self._cases.write(Entry(case_id, f"answered:{ticket_id}:{key}", "ticket_answered", sentence, facts))
        paid = owed if decided is Decision.REFUND else None
        return Answered(by, decided, answer.reply, paid, safety or danger, why)

    async def send_reply(  # noqa: PLR0913  # an answer, and how it came to be
        self,
        *,
        ticket_id: str,
        message_number: int,
        case_id: str,
        reply: str,
        route: Route,
        why: str,
        replied_number: int | None = None,
        language: str | None = None,
        decision: str | None = None,
        draft: str | None = None,
    ) -> None:
        """Answer what triage read, or an escalation. Once per instance, by the journal and the helpdesk's key."""
        key = f"reply:{ticket_id}:{current_instance()}"
        await self._journal.once(
            Intent(
                key=key,
                kind="reply",
                case_id=case_id,
                request={"ticket_id": ticket_id},
                result_type=SentReply,
                call=lambda: self._helpdesk.send_reply(ticket_id, key, reply, language or ""),
                find=lambda _request: self._helpdesk.find_reply(key),
                entry=lambda sent: Entry(
                    case_id, key, "reply_sent", f"Ticket {ticket_id} answered", {"reply_id": sent.id}
                ),
            )
        )
        await self._tickets.note_reply(ticket_id, key, reply, max(message_number, replied_number or 0))
        await self._clocks.note(ticket_id, key, Happened.WE_REPLIED)
        if decision is None:
            key = _key(route, 0)
            await self._answers.write(
                Answer(ticket_id, key, route, why, BY_ITSELF, Decision.SEND, draft or "", reply)
            )

    async def set_pending(self, ticket_id: str, case_id: str) -> None:
        """The ticket waits for the customer, and its clocks stand still. Once per instance."""
        key = f"pending:{ticket_id}:{current_instance()}"
        await self._clocks.note(ticket_id, key, Happened.WAITING_FOR_CUSTOMER)
        await self._set(key, ticket_id, case_id, TicketStatus.PENDING, "ticket_pending", "waits for the customer")

    async def set_solved(self, ticket_id: str, case_id: str) -> None:
        """The ticket is solved, here and at the helpdesk, and its clocks end. Once per instance."""
        key = f"solved:{ticket_id}:{current_instance()}"
        await self._tickets.solve(ticket_id)
        await self._clocks.note(ticket_id, key, Happened.SOLVED)
        await self._set(key, ticket_id, case_id, TicketStatus.SOLVED, "ticket_set_solved", "set solved")

    async def publish_ticket_solved(self, ticket_id: str, case_id: str) -> None:
        """Announce `ticket_solved`. Once per instance: a ticket that was reopened may be solved again."""
        event = Event(f"ticket_solved:{ticket_id}:{current_instance()}", "ticket_solved", {"ticket_id": ticket_id})
        await self._effects.publish(event, case_id, f"Ticket {ticket_id} solved")

    async def remind_agents(self, ticket_id: str, case_id: str, queue: str, case_url: str | None = None) -> None:
        """Write to the team that little time is left. Once per instance."""
        key = f"at_risk:{ticket_id}:{current_instance()}"
        text = f"Ticket {ticket_id} waits in the queue of {queue}, and little time is left."
        await self._pager.post(
            Post(key, CHANNEL, text, case_url or ""), case_id, "Agents reminded: little time left"
        )

    async def report_breach(self, ticket_id: str, case_id: str, queue: str, case_url: str | None = None) -> None:
        """Tell the lead that what was promised is overdue, and announce `sla_breached`. Each once per instance."""
        key = f"sla_breached:{ticket_id}:{current_instance()}"
        text = f"Ticket {ticket_id} in the queue of {queue} is overdue. A lead is asked to see to it."
        await self._pager.post(Post(f"{key}:post", CHANNEL, text, case_url or ""), case_id, "Lead told: overdue")
        event = Event(key, "sla_breached", {"ticket_id": ticket_id, "queue": queue})
        await self._effects.publish(event, case_id, f"Ticket {ticket_id} is overdue")

    async def _facts(
        self, intent: str, language: str | None, order_id: str | None, refunded: Money | None
    ) -> ReplyFacts:
        order = await self._cases.find_order(order_id) if order_id else None
        if order is None:
            return ReplyFacts(intent, language, refunded=refunded)
        shipment = (await self._shipments.of([order.id])).get(order.id)
        return ReplyFacts(
            intent,
            language,
            order_number=order.number,
            carrier=shipment.carrier if shipment else None,
            tracking_number=shipment.tracking_number if shipment else None,
            sent_at=shipment.sent_at if shipment else None,
            delivered_at=shipment.delivered_at if shipment else None,
            refunded=refunded,
        )

    async def _corrected(
        self, ticket_id: str, message_number: int, answer: Said, by: str
    ) -> Mapping[str, tuple[str, str]]:
        found, _ = await self._findings.analysis(ticket_id, message_number)
        labels = corrections(found.labels, answer.labels)
        await self._findings.corrected(ticket_id, message_number, labels, by)
        return labels

    async def _given(self, asked: Route) -> Given:
        """Who completed the task, by the records; they come a moment after it."""
        instance, asker = current_instance(), current_element()
        if asked is Route.ESCALATE:
            return await recorded(
                lambda: self._answers.escalated_by(instance, ESCALATION, asker), "the escalation"
            )
        return await recorded(lambda: self._answers.answered_by(instance, asker), "the answer")

    async def _set(
        self, key: str, ticket_id: str, case_id: str, status: TicketStatus, kind: str, said: str
    ) -> None:
        entry = Entry(case_id, key, kind, f"Ticket {ticket_id} {said}", {"ticket_id": ticket_id})
        await self._effects.change(key, entry, lambda: self._helpdesk.set_status(ticket_id, status))


_WORDS = {
    Decision.SEND: "answer the customer",
    Decision.ASK_CUSTOMER: "ask the customer",
    Decision.REFUND: "pay back and answer",
    Decision.ESCALATE: "escalate",
    Decision.NO_ANSWER: "no answer needed",
}


def _decided(decision: Decision, why: str, *, danger: bool, owed: int | None) -> tuple[Decision, str]:
    """What becomes of a decision, and why, where that is an escalation."""
    if danger:
        return Decision.ESCALATE, "A person says that somebody may get hurt"
    if decision is Decision.REFUND and owed is None:
        return Decision.ESCALATE, "Money is to go back, and it is not sure of what"
    return decision, "A person asks for it" if decision is Decision.ESCALATE else why


def _key(asked: str, count: int) -> str:
    return f"{asked}:{current_instance()}:{count}"


def _minor(amount: float | str | None, currency: str | None) -> int | None:
    """What a person wrote, in minor units; None for what is no amount of this currency."""
    if amount is None or currency is None:
        return None
    try:
        minor = as_written(str(amount), currency).minor
    except ValueError:
        return None
    return minor if minor > 0 else None


def registration(jobs: Resolution) -> Process:
    """Everything bpmn/resolution.bpmn needs of us."""
    return Process(
        id="resolution",
        jobs=(
            Job("resolution.draft_reply", jobs.draft_reply),
            Job("resolution.record_answer", jobs.record_answer),
            Job("resolution.send_reply", jobs.send_reply),
            Job("resolution.set_pending", jobs.set_pending),
            Job("resolution.set_solved", jobs.set_solved),
            Job("resolution.publish_ticket_solved", jobs.publish_ticket_solved),
            Job("resolution.remind_agents", jobs.remind_agents),
            Job("resolution.report_breach", jobs.report_breach),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
