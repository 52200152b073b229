"""bpmn/notice.bpmn on the real engine: a lead informs the authority, is reminded, or says why not."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from api.people import Role
from tests.engine.escalated import publish
from tests.engine.shop_floor import Floor
from tests.engine.test_people import browser
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_support_books import AlertRow
from workers.casefile.escalations import HazardReports
from workers.contracts.hazard import case_of

pytestmark = pytest.mark.engine
_numbers = itertools.count(int(time.time() * 1000))
TASK = "Task_InformAuthority"
SENT = {"notice_outcome": "informed", "authority": "CPSC", "reference": "N-17"}


@dataclass(frozen=True)
class Asked:
    """A notice that a lead has decided to send."""

    floor: Floor
    case_id: str

    async def answered(self, who: Mapping[str, str], answers: Mapping[str, Any]) -> None:
        """Somebody completes the task."""
        task = await self.floor.task(self.case_id, TASK)
        body = {"variables": dict(answers)}
        done = await self.floor.http.post(f"/tasks/{task.key}/complete", json=body, headers=dict(who))
        assert done.status_code == 200, done.text

    async def events(self) -> list[EventRow]:
        """What other systems heard of it."""
        query = select(EventRow).where(EventRow.payload["hazard_case"].astext == self.case_id)
        return list(await self.floor.world.rows(query))

    async def said(self) -> list[str]:
        """What the case's timeline says of people's answers."""
        timeline = await self.floor.app.cases.timeline(self.case_id)
        return [each.sentence for each in timeline if each.kind == "authority_notice"]


async def asked(floor: Floor) -> Asked:
    """Two reports of a new product were decided about."""
    product = f"KETTLE-{next(_numbers)}"
    case_id, reports = case_of(product), HazardReports(floor.app.database)
    for number in range(2):
        await reports.add(
            hazard_case=case_id,
            product=product,
            hazard="burn",
            ticket_id=f"{case_id}-{number}",
            order_id=None,
            reported_at=datetime.now(UTC),
        )
    [first, _] = await reports.undecided(case_id)
    await reports.settle(case_id, first.id)
    told = {"hazard_case": case_id, "product": product, "hazard": "burn", "episode": first.id}
    await publish(floor, "notice_requested", case_id, f"{case_id}:{first.id}", told)
    return Asked(floor, case_id)


async def test_a_lead_is_reminded_and_informs_the_authority(floor: Floor) -> None:
    notice = await asked(floor)
    task = await floor.task(notice.case_id, TASK)
    assert (task.candidate_groups, task.priority) == (["lead"], 90)
    await floor.travel(hours=8, minutes=1)
    await floor.until(notice.case_id, "Flow_LeadsReminded", "SEQUENCE_FLOW_TAKEN")
    await floor.travel(hours=8, minutes=1)
    await floor.until(notice.case_id, "Flow_LeadsReminded", "SEQUENCE_FLOW_TAKEN", times=2)
    assert len(await floor.world.rows(select(AlertRow).where(AlertRow.key.contains(f"{notice.case_id}:")))) == 2
    await notice.answered(await browser(floor, Role.LEAD), SENT)
    assert await floor.ends(notice.case_id, "notice") == "authority_informed"
    [event] = await notice.events()
    assert (event.name, event.payload["authority"], event.payload["reference"]) == (
        "authority_informed",
        "CPSC",
        "N-17",
    )


async def test_what_does_not_count_is_asked_again_and_none_may_be_needed(floor: Floor) -> None:
    notice = await asked(floor)
    task = await floor.task(notice.case_id, TASK)
    sent = {**SENT, "answers": 99, "objection": None, "hazard_case": "another"}
    await floor.app.engine.complete_user_task(task.key, sent)
    await floor.until(notice.case_id, "Flow_NoticeIncomplete", "SEQUENCE_FLOW_TAKEN")
    lead = await browser(floor, Role.LEAD)
    await notice.answered(lead, {"notice_outcome": "not_needed", "why": "The maker has sent one"})
    assert await floor.ends(notice.case_id, "notice") == "notice_not_needed"
    assert await notice.events() == []
    assert await notice.said() == [
        "Notice does not count: nobody is named who gave it",
        "No notice is needed: The maker has sent one",
    ]
