"""A lead approves a refund in the real Tasklist, and the case file says who, when and why."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.browser.full.people import PASSWORD, SLOW, Person, orderops
from tests.engine.refund_desk import Desk, paid
from tests.engine.shop_floor import Floor
from workers.runtime.native.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LEAD = "lena"
WHY = "The photo shows it"


@pytest.fixture
def lead(agent: Person, stack: Stack) -> Person:
    """The same browser, and somebody who may approve more."""
    orderops(stack, "user", "add", LEAD, "--role", "lead", "--webapps", typed=PASSWORD)
    agent.name = LEAD
    return agent


async def test_a_lead_approves_a_refund_in_tasklist(floor: Floor, lead: Person) -> None:
    desk = await paid(floor)
    refund_id = await asked(desk)
    task = await desk.task(refund_id)
    case_page = await lead.watch(desk.order_id)
    await lead.log_in_to_camunda()
    await lead.open_task(task.key, "Your reason")
    await lead.page.get_by_role("radio", name="Approve", exact=True).dispatch_event("click")
    await lead.page.get_by_label("Your reason").fill(WHY)
    async with lead.page.expect_response(lambda answer: "/complete" in answer.url) as answered:
        await lead.page.get_by_role("button", name="Complete Task").click()
    assert (await answered.value).ok
    await desk.ends(refund_id)
    assert await desk.paid_back() == [6_000]
    [entry] = await desk.told("approval_given")
    assert entry.sentence == f"{LEAD} approved 60.00 EUR: {WHY}"
    assert timedelta(0) <= datetime.now(UTC) - entry.happened_at < timedelta(minutes=5)
    told = case_page.get_by_text(re.compile(f"{LEAD} approved 60.00 EUR: {WHY}"))
    await expect(told.first).to_be_visible(timeout=SLOW)
    await case_page.close()


async def asked(desk: Desk) -> str:
    """A refund that needs a lead, asked for by a program."""
    body = {"shopify_order_id": desk.order_id, "amount": "60.00", "currency": "EUR", "reason": "changed_mind"}
    headers = {"Idempotency-Key": str(uuid4())}
    answer = await desk.floor.http.post("/refunds", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
