"""An operator finds an incident in Operate, has the cause mended, and tries again there."""

import pytest
from playwright.async_api import expect

from tests.browser.full.people import SLOW, Webapps, orderops
from tests.engine.shop_floor import Floor, an_order
from workers.runtime.native.webapps import USER

pytestmark = pytest.mark.browser


async def test_an_operator_mends_an_incident_with_operate(floor: Floor, webapps: Webapps) -> None:
    order = an_order()
    case_id, page = str(order["id"]), webapps.page
    orderops(webapps.stack, "mock", "set", "shop.get_order", "not_found", "--for", case_id)
    await floor.pay(order)
    incident = await floor.incident(case_id)
    await webapps.log_in(USER, webapps.stack.secrets["ORDEROPS_WEBAPPS_PASSWORD"])
    await webapps.open_instance(incident.process_instance_key)
    await expect(page.get_by_test_id("incidents-banner")).to_be_visible(timeout=SLOW)
    await page.get_by_test_id("incidents-banner").click()
    await expect(page.get_by_text(case_id).first).to_be_visible()
    orderops(webapps.stack, "mock", "clear", "--all")
    await page.get_by_title("Retry Incident").click()
    assert await floor.ends(case_id) == "supplied"
    header = page.get_by_test_id("instance-header")
    await expect(header.get_by_test_id("COMPLETED-icon")).to_be_visible(timeout=SLOW)
