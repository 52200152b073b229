"""A task is done in Tasklist or on our page, the other side knows, and the case page shows it live."""

import re
import sys

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import select

from tests.browser.full.people import AGENT, SLOW, Person, in_tasklist, seconds_until
from tests.engine.orders import an_order, wrong_address
from tests.engine.shop_floor import Floor
from workers.casefile.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

OURS = 2.0
"""Seconds until our inbox shows what was done elsewhere: the engine gathers its records for up to one, the rest is
ours. An idle machine takes less than one in all."""
TASKLISTS = 15.0
"""The other way: by way of an exporter, OpenSearch and Tasklist's importer, each of which looks now and then."""
SUPPLIED = re.compile("supplied", re.IGNORECASE)


async def test_an_agent_corrects_an_address_in_tasklist(floor: Floor, agent: Person) -> None:
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    case_page = await agent.watch(case_id)
    link = case_page.get_by_role("link", name="Tasklist").first
    await expect(link).to_have_attribute("href", f"{agent.stack.webapps.tasklist_url}/{task.key}")
    await agent.log_in_to_camunda()
    await agent.open_task(task.key)
    back = agent.page.get_by_role("link", name="Open the case")
    await expect(back).to_have_attribute("href", f"{agent.stack.api_url}/ui/cases/{case_id}")
    await agent.page.get_by_label("Postcode").fill("10115")
    async with agent.page.expect_response(lambda answer: "/complete" in answer.url) as answered:
        await agent.page.get_by_role("button", name="Complete Task").click()
    assert (await answered.value).ok
    gone = await seconds_until(lambda: is_done(floor, task.key))
    report("from Tasklist's answer to our inbox", gone)
    assert gone < OURS
    assert (await found(floor, task.key)).assignee == AGENT
    assert await floor.ends(case_id) == "supplied"
    await expect(case_page.locator("#instances")).to_contain_text(SUPPLIED, timeout=SLOW)
    await case_page.close()


async def test_an_agent_corrects_an_address_on_our_page(
    floor: Floor, agent: Person, tasklist: httpx.AsyncClient
) -> None:
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    await seconds_until(lambda: in_tasklist(tasklist, task.key, "CREATED"))
    await agent.log_in_here(f"/ui/tasks/{task.key}")
    await agent.page.get_by_role("button", name="Take").click()
    await agent.page.get_by_label("Postcode").fill("10115", timeout=SLOW)
    await agent.page.get_by_role("button", name="Complete the task").click()
    await agent.page.wait_for_url(f"**/ui/cases/{case_id}")
    gone = await seconds_until(lambda: in_tasklist(tasklist, task.key, "COMPLETED"))
    report("from our page to Tasklist", gone)
    assert gone < TASKLISTS
    assert await floor.ends(case_id) == "supplied"
    await expect(agent.page.locator("#instances")).to_contain_text(SUPPLIED, timeout=SLOW)


async def found(floor: Floor, key: int) -> Task:
    async with floor.app.database.sessions() as session:
        return (await session.scalars(select(Task).where(Task.key == key))).one()


async def is_done(floor: Floor, key: int) -> bool:
    return (await found(floor, key)).state == "completed"


def report(way: str, seconds: float) -> None:
    sys.stderr.write(f"{way}: {seconds:.2f} s\n")
