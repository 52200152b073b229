"""An operator finds an incident in Operate, has the cause mended, and tries again there."""

import pytest
from playwright.async_api import expect

from tests.browser.full.people import SLOW, Person, orderops
from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


async def test_an_operator_mends_an_incident_with_operate(floor: Floor, agent: Person, operator: Person) -> None:
    order, page, stack = an_order(), operator.page, operator.stack
    case_id = str(order["id"])
    orderops(stack, "mock", "set", "shop.get_order", "not_found", "--for", case_id)
    await floor.pay(order)
    instance = (await floor.incident(case_id)).process_instance_key
    case_page = await agent.watch(case_id)
    await expect(case_page.get_by_text("Stands still at")).to_be_visible()
    link = case_page.get_by_role("link", name=f"Instance {instance}")
    await expect(link).to_have_attribute("href", f"{stack.webapps.operate_url}/processes/{instance}")
    await operator.log_in_to_camunda()
    await operator.open_instance(instance)
    await page.get_by_test_id("incidents-banner").click(timeout=SLOW)
    await expect(page.get_by_text(f"The shop has no order {case_id}.")).to_be_visible()
    await expect(page.get_by_test_id("variable-case_url")).to_contain_text(f"/ui/cases/{case_id}")
    orderops(stack, "mock", "clear", "--all")
    await page.get_by_title("Retry Incident").click()
    assert await floor.ends(case_id) == "supplied"
    await expect(case_page.get_by_text("Stands still at")).to_have_count(0, timeout=SLOW)
    header = page.get_by_test_id("instance-header")
    await expect(header.get_by_test_id("COMPLETED-icon")).to_be_visible(timeout=SLOW)
    await case_page.close()
