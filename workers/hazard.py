"""Hazard: several customers say that a product harms people. It is no longer advertised, and a lead decides.

The way is in bpmn/hazard.bpmn, how many reports are enough in the table hazard_threshold; each method here is one
job. What was reported is in our own books; messages only say that there is more. What a lead decided is taken from
the engine's records, since money depends on it.
"""

from collections.abc import Mapping
from typing import Any

from workers.casefile.cases import Cases, Entry
from workers.casefile.escalation_models import HazardReport
from workers.casefile.escalations import Completed, Escalations, HazardReports
from workers.casefile.journal import Intent, Journal
from workers.common import Effects, Handover, KnownOrders, Pager, recorded
from workers.contracts.hazard import (
    MESSAGES,
    OUTCOMES,
    PROCESS,
    Affected,
    Counted,
    Decided,
    Errors,
    Paused,
    moment,
)
from workers.contracts.notice import PROCESS as NOTICE
from workers.contracts.notice import REQUESTED as NOTICE_REQUESTED
from workers.contracts.notice import NoticeRequested
from workers.contracts.refund import PROCESS as REFUND
from workers.contracts.refund import REQUESTED, RefundRequested
from workers.ports.ads import Ads, Campaign
from workers.ports.alerts import Alert, Post
from workers.ports.events import Event
from workers.ports.shop import Order, Shop
from workers.runtime.context import current_element, current_instance
from workers.runtime.form_text import as_words
from workers.runtime.jobs import Job, Process

TASK = "Task_DecideOnProduct"
CHANNEL, LEADS = "#urgent", "lead"
WAYS = ("resume", "recall", "refund_all", "inform_authority")


class Hazard:
    """The jobs of bpmn/hazard.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        ads: Ads,
        shop: Shop,
        pager: Pager,
        journal: Journal,
        effects: Effects,
        cases: Cases,
        escalations: Escalations,
        reports: HazardReports,
        handover: Handover,
        public_url: str,
    ) -> None:
        self._ads = ads
        self._pager = pager
        self._journal = journal
        self._effects = effects
        self._cases = cases
        self._orders = KnownOrders(PROCESS, cases, shop)
        self._escalations = escalations
        self._reports = reports
        self._handover = handover
        self._public_url = public_url.rstrip("/")

    async def count_reports(self, hazard_case: str, product: str, hazard: str, since: str) -> Counted:
        """Count the reports of a hazard that nobody has decided about, and gather all in this case's timeline.

        Natural: the same reports, the same number; each has one entry.
        """
        reports = await self._reports.undecided(hazard_case)
        for report in reports:
            await self._cases.write(_gathered(report))
        begin = moment(since)
        counted = [each for each in reports if each.hazard == hazard and each.reported_at >= begin]
        shown = {"happened": as_words(f"{len(counted)} reports: {hazard}"), "shown_product": as_words(product)}
        episode = reports[0].id if reports else 0
        key = f"counted:{episode}:{hazard}:{len(counted)}"
        sentence = f"{len(counted)} reports of {hazard}, counted since {begin:%d %B %Y}"
        await self._cases.write(Entry(hazard_case, key, "hazard_counted", sentence, shown))
        return Counted(len(counted), episode, **shown)

    async def note_report(self, hazard_case: str) -> None:
        """Gather what was reported while people decide. Natural: each report has one entry."""
        for report in await self._reports.undecided(hazard_case):
            await self._cases.write(_gathered(report))

    async def pause_campaign(self, hazard_case: str, product: str, episode: int) -> Paused:
        """Stop advertising the product. Once per case and episode, by the journal; the platform knows the key."""
        key = _pause_key(hazard_case, episode)

        async def call() -> Paused:
            return _names(await self._ads.pause_campaigns(product, key))

        async def find(_request: Mapping[str, Any]) -> Paused | None:
            held = [each for each in await self._ads.campaigns_of(product) if key in each.paused_by]
            return _names(held) if held else None

        return await self._change_ads(key, "campaign_pause", hazard_case, product, call, find)

    async def publish_campaign_paused(
        self, hazard_case: str, product: str, hazard: str, episode: int, campaigns: tuple[str, ...]
    ) -> None:
        """Announce `campaign_paused`. Once per case and episode."""
        payload = {"product": product, "hazard": hazard, "campaigns": list(campaigns)}
        await self._announce(hazard_case, episode, "campaign_paused", payload, "Paused advertising announced")

    async def alert_leads(
        self, hazard_case: str, product: str, hazard: str, reports: int, episode: int, reminder: bool
    ) -> None:
        """Wake the leads: they have to decide. Once per case and episode, and once more as a reminder."""
        again = "Still undecided: " if reminder else ""
        what = f"{reports} reports of {hazard} by {product}"
        text = f"{again}{what}; its advertising is paused, and a lead has to decide"
        name = f"{hazard_case}:{episode}:{'reminder' if reminder else 'first'}"
        about = "Leads reminded of the decision" if reminder else "Leads called to decide"
        await self._pager.push(Alert(f"alert:{name}", LEADS, text), hazard_case, about)
        post = Post(f"post:{name}", CHANNEL, text, f"{self._public_url}/ui/cases/{hazard_case}")
        await self._pager.post(post, hazard_case, f"{about} in {CHANNEL}")

    async def check_decision(self, hazard_case: str) -> Decided:
        """Judge who completed the task with what, by the engine's records. Natural: the same record, the same."""
        instance, asker = current_instance(), current_element()
        completed = await recorded(lambda: self._escalations.completed(instance, TASK, asker), "the decision")
        ways = {way: completed.answers.get(way) is True for way in WAYS}
        objection = _objection(completed, ways)
        chosen = ", ".join(way.replace("_", " ") for way, ticked in ways.items() if ticked)
        sentence = f"Decision does not count: {objection}" if objection else f"Decided: {chosen}"
        facts = {**ways, "by": completed.by, "objection": objection}
        entry = Entry(hazard_case, f"decision:{instance}:{completed.number}", "hazard_decision", sentence, facts)
        await self._cases.write(entry)
        if objection:
            return Decided(f"Your decision did not count: {objection}.", "", *(False for _ in WAYS))
        return Decided(None, f"person:{completed.by}", **ways)

    async def settle_reports(self, hazard_case: str, episode: int) -> Affected:
        """Close the reports decided about; what comes later counts anew. Natural: closed stays closed."""
        settled = await self._reports.settle(hazard_case, episode)
        return Affected(tuple(dict.fromkeys(each.order_id for each in settled if each.order_id)))

    async def resume_campaign(self, hazard_case: str, product: str, episode: int) -> Paused:
        """Advertise the product again, as far as we paused it. Once per case and episode."""
        key = _pause_key(hazard_case, episode)

        async def call() -> Paused:
            return _names(await self._ads.resume_campaigns(product, key))

        async def find(_request: Mapping[str, Any]) -> Paused | None:
            return None

        return await self._change_ads(f"{key}:resume", "campaign_resume", hazard_case, product, call, find)

    async def publish_product_recalled(self, hazard_case: str, product: str, episode: int) -> None:
        """Announce `product_recalled`. Once per case and episode."""
        await self._announce(hazard_case, episode, "product_recalled", {"product": product}, "Recall announced")

    async def start_refund(self, hazard_case: str, product: str, order_id: str, decided_by: str) -> None:
        """Ask for the refund of what the product cost in an order. Once per order and product, for ever.

        The refund process gives no more than is left, and has it approved by others than who decided here.
        """
        order = await self._orders.find(order_id)
        if order is None:
            facts = {"order_id": order_id}
            sentence = f"Order {order_id} is not refunded: the shop does not know it"
            await self._cases.write(Entry(hazard_case, f"refund:{order_id}", "refund_impossible", sentence, facts))
            return
        refund_id = f"{order.id}-{hazard_case}"
        request = RefundRequested(
            refund_id=refund_id,
            shopify_order_id=order.id,
            amount=_paid_for(order, product),
            currency=order.total.currency,
            reason="hazard",
            requested_by=decided_by,
        )
        await self._handover.tell(REFUND, REQUESTED, request)
        facts = {"order_id": order.id, "refund_id": refund_id}
        entry = Entry(
            hazard_case, f"refund:{order.id}", "refund_requested", f"Refund of order {order.id} asked for", facts
        )
        await self._cases.write(entry)

    async def publish_authority_to_be_informed(
        self, hazard_case: str, product: str, hazard: str, episode: int
    ) -> None:
        """Announce `authority_to_be_informed`. Once per case and episode."""
        payload = {"product": product, "hazard": hazard}
        await self._announce(
            hazard_case, episode, "authority_to_be_informed", payload, "Notice to the authority asked for"
        )

    async def start_notice(self, hazard_case: str, product: str, hazard: str, episode: int) -> None:
        """Hand the notice over to those who send it. Once per case and episode, for ever."""
        request = NoticeRequested(hazard_case=hazard_case, product=product, hazard=hazard, episode=episode)
        await self._handover.tell(NOTICE, NOTICE_REQUESTED, request)

    async def _announce(
        self, hazard_case: str, episode: int, name: str, payload: dict[str, Any], sentence: str
    ) -> None:
        event = Event(f"{name}:{hazard_case}:{episode}", name, {"hazard_case": hazard_case, **payload})
        await self._effects.publish(event, hazard_case, sentence)

    async def _change_ads(
        self, key: str, kind: str, hazard_case: str, product: str, call: Any, find: Any
    ) -> Paused:
        said = {"campaign_pause": "Advertising paused", "campaign_resume": "Advertised again"}[kind]

        def entry(done: Paused) -> Entry:
            names = ", ".join(done.campaigns) or "there is none"
            return Entry(hazard_case, key, kind, f"{said}: {names}", {"campaigns": list(done.campaigns)})

        return await self._journal.once(
            Intent(key, kind, hazard_case, {"product": product}, Paused, call, find, entry, harmless_twice=True)
        )


def _pause_key(hazard_case: str, episode: int) -> str:
    return f"campaign_pause:{hazard_case}:{episode}"


def _names(campaigns: Any) -> Paused:
    named: list[Campaign] = list(campaigns)
    return Paused(tuple(each.name for each in named))


def _gathered(report: HazardReport) -> Entry:
    facts = {"ticket_id": report.ticket_id, "order_id": report.order_id, "hazard": report.hazard}
    key = f"report:{report.ticket_id}:{report.hazard}"
    return Entry(report.hazard_case, key, "hazard_report", f"{report.ticket_id} reports: {report.hazard}", facts)


def _objection(completed: Completed, ways: Mapping[str, bool]) -> str | None:
    """Why a decision does not count, or None."""
    if not completed.by:
        return "nobody is named who made it"
    if "lead" not in completed.roles:
        return "a lead makes it"
    if not any(ways.values()):
        return "it says nothing"
    if ways["resume"] and ways["recall"]:
        return "what is recalled is not advertised"
    return None


def _paid_for(order: Order, product: str) -> int:
    """What the product cost in this order; all of it where the shop does not say."""
    name = product.casefold()
    skus = {line.title for line in order.lines if line.sku.casefold() == name}
    paid = sum(part.amount for part in order.parts if part.title in skus)
    return paid or order.total.minor


def registration(jobs: Hazard) -> Process:
    """Everything bpmn/hazard.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("hazard.count_reports", jobs.count_reports),
            Job("hazard.note_report", jobs.note_report),
            Job("hazard.pause_campaign", jobs.pause_campaign),
            Job("hazard.publish_campaign_paused", jobs.publish_campaign_paused),
            Job("hazard.alert_leads", jobs.alert_leads),
            Job("hazard.check_decision", jobs.check_decision),
            Job("hazard.settle_reports", jobs.settle_reports),
            Job("hazard.resume_campaign", jobs.resume_campaign),
            Job("hazard.publish_product_recalled", jobs.publish_product_recalled),
            Job("hazard.start_refund", jobs.start_refund),
            Job("hazard.publish_authority_to_be_informed", jobs.publish_authority_to_be_informed),
            Job("hazard.start_notice", jobs.start_notice),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
