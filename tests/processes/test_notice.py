"""What the jobs of notice answer, what they change outside, and that each acts once."""

from typing import Any

import pytest

from api.people import Role
from tests.processes.escalation_bench import EscalationBench
from workers.casefile.db import Database
from workers.contracts.notice import Checked
from workers.runtime.errors import Retryable

TASK = "Task_InformAuthority"
SENT = {"notice_outcome": "informed", "authority": "CPSC", "reference": "N-17"}


@pytest.fixture
def bench(database: Database) -> EscalationBench:
    return EscalationBench(database)


async def test_the_facts_are_those_that_were_decided_about(bench: EscalationBench) -> None:
    await bench.report("burn")
    await bench.report("cut")
    await bench.report("burn")
    _, episode = await bench.count()
    await bench.hazard.settle_reports(bench.case_id, episode)
    await bench.report("burn")
    for _ in range(2):
        facts = await bench.notice.gather_facts(bench.case_id, "<b>MASSAGER", episode)
        assert facts.happened.startswith(r"3 reports \(burn 2, cut 1\), the first on ")
        assert facts.shown_product == r"\<b\>MASSAGER"
    assert (await bench.sentences(bench.case_id)).count("The authority is to be informed") == 1


async def test_announcement_and_reminders_are_made_once(bench: EscalationBench) -> None:
    of = (bench.case_id, bench.product)
    for _ in range(2):
        await bench.notice.publish_authority_informed(*of, "burn", 1, "CPSC", "N-17")
        for reminder in range(3):
            await bench.notice.remind_leads(*of, 1, reminder)
    [event] = bench.events.events.values()
    assert (event.name, event.payload["reference"]) == ("authority_informed", "N-17")
    assert [alert.to for alert in bench.alerts.pushes.values()] == ["lead"] * 3


class TestAnswer:
    async def test_a_lead_by_name_informs(self, bench: EscalationBench) -> None:
        await bench.completes(TASK, await bench.somebody(Role.LEAD), **{**SENT, "authority": " CPSC\n"})
        assert await bench.notice.check_notice(bench.case_id) == Checked(None, True, "CPSC", "N-17")
        assert (await bench.sentences(bench.case_id))[-1] == "CPSC is informed, number N-17"

    async def test_none_is_needed(self, bench: EscalationBench) -> None:
        answers = {"notice_outcome": "not_needed", "why": "It is another maker's, who has sent one"}
        await bench.completes(TASK, await bench.somebody(Role.LEAD), **answers)
        assert await bench.notice.check_notice(bench.case_id) == Checked(None, False, "", "")
        assert (await bench.sentences(bench.case_id))[-1].startswith("No notice is needed: It is another")

    @pytest.mark.parametrize(
        ("roles", "answers", "why"),
        [
            ((), SENT, "nobody is named"),
            ((Role.AGENT,), SENT, "a lead gives it"),
            ((Role.LEAD,), {}, "it says nothing"),
            ((Role.LEAD,), {**SENT, "notice_outcome": ["informed"]}, "it says nothing"),
            ((Role.LEAD,), {**SENT, "reference": " "}, "authority or number is missing"),
            ((Role.LEAD,), {"notice_outcome": "not_needed"}, "does not say why"),
        ],
    )
    async def test_what_does_not_count(
        self, bench: EscalationBench, roles: tuple[Role, ...], answers: dict[str, Any], why: str
    ) -> None:
        await bench.completes(TASK, await bench.somebody(*roles) if roles else None, **answers)
        checked = await bench.notice.check_notice(bench.case_id)
        assert why in (checked.objection or "")
        assert not checked.informed
        assert why in (await bench.sentences(bench.case_id))[-1]

    async def test_without_any_answer_nobody_is_named(self, bench: EscalationBench) -> None:
        """An operator has moved the instance there."""
        await bench.arrive()
        assert "nobody is named" in ((await bench.notice.check_notice(bench.case_id)).objection or "")

    async def test_what_comes_later_changes_nothing(self, bench: EscalationBench) -> None:
        await bench.completes(TASK, None)
        element = bench.element
        await bench.completes(TASK, await bench.somebody(Role.LEAD), **SENT)
        bench.enter(element=element)
        assert "nobody is named" in ((await bench.notice.check_notice(bench.case_id)).objection or "")

    async def test_it_waits_for_the_record(self, bench: EscalationBench) -> None:
        with pytest.raises(Retryable) as told:
            await bench.notice.check_notice(bench.case_id)
        assert not told.value.burns_retry
