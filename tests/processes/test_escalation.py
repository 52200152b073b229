"""What the jobs of escalation answer, whom they call, and that each acts once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.people import Role
from tests.processes.escalation_bench import URL, EscalationBench
from workers.casefile.db import Database
from workers.casefile.escalations import open_escalations
from workers.contracts.escalation import Found
from workers.contracts.hazard import HazardReported, case_of, one_line
from workers.ports.alerts import Level
from workers.runtime.errors import OutcomeUnknown, Retryable

TASK = "Task_HandleEscalation"
NOW = "2026-03-02T09:00:00.123456789Z[GMT]"


@pytest.fixture
def bench(database: Database) -> EscalationBench:
    return EscalationBench(database)


async def alert(bench: EscalationBench, how: Any = "both", chain_round: int = 1, context: str = "Ada") -> None:
    await bench.jobs.alert(
        f"{bench.ticket_id}:1", bench.ticket_id, chain_round, "on-call", how, Level.CRITICAL, context, "danger"
    )


class TestOpen:
    async def test_an_instance_has_one_escalation_and_a_ticket_may_have_several(
        self, bench: EscalationBench
    ) -> None:
        first = [(await bench.open()).escalation_id for _ in range(2)]
        bench.enter(-bench.instance)
        second = (await bench.open()).escalation_id
        assert [*first, second] == [f"{bench.ticket_id}:1", f"{bench.ticket_id}:1", f"{bench.ticket_id}:2"]

    async def test_the_form_gets_words_and_what_the_order_was_worth(self, bench: EscalationBench) -> None:
        await bench.cases.describe("tracking", bench.order)
        opened = await bench.open(shopify_order_id=bench.order.id, context="[x](http://evil) **Ada**")
        assert (opened.worth, opened.minor_units) == (r"49\.95 EUR", 100)
        assert opened.time_zone == "Europe/Lisbon"
        assert opened.facts == r"\[x\]\(http\://evil\) \*\*Ada\*\*"

    async def test_what_is_open_is_listed_until_it_is_handled(self, bench: EscalationBench) -> None:
        escalation_id = (await bench.open()).escalation_id

        async def listed() -> bool:
            async with bench.database.sessions() as session:
                return escalation_id in {each.id for each in await session.scalars(open_escalations())}

        assert await listed()
        await bench.escalations.handle(escalation_id, "ada")
        assert not await listed()


class TestReportHazard:
    async def test_the_same_report_is_told_once(self, bench: EscalationBench) -> None:
        for _ in range(2):
            await bench.jobs.report_hazard(bench.ticket_id, "burn", bench.product, NOW)
        [payload] = bench.handover.told.values()
        assert payload == HazardReported(
            hazard_case=bench.case_id, product=bench.product, hazard="burn", report=f"{bench.ticket_id}:burn"
        )
        assert [each.ticket_id for each in await bench.reports.undecided(bench.case_id)] == [bench.ticket_id]

    async def test_a_title_is_brought_to_the_sku_that_the_order_has(self, bench: EscalationBench) -> None:
        await bench.cases.describe("tracking", bench.order)
        await bench.jobs.report_hazard(bench.ticket_id, "burn", " desk  LAMP", NOW, bench.order.id)
        [payload] = bench.handover.told.values()
        assert (payload.product, payload.hazard_case) == ("LAMP-1", "hazard-lamp-1")  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        "product",
        ["<!channel>", "../../etc", "Füße ☃", " ", "=1+1", "x" * 500, "a\r\nb", "\x00", "\ud800", "\u202e"],
    )
    def test_whatever_a_product_is_called_its_case_is_a_name(self, product: str) -> None:
        HazardReported(hazard_case=case_of(product), product=one_line(product), hazard="burn", report="r")

    def test_different_names_have_different_cases_and_spellings_of_one_the_same(self) -> None:
        names = ("a b", "a-b", "a/b", "ä", "ö", "x" * 99, "x" * 100)
        assert len({case_of(name) for name in names}) == len(names)
        assert case_of("Massager  1") == case_of(" massager 1")


class TestAlert:
    @pytest.mark.parametrize(("how", "pushes", "posts"), [("push", 1, 0), ("chat", 0, 1), ("both", 1, 1)])
    async def test_each_way_once_a_round(self, bench: EscalationBench, how: str, pushes: int, posts: int) -> None:
        for _ in range(2):
            await alert(bench, how, context=how)
        assert (len(bench.alerts.pushes), len(bench.alerts.posts)) == (pushes, posts)

    async def test_the_post_leads_to_the_case(self, bench: EscalationBench) -> None:
        await alert(bench, "chat")
        [post] = bench.alerts.posts.values()
        assert post.link == f"{URL}/ui/cases/{bench.ticket_id}"


class TestClaim:
    async def test_it_waits_for_the_record_and_uses_up_no_retry(self, bench: EscalationBench) -> None:
        with pytest.raises(Retryable) as told:
            await bench.jobs.look_for_claim("chat-1:1")
        assert not told.value.burns_retry

    async def test_the_newest_task_counts_and_the_first_claim_is_kept(self, bench: EscalationBench) -> None:
        escalation_id = (await bench.open()).escalation_id
        await bench.task_opens(TASK)
        assert not (await bench.jobs.look_for_claim(escalation_id)).claimed
        for who in ("ada", "bob"):
            await bench.task_opens(TASK, who)
            assert (await bench.jobs.look_for_claim(escalation_id)).claimed
        assert (await bench.row()).claimed_by == "ada"


class TestForgotten:
    async def test_whoever_has_it_is_named_once_a_reminder(self, bench: EscalationBench) -> None:
        escalation_id = (await bench.open()).escalation_id
        await bench.task_opens(TASK)
        await bench.jobs.remind_handler(escalation_id, bench.ticket_id, "Ada")
        assert bench.alerts.pushes == {}
        await bench.task_opens(TASK, "bob")
        for reminder in (0, 0, 1):
            await bench.jobs.remind_handler(escalation_id, bench.ticket_id, "Ada", reminder)
        assert [(alert.to, "bob" in alert.message) for alert in bench.alerts.pushes.values()] == [
            ("lead", True)
        ] * 2


class TestReplies:
    async def test_a_message_is_read_as_triage_reads_it(self, bench: EscalationBench) -> None:
        found = await bench.jobs.analyse_messages(bench.ticket_id, 3, bench.case_id, None)
        assert bench.analysed == [(bench.ticket_id, 3, bench.case_id, None)]
        assert found == Found(True, "shock", "LAMP-1", "1")

    @pytest.mark.parametrize(("new", "woken"), [(False, ["on-call"]), (True, ["on-call", "lead"])])
    async def test_a_danger_that_nobody_knew_of_wakes_a_lead_too_and_each_is_woken_once(
        self, bench: EscalationBench, new: bool, woken: list[str]
    ) -> None:
        for _ in range(2):
            await bench.jobs.note_reply(f"{bench.ticket_id}:1", bench.ticket_id, 3, "Ada", danger_is_new=new)
        pushes, [post] = list(bench.alerts.pushes.values()), bench.alerts.posts.values()
        assert [alert.to for alert in pushes] == woken
        assert {alert.level for alert in pushes} == {Level.CRITICAL}
        assert {"may get hurt" in text for text in (post.text, *(alert.message for alert in pushes))} == {new}


class TestHandled:
    async def test_who_completed_the_last_answer_is_named(self, bench: EscalationBench) -> None:
        escalation_id = (await bench.open()).escalation_id
        ada = await bench.somebody(Role.AGENT)
        for who in ("bob", ada):
            await bench.completes(TASK, who)
        assert (await bench.jobs.note_handled(escalation_id)).escalation_by == f"person:{ada}"
        assert (await bench.row()).handled_by == ada

    async def test_nobody_is_nobody(self, bench: EscalationBench) -> None:
        await bench.completes(TASK, None)
        assert (await bench.jobs.note_handled("chat-1:1")).escalation_by == "process:escalation"


CALLING: dict[str, tuple[Callable[[EscalationBench], Awaitable[Any]], str, str]] = {
    "publish": (
        lambda b: b.jobs.publish_ticket_escalated(f"{b.ticket_id}:1", b.ticket_id, "why", "high"),
        "events",
        "publish",
    ),
    "push": (
        lambda b: b.jobs.alert(f"{b.ticket_id}:1", b.ticket_id, 1, "x", "push", Level.INFO, "Ada", "why"),
        "alerts",
        "push",
    ),
    "post": (
        lambda b: b.jobs.alert(f"{b.ticket_id}:1", b.ticket_id, 1, "x", "chat", Level.INFO, "Ada", "why"),
        "alerts",
        "post",
    ),
}


@pytest.mark.parametrize(("call", "whom", "method"), CALLING.values(), ids=CALLING)
async def test_an_answer_that_gets_lost_makes_nothing_twice(
    bench: EscalationBench, call: Callable[[EscalationBench], Awaitable[Any]], whom: str, method: str
) -> None:
    getattr(bench, whom).lose_answer(method)
    with pytest.raises(OutcomeUnknown):
        await call(bench)
    await bench.let_settle()
    for _ in range(2):
        await call(bench)
    assert (len(bench.outside()), getattr(bench, whom).calls.count(method)) == (1, 1)
