"""Notice: the authority learns that a product harms people, and the case under which number.

The way is in bpmn/notice.bpmn; each method here is one job. Who sent it is taken from the records of the engine.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from workers.casefile.cases import Cases, Entry
from workers.casefile.escalations import Completed, Escalations, HazardReports
from workers.common import Effects, Pager, recorded
from workers.contracts.notice import MESSAGES, OUTCOMES, PROCESS, Checked, Errors, Facts
from workers.ports.alerts import Alert
from workers.ports.events import Event
from workers.runtime.context import current_element, current_instance
from workers.runtime.form_text import as_words
from workers.runtime.jobs import Job, Process

TASK = "Task_InformAuthority"
LEADS = "lead"
LONGEST_ANSWER = 500
"""Characters of an answer that are kept."""


class Notice:
    """The jobs of bpmn/notice.bpmn."""

    def __init__(
        self,
        *,
        pager: Pager,
        effects: Effects,
        cases: Cases,
        escalations: Escalations,
        reports: HazardReports,
    ) -> None:
        self._pager = pager
        self._effects = effects
        self._cases = cases
        self._escalations = escalations
        self._reports = reports

    async def gather_facts(self, hazard_case: str, product: str, episode: int) -> Facts:
        """Say what was reported, and since when. Natural: what was decided about stays the same."""
        reports = await self._reports.of_episode(hazard_case, episode)
        days = sorted(each.reported_at.date() for each in reports)
        since = f", the first on {days[0]:%d %B %Y}" if days else ""
        kinds = Counter(each.hazard for each in reports).most_common()
        happened = f"{len(reports)} reports ({', '.join(f'{kind} {count}' for kind, count in kinds)}){since}"
        facts = {"shown_product": as_words(product), "happened": as_words(happened)}
        sentence = "The authority is to be informed"
        await self._cases.write(Entry(hazard_case, f"notice:{episode}", "notice_requested", sentence, facts))
        return Facts(**facts)

    async def remind_leads(self, hazard_case: str, product: str, episode: int, reminder: int = 0) -> None:
        """Call the leads: nobody has informed the authority. Once per case, episode and reminder."""
        text = f"The authority does not know of {product} yet: a lead has to inform it"
        alert = Alert(f"alert:notice:{hazard_case}:{episode}:{reminder}", LEADS, text)
        await self._pager.push(alert, hazard_case, "Leads reminded of the notice")

    async def check_notice(self, hazard_case: str) -> Checked:
        """Judge who completed the task with what, by the engine's records. Natural: the same record, the same."""
        instance, asker = current_instance(), current_element()
        completed = await recorded(lambda: self._escalations.completed(instance, TASK, asker), "the notice")
        told = {
            name: _said(completed.answers, name) for name in ("notice_outcome", "authority", "reference", "why")
        }
        objection, informed = _objection(completed, told), told["notice_outcome"] == "informed"
        if objection:
            sentence = f"Notice does not count: {objection}"
        elif informed:
            sentence = f"{told['authority']} is informed, number {told['reference']}"
        else:
            sentence = f"No notice is needed: {told['why']}"
        facts = {**told, "by": completed.by, "objection": objection}
        entry = Entry(hazard_case, f"notice:{instance}:{completed.number}", "authority_notice", sentence, facts)
        await self._cases.write(entry)
        if objection:
            return Checked(f"Your answer did not count: {objection}.", False, "", "")
        return Checked(None, informed, told["authority"], told["reference"])

    async def publish_authority_informed(  # the event's payload
        self, hazard_case: str, product: str, hazard: str, episode: int, authority: str, reference: str
    ) -> None:
        """Announce `authority_informed`. Once per case and episode."""
        payload = {
            "hazard_case": hazard_case,
            "product": product,
            "hazard": hazard,
            "authority": authority,
            "reference": reference,
        }
        event = Event(f"authority_informed:{hazard_case}:{episode}", "authority_informed", payload)
        await self._effects.publish(event, hazard_case, "Notice to the authority announced")


def _said(answers: Mapping[str, Any], name: str) -> str:
    """Whatever was sent under this name, as text on one line."""
    return " ".join(str(answers.get(name) or "").split())[:LONGEST_ANSWER]


def _objection(completed: Completed, told: Mapping[str, str]) -> str | None:
    """Why an answer does not count, or None."""
    if not completed.by:
        return "nobody is named who gave it"
    if LEADS not in completed.roles:
        return "a lead gives it"
    if told["notice_outcome"] == "informed":
        return None if told["authority"] and told["reference"] else "authority or number is missing"
    if told["notice_outcome"] == "not_needed":
        return None if told["why"] else "it does not say why no notice is needed"
    return "it says nothing"


def registration(jobs: Notice) -> Process:
    """Everything bpmn/notice.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("notice.gather_facts", jobs.gather_facts),
            Job("notice.remind_leads", jobs.remind_leads),
            Job("notice.check_notice", jobs.check_notice),
            Job("notice.publish_authority_informed", jobs.publish_authority_informed),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )
