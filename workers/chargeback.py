"""Chargeback: a payment is claimed back. What can be shown is collected, the claim answered, the end booked.

The way is in bpmn/chargeback.bpmn, the rule how to answer in the decision table beside it; each method here is one
job. Webhooks only say when to ask: how a dispute stands, the provider says.
"""

from typing import Any

from workers.casefile import evidence
from workers.casefile.cases import Cases, Entry
from workers.casefile.dispute_answers import Answers
from workers.casefile.dispute_entries import about_refund, asked, last, seen
from workers.casefile.journal import Journal
from workers.casefile.refund_models import Standing
from workers.casefile.refunds import Refunds
from workers.casefile.tickets import short
from workers.common import Effects, Handover, KnownOrders, Pager
from workers.contracts.chargeback import (
    MESSAGES,
    OUTCOMES,
    PROCESS,
    DisputeFacts,
    DisputeInWords,
    Errors,
    Evidence,
)
from workers.contracts.refund import PROCESS as REFUND
from workers.contracts.refund import STOPPED, RefundStopped
from workers.ports.alerts import Alert, Level
from workers.ports.carriers import Carriers
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.payments import Payments
from workers.ports.shop import Shop
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman
from workers.runtime.jobs import Job, Process


class Chargeback:
    """The jobs of bpmn/chargeback.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        payments: Payments,
        shop: Shop,
        carriers: Carriers,
        journal: Journal,
        effects: Effects,
        pager: Pager,
        cases: Cases,
        refunds: Refunds,
        handover: Handover,
    ) -> None:
        self._payments = payments
        self._orders = KnownOrders(PROCESS, cases, shop)
        self._carriers = carriers
        self._answers = Answers(payments, journal, Errors.ANSWER_REFUSED)
        self._effects = effects
        self._pager = pager
        self._cases = cases
        self._refunds = refunds
        self._handover = handover

    async def get_dispute(self, dispute_id: str) -> DisputeFacts:
        """Ask the provider how the dispute stands, for the case file too. Natural: asking changes nothing."""
        dispute = await self._payments.get_dispute(dispute_id)
        charge = await self._payments.get_charge(dispute.charge_id)
        amount, captured, refunded = dispute.amount, charge.captured, charge.refunded
        if amount.currency != captured.currency:
            raise NeedsHuman(f"Dispute {dispute.id} is about {amount.currency}, its charge {captured.currency}.")
        if not dispute.order_id:
            raise NeedsHuman(f"The payment provider does not say what order charge {charge.id} was for.")
        await self._cases.write(seen(dispute))
        return DisputeFacts(
            shopify_order_id=dispute.order_id,
            charge_id=dispute.charge_id,
            dispute_amount=amount.minor,
            currency=amount.currency,
            dispute_reason=dispute.reason,
            dispute_state=dispute.state,
            evidence_due_by=dispute.evidence_due_by.isoformat(),
            answered=dispute.answered,
            already_refunded=refunded.minor,
            at_stake=max(0, min(amount.minor, captured.minor - refunded.minor)),
        )

    async def stop_running_refunds(self, shopify_order_id: str, dispute_id: str, charge_id: str) -> None:
        """Tell every refund of the charge that is not finished to stop. Once per refund.

        What the provider has already cannot be stopped; the timeline says so.
        """
        for refund_id in await self._refunds.unfinished(shopify_order_id):
            refund = await self._refunds.get(refund_id)
            if refund is None or refund.charge_id != charge_id:
                continue
            sent = refund.state == Standing.SENT
            await self._cases.write(about_refund(refund_id, shopify_order_id, dispute_id, sent=sent))
            if not sent:
                await self._handover.tell(REFUND, STOPPED, RefundStopped(refund_id=refund_id, reason="disputed"))

    async def collect_evidence(self, shopify_order_id: str, dispute_id: str) -> Evidence:
        """Find out what can be shown, and keep it in the case file. Natural: asking changes nothing."""
        order = await self._orders.find(shopify_order_id)
        timeline = await self._cases.timeline(shopify_order_id)
        named = evidence.sent(timeline)
        parcels = [evidence.shown(await self._carriers.track(*each)) for each in named]
        places = [parcel.place for parcel in parcels if parcel.delivered]
        found = Evidence(
            order_known=order is not None,
            tracked=any(parcel.first_seen for parcel in parcels),
            delivered=bool(parcels) and len(places) == len(parcels),
            address_matches=order is not None
            and bool(places)
            and all(evidence.where_it_was_to_go(place, order.shipping_address) for place in places),
        )
        written = evidence.mails(timeline)
        paid_back = evidence.refunds(await self._refunds.of_order(shopify_order_id))
        await self._cases.write(_collected(shopify_order_id, dispute_id, found, parcels, written, paid_back))
        return found

    async def describe_dispute(self, shopify_order_id: str, dispute_id: str, explanation: str) -> DisputeInWords:
        """Write into the timeline why a person is asked, before the task opens. Once per reason."""
        timeline = await self._cases.timeline(shopify_order_id)
        claim = last(timeline, "dispute", dispute_id).sentence
        collected = last(timeline, "evidence_collected", dispute_id).sentence
        await self._cases.write(asked(shopify_order_id, dispute_id, explanation))
        return DisputeInWords(claim, collected)

    async def remind_deciders(self, shopify_order_id: str, dispute_id: str, evidence_due_by: str) -> None:
        """Call finance, and announce `chargeback_decision_due`: nobody has decided, and time gets short. Once per
        dispute and deadline: the provider may move it."""
        about = (shopify_order_id, dispute_id)
        await self._call("finance", Level.WARNING, "chargeback_decision_due", *about, f":{evidence_due_by}")
        more = {"evidence_due_by": evidence_due_by}
        sentence = "Decision on dispute is due"
        await self._announce("chargeback_decision_due", *about, sentence, more, f":{evidence_due_by}")

    async def submit_evidence(self, shopify_order_id: str, dispute_id: str) -> None:
        """Send the provider all there is. Once per dispute, by the journal and by the provider's own state.

        Errors: ANSWER_REFUSED when it is too late, or the dispute is closed.
        """
        order = await self._cases.find_order(shopify_order_id)
        timeline = await self._cases.timeline(shopify_order_id)
        parcels = last(timeline, "evidence_collected", dispute_id).facts["parcels"]
        paid_back = evidence.refunds(await self._refunds.of_order(shopify_order_id))
        answer = evidence.evidence(order, parcels, evidence.mails(timeline), paid_back)
        await self._answers.submit(shopify_order_id, dispute_id, answer)

    async def accept_dispute(self, shopify_order_id: str, dispute_id: str) -> None:
        """Let the customer have the money. Once per dispute, by the journal and by the provider's own state.

        Errors: ANSWER_REFUSED when it is too late, or the dispute is closed.
        """
        await self._answers.accept(shopify_order_id, dispute_id)

    async def publish_deadline_missed(self, shopify_order_id: str, dispute_id: str, evidence_due_by: str) -> None:
        """Call leads, and announce `chargeback_deadline_missed`: it is too late to answer. Once per dispute."""
        await self._call("lead", Level.CRITICAL, "chargeback_deadline_missed", shopify_order_id, dispute_id)
        more = {"evidence_due_by": evidence_due_by}
        sentence = "The deadline was missed: the dispute is unanswered"
        await self._announce("chargeback_deadline_missed", shopify_order_id, dispute_id, sentence, more)

    async def book_chargeback(self, shopify_order_id: str, dispute_id: str, at_stake: int, currency: str) -> None:
        """Book what the customer got back. Once per dispute, by the journal and the ledger's key."""
        posting = Posting(
            key=f"chargeback:{dispute_id}",
            account="CHARGEBACKS",
            amount=Money(at_stake, currency),
            order_id=shopify_order_id,
            memo=dispute_id,
        )
        await self._effects.book(posting, "Chargeback booked")

    async def publish_chargeback_won(self, shopify_order_id: str, dispute_id: str) -> None:
        """Announce `chargeback_won`: the money stays. Once per dispute."""
        await self._announce("chargeback_won", shopify_order_id, dispute_id, "Chargeback won")

    async def publish_chargeback_lost(
        self, shopify_order_id: str, dispute_id: str, at_stake: int, currency: str
    ) -> None:
        """Announce `chargeback_lost`: the money is gone, also when we let it go. Once per dispute."""
        more = {"amount": at_stake, "currency": currency}
        await self._announce("chargeback_lost", shopify_order_id, dispute_id, "Chargeback lost", more)

    async def _call(  # `once` is what more than the dispute tells one call from another
        self, to: str, level: Level, what: str, order_id: str, dispute_id: str, once: str = ""
    ) -> None:
        words = what.replace("_", " ").capitalize()
        text = f"{words}: dispute {dispute_id} of order {order_id}."
        alert = Alert(f"alert:{what}:{dispute_id}{once}", to, text, level)
        await self._pager.push(alert, order_id, f"{words}: called {to}")

    async def _announce(  # an event, what it is about, and what tells it from another
        self,
        name: str,
        order_id: str,
        dispute_id: str,
        sentence: str,
        more: dict[str, Any] | None = None,
        once: str = "",
    ) -> None:
        payload = {"shopify_order_id": order_id, "dispute_id": dispute_id, **(more or {})}
        await self._effects.publish(Event(f"{name}:{dispute_id}{once}", name, payload), order_id, sentence)


def _collected(
    case_id: str,
    dispute_id: str,
    found: Evidence,
    parcels: list[evidence.Shown],
    mails: list[str],
    refunds: list[str],
) -> Entry:
    """What the timeline says of the evidence, once per what can be shown, to the last scan."""
    words = (
        "the order is known" if found.order_known else "the order is not known",
        f"{len(parcels)} parcels" if len(parcels) != 1 else "1 parcel",
        "delivered" if found.delivered else "tracked, not delivered" if found.tracked else "not tracked",
        *(
            ("where it was to go" if found.address_matches else "not where it was to go",)
            if found.delivered
            else ()
        ),
        f"{len(mails)} mails" if len(mails) != 1 else "1 mail",
        *((f"paid back before: {'; '.join(refunds[-evidence.MOST_REFUNDS :])}",) if refunds else ()),
    )
    facts = {
        "dispute_id": dispute_id,
        "order_known": found.order_known,
        "tracked": found.tracked,
        "delivered": found.delivered,
        "address_matches": found.address_matches,
        "mails": len(mails),
        "refunds": refunds,
        "parcels": evidence.facts_of(parcels),
    }
    key = f"evidence:{dispute_id}:{short(':'.join(words) + str(facts))}"
    return Entry(case_id, key, "evidence_collected", f"Evidence: {', '.join(words)}", facts)


def registration(jobs: Chargeback) -> Process:
    """Everything bpmn/chargeback.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("chargeback.get_dispute", jobs.get_dispute),
            Job("chargeback.stop_running_refunds", jobs.stop_running_refunds),
            Job("chargeback.collect_evidence", jobs.collect_evidence),
            Job("chargeback.describe_dispute", jobs.describe_dispute),
            Job("chargeback.remind_deciders", jobs.remind_deciders),
            Job("chargeback.submit_evidence", jobs.submit_evidence),
            Job("chargeback.accept_dispute", jobs.accept_dispute),
            Job("chargeback.publish_deadline_missed", jobs.publish_deadline_missed),
            Job("chargeback.book_chargeback", jobs.book_chargeback),
            Job("chargeback.publish_chargeback_won", jobs.publish_chargeback_won),
            Job("chargeback.publish_chargeback_lost", jobs.publish_chargeback_lost),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
