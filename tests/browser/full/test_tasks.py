"""A task is done in Tasklist or on our page, and the other side knows at once."""

import sys

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import select

from tests.browser.full.people import AGENT, Webapps, in_tasklist, seconds_until
from tests.engine.shop_floor import Floor, an_order, wrong_address
from workers.casefile.models import Task

pytestmark = pytest.mark.browser

AT_ONCE = 1.0
"""Seconds after which the other side must know."""
GOOD_ADDRESS = {
    "name": "A Customer",
    "street": "Hauptstraße 5",
    "city": "Berlin",
    "postcode": "10115",
    "country": "DE",
}


async def test_an_agent_corrects_an_address_in_tasklist(floor: Floor, webapps: Webapps) -> None:
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    await webapps.log_in()
    await webapps.open_task(task.key)
    link = webapps.page.get_by_role("link", name="Open the case")
    await expect(link).to_have_attribute("href", f"{webapps.stack.api_url}/ui/cases/{case_id}")
    await webapps.page.get_by_label("Postcode").fill("10115")
    await webapps.complete_task()
    seconds = await seconds_until(lambda: is_done(floor, task.key))
    report("Tasklist to our inbox", seconds)
    assert seconds < AT_ONCE
    assert await floor.ends(case_id) == "supplied"
    assert (await found(floor, task.key)).assignee == AGENT


async def test_a_task_done_on_our_side_disappears_from_tasklist(floor: Floor, tasklist: httpx.AsyncClient) -> None:
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    await seconds_until(lambda: in_tasklist(tasklist, task.key, "CREATED"))
    answer = await floor.http.post(f"/tasks/{task.key}/complete", json={"variables": GOOD_ADDRESS})
    assert answer.is_success, answer.text
    report("our side to Tasklist", await seconds_until(lambda: in_tasklist(tasklist, task.key, "COMPLETED")))
    assert await floor.ends(case_id) == "supplied"


async def found(floor: Floor, key: int) -> Task:
    async with floor.app.database.sessions() as session:
        return (await session.scalars(select(Task).where(Task.key == key))).one()


async def is_done(floor: Floor, key: int) -> bool:
    return (await found(floor, key)).state == "completed"


def report(way: str, seconds: float) -> None:
    sys.stderr.write(f"{way}: {seconds:.2f} s\n")
