"""What the jobs of hazard answer, what they change outside, and that each acts once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.people import Role
from tests.processes.escalation_bench import EscalationBench
from workers.casefile.db import Database
from workers.contracts.hazard import moment
from workers.ports.ads import Campaign
from workers.ports.values import OrderLine, PaidPart
from workers.runtime.errors import OutcomeUnknown, Retryable

TASK = "Task_DecideOnProduct"


@pytest.fixture
def bench(database: Database) -> EscalationBench:
    return EscalationBench(database)


@pytest.mark.parametrize(
    "written",
    ["09:00:00Z", "09:00:00.5Z[GMT]", "09:00:00@GMT", "10:00:00+01:00", "10:00:00.123456789@Europe/Berlin"],
)
def test_times_of_the_engine_are_read_however_they_name_their_zone(written: str) -> None:
    assert moment(f"2026-03-02T{written}").replace(microsecond=0) == datetime(2026, 3, 2, 9, tzinfo=UTC)


class TestCount:
    async def test_those_of_this_hazard_in_the_time_count_and_all_are_gathered(
        self, bench: EscalationBench
    ) -> None:
        for hazard, days_ago in (("burn", 0), ("burn", 29), ("burn", 31), ("cut", 0)):
            await bench.report(hazard, days_ago)
        for _ in range(2):
            reports, _ = await bench.count()
            assert reports == 2
        gathered = [each for each in await bench.sentences(bench.case_id) if " reports: " in each]
        assert len(gathered) == 4

    async def test_what_was_decided_about_counts_no_more_and_is_settled_once(self, bench: EscalationBench) -> None:
        await bench.report(order_id="1")
        await bench.report(order_id="1")
        reports, episode = await bench.count()
        for _ in range(2):
            assert (await bench.hazard.settle_reports(bench.case_id, episode)).orders == ("1",)
        assert reports == 2
        await bench.report(order_id="2")
        again, next_episode = await bench.count()
        assert again == 1
        assert next_episode > episode


class TestCampaigns:
    async def test_ours_are_paused_once_and_resumed_and_those_of_people_left_alone(
        self, bench: EscalationBench
    ) -> None:
        for _ in range(2):
            assert (await bench.hazard.pause_campaign(bench.case_id, bench.product, 1)).campaigns == ("spring",)
        assert bench.ads.calls.count("pause_campaigns") == 1
        for _ in range(2):
            assert (await bench.hazard.resume_campaign(bench.case_id, bench.product, 1)).campaigns == ("spring",)
        assert [each.running for each in bench.ads.campaigns.values()] == [True, False]

    async def test_a_pause_whose_answer_got_lost_is_found(self, bench: EscalationBench) -> None:
        bench.ads.lose_answer("pause_campaigns")
        with pytest.raises(OutcomeUnknown):
            await bench.hazard.pause_campaign(bench.case_id, bench.product, 1)
        assert (await bench.hazard.pause_campaign(bench.case_id, bench.product, 1)).campaigns == ("spring",)
        assert bench.ads.calls.count("pause_campaigns") == 1

    async def test_a_later_episode_pauses_anew(self, bench: EscalationBench) -> None:
        for episode in (1, 2):
            await bench.hazard.pause_campaign(bench.case_id, bench.product, episode)
            await bench.hazard.resume_campaign(bench.case_id, bench.product, episode)
        assert bench.ads.campaigns["c1"] == Campaign("c1", "spring", bench.product, running=True)


async def test_announcements_and_alerts_are_made_once_per_episode(bench: EscalationBench) -> None:
    for episode in (1, 1, 2):
        of = (bench.case_id, bench.product)
        await bench.hazard.publish_campaign_paused(*of, "burn", episode, ("spring",))
        await bench.hazard.publish_product_recalled(*of, episode)
        await bench.hazard.publish_authority_to_be_informed(*of, "burn", episode)
        for reminder in (False, True):
            await bench.hazard.alert_leads(*of, "burn", 2, episode, reminder)
    assert len(bench.events.events) == 6
    assert (len(bench.alerts.pushes), len(bench.alerts.posts)) == (4, 4)


class TestDecision:
    async def test_a_lead_by_name_decides(self, bench: EscalationBench) -> None:
        lead = await bench.somebody(Role.LEAD)
        await bench.completes(TASK, lead, recall=True, refund_all=True, resume=False)
        decided = await bench.hazard.check_decision(bench.case_id)
        assert (decided.objection, decided.decided_by) == (None, f"person:{lead}")
        ticked = (decided.resume, decided.recall, decided.refund_all, decided.inform_authority)
        assert ticked == (False, True, True, False)
        assert (await bench.sentences(bench.case_id))[-1] == "Decided: recall, refund all"

    @pytest.mark.parametrize(
        ("roles", "answers", "why"),
        [
            ((), {"resume": True}, "nobody is named"),
            ((Role.AGENT,), {"resume": True}, "a lead makes it"),
            ((Role.LEAD,), {}, "it says nothing"),
            ((Role.LEAD,), {"resume": "yes"}, "it says nothing"),
            ((Role.LEAD,), {"resume": True, "recall": True}, "is not advertised"),
        ],
    )
    async def test_what_does_not_count(
        self, bench: EscalationBench, roles: tuple[Role, ...], answers: dict[str, Any], why: str
    ) -> None:
        who = await bench.somebody(*roles) if roles else None
        await bench.completes(TASK, who, **answers)
        decided = await bench.hazard.check_decision(bench.case_id)
        assert why in (decided.objection or "")
        assert (decided.refund_all, decided.resume) == (False, False)
        assert why in (await bench.sentences(bench.case_id))[-1]

    async def test_it_waits_for_the_record(self, bench: EscalationBench) -> None:
        with pytest.raises(Retryable) as told:
            await bench.hazard.check_decision(bench.case_id)
        assert not told.value.burns_retry


async def test_a_notice_is_handed_over_once_per_episode(bench: EscalationBench) -> None:
    for _ in range(2):
        await bench.hazard.start_notice(bench.case_id, bench.product, "burn", 7)
    [((process, message, key), told)] = bench.handover.told.items()
    assert (process, message, key) == ("notice", "notice_requested", bench.case_id)
    assert told.model_dump()["episode"] == 7


class TestRefund:
    async def test_what_the_product_cost_is_asked_for_once_in_the_name_of_who_decided(
        self, bench: EscalationBench
    ) -> None:
        line = OrderLine(bench.product, "Massager", 1, bench.order.total)
        parts = (PaidPart("1", "Massager", 1, 1_250, 200), PaidPart("shipping", "Shipping", 1, 495, 0))
        bench.shop.orders[bench.order.id] = replace(bench.order, lines=(line,), parts=parts)
        for _ in range(2):
            await bench.hazard.start_refund(bench.case_id, bench.product, bench.order.id, "person:ada")
        [asked] = bench.handover.told.values()
        told: Any = asked
        assert (told.amount, told.currency, told.reason, told.requested_by) == (
            1_250,
            "EUR",
            "hazard",
            "person:ada",
        )

    async def test_where_the_shop_does_not_say_it_is_all_of_the_order(self, bench: EscalationBench) -> None:
        await bench.hazard.start_refund(bench.case_id, bench.product, bench.order.id, "person:ada")
        [asked] = bench.handover.told.values()
        assert asked.amount == bench.order.total.minor  # type: ignore[attr-defined]

    async def test_an_order_that_nobody_knows_is_named_and_holds_up_nobody(self, bench: EscalationBench) -> None:
        await bench.hazard.start_refund(bench.case_id, bench.product, "404", "person:ada")
        assert bench.handover.told == {}
        assert await bench.sentences(bench.case_id) == ["Order 404 is not refunded: the shop does not know it"]
