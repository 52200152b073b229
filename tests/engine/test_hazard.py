"""bpmn/hazard.bpmn on the real engine: reports of a product, what they stop, and what a lead decides."""

import asyncio
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from api.people import Role
from tests.engine.escalated import deploy_caller, escalate
from tests.engine.refund_desk import Desk, paid
from tests.engine.shop_floor import Floor
from tests.engine.test_people import browser
from workers.adapters.mock_ads import MockAds
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_support_books import AlertRow
from workers.casefile.models import InboxRow, Task
from workers.casefile.record_models import Instance
from workers.contracts.hazard import case_of
from workers.ports.ads import Campaign
from workers.runtime.native.stack import Stack

pytestmark = pytest.mark.engine
_numbers = itertools.count(int(time.time() * 1000))


@pytest.fixture(scope="module", autouse=True)
def caller(engine: Stack, floor: Floor) -> None:
    """What calls escalation in these tests."""
    deploy_caller(engine.grpc_address)


@dataclass(frozen=True)
class Product:
    """An article that is advertised, and what customers say of it."""

    floor: Floor
    sku: str

    @property
    def case_id(self) -> str:
        return case_of(self.sku)

    async def reported(self, hazard: str = "burn", order_id: str | None = None) -> None:
        """A ticket says that it harms people; it is in the books then."""
        ticket = await escalate(self.floor, order_id, hazard=hazard, product=self.sku)
        await self.floor.until(ticket.case_id, "Flow_HazardReported", "SEQUENCE_FLOW_TAKEN")

    async def waits(self, times: int = 1) -> None:
        await self.floor.until(self.case_id, "Task_AwaitReport", times=times)

    async def took(self, flow: str, times: int = 1) -> None:
        await self.floor.until(self.case_id, flow, "SEQUENCE_FLOW_TAKEN", times)

    async def task(self) -> Task:
        return await self.floor.task(self.case_id, "Task_DecideOnProduct")

    async def decided(self, lead: Mapping[str, str], *ways: str) -> None:
        """A lead ticks these."""
        body = {"variables": {**dict.fromkeys(ways, True), "why": "Two burns"}}
        task = await self.task()
        done = await self.floor.http.post(f"/tasks/{task.key}/complete", json=body, headers=dict(lead))
        assert done.status_code == 200, done.text

    async def campaigns(self) -> list[bool]:
        """Which run, by the platform's own books."""
        found: tuple[Campaign, ...] = await MockAds(self.floor.world).campaigns_of(self.sku)
        return [each.running for each in found]

    async def announced(self) -> Sequence[EventRow]:
        """What other systems heard of it."""
        query = select(EventRow).where(EventRow.payload["hazard_case"].astext == self.case_id)
        return await self.floor.world.rows(query.order_by(EventRow.number))

    async def events(self) -> list[str]:
        return [row.name for row in await self.announced()]

    async def alerts(self) -> int:
        """How often leads were called."""
        return len(await self.floor.world.rows(select(AlertRow).where(AlertRow.key.contains(f"{self.case_id}:"))))

    async def kinds(self, kind: str) -> int:
        """Entries of a kind in its case."""
        return sum(each.kind == kind for each in await self.floor.app.cases.timeline(self.case_id))

    async def instances(self) -> int:
        query = select(Instance).where(Instance.case_id == self.case_id)
        async with self.floor.app.database.sessions() as session:
            return len((await session.scalars(query)).all())


async def product(floor: Floor, sku: str = "", **how: Any) -> Product:
    """A new article with two campaigns that run."""
    sku = f"{sku}MASSAGER-{next(_numbers)}"
    await MockAds(floor.world).seed_campaigns(sku, "spring", "search", **how)
    return Product(floor, sku)


async def requests(desk: Desk) -> list[dict[str, Any]]:
    """Refunds that were asked for of an order, as the inbox has them."""
    query = select(InboxRow).where(InboxRow.message_name == "refund_requested")
    async with desk.floor.app.database.sessions() as session:
        rows = (await session.scalars(query)).all()
    return [row.variables for row in rows if row.variables.get("shopify_order_id") == desk.order_id]


class TestTooFew:
    async def test_one_report_changes_nothing_and_is_forgotten_after_its_time(self, floor: Floor) -> None:
        article = await product(floor)
        await article.reported("cut")
        await article.waits()
        await floor.travel(days=14, minutes=1)
        assert await floor.ends(article.case_id, "hazard") == "not_repeated"
        assert await article.campaigns() == [True, True]
        assert await article.events() == []
        await article.reported("cut")
        await article.waits(2)
        assert await article.kinds("hazard_report") == 2

    async def test_reports_of_different_hazards_do_not_add_up(self, floor: Floor) -> None:
        article = await product(floor)
        await article.reported("burn")
        await article.waits()
        await article.reported("shock")
        await article.waits(2)
        assert await article.campaigns() == [True, True]


class TestEnough:
    async def test_the_second_burn_stops_advertising_at_once_and_a_lead_lets_it_go_on(self, floor: Floor) -> None:
        article = await product(floor)
        await asyncio.gather(article.reported("burn"), article.reported("burn"))
        await article.task()
        assert await article.campaigns() == [False, False]
        assert await article.events() == ["campaign_paused"]
        assert await article.alerts() == 1
        await article.reported("burn")
        await article.took("Flow_ReportNoted")
        await floor.travel(hours=4, minutes=1)
        await article.took("Flow_LeadsReminded")
        assert await article.alerts() == 2
        lead = await browser(floor, Role.LEAD)
        await article.decided(lead, "resume")
        assert await floor.ends(article.case_id, "hazard") == "hazard_decided"
        assert await article.campaigns() == [True, True]
        assert (await article.instances(), await article.kinds("hazard_report")) == (1, 3)
        await article.reported("burn")
        await article.waits()
        assert await article.campaigns() == [True, True], "those that were decided about count no more"

    async def test_refund_all_asks_for_each_order_and_who_decided_does_not_approve(self, floor: Floor) -> None:
        first, second = await paid(floor), await paid(floor)
        article = await product(floor)
        for desk in (first, second):
            await article.reported("fire", desk.order_id)
        lead = await browser(floor, Role.LEAD)
        await article.decided(lead, "recall", "refund_all", "inform_authority")
        assert await floor.ends(article.case_id, "hazard") == "hazard_decided"
        assert await article.events() == ["campaign_paused", "product_recalled", "authority_to_be_informed"]
        assert await article.campaigns() == [False, False]
        assert (await floor.task(article.case_id, "Task_InformAuthority")).candidate_groups == ["lead"]
        for desk in (first, second):
            [asked] = await requests(desk)
            assert (asked["amount"], asked["requested_by"]) == (11_900, f"person:{lead['X-Name']}")
            task = await desk.task(asked["refund_id"])
            refused = await desk.complete(task, lead)
            assert refused.status_code == 403, refused.text

    async def test_another_hazard_that_is_reported_meanwhile_does_not_change_what_is_decided_about(
        self, floor: Floor
    ) -> None:
        article = await product(floor)
        for _ in range(2):
            await article.reported("burn")
        await article.task()
        await article.reported("shock")
        await article.took("Flow_ReportNoted")
        await article.decided(await browser(floor, Role.LEAD), "inform_authority")
        assert await floor.ends(article.case_id, "hazard") == "hazard_decided"
        assert [row.payload.get("hazard") for row in await article.announced()] == ["burn", "burn"]
        assert await article.kinds("hazard_report") == 3

    async def test_a_decision_behind_our_back_is_void_and_asked_again(self, floor: Floor) -> None:
        article = await product(floor)
        for _ in range(2):
            await article.reported("burn")
        task = await article.task()
        sent = {"refund_all": True, "resume": True, "decision_round": 99, "objection": "none"}
        await floor.app.engine.complete_user_task(task.key, sent)
        await article.took("Flow_DecisionVoid")
        assert await article.campaigns() == [False, False]
        await article.decided(await browser(floor, Role.LEAD), "resume")
        assert await floor.ends(article.case_id, "hazard") == "hazard_decided"

    async def test_what_people_have_paused_stays_so(self, floor: Floor) -> None:
        article = await product(floor, paused=True)
        for _ in range(2):
            await article.reported("burn")
        await article.decided(await browser(floor, Role.LEAD), "resume")
        assert await floor.ends(article.case_id, "hazard") == "hazard_decided"
        assert await article.campaigns() == [False, False]

    async def test_a_product_with_a_hostile_name_has_a_case_like_any_other(self, floor: Floor) -> None:
        article = await product(floor, '<!channel> ../="x" ')
        for _ in range(2):
            await article.reported("burn")
        assert "<" not in article.case_id
        assert "/" not in article.case_id
        await article.task()
        assert await article.campaigns() == [False, False]
