"""Two agents and a lead at one queue of tickets, on our pages at the same time."""

import pytest
from playwright.async_api import expect

from api.people import Role
from tests.api.ui_data import a_case, a_task, add
from tests.browser.conftest import TellingEngine, Visit, Visitor, tell
from tests.browser.test_pages import drawn
from workers.casefile.db import Database
from workers.casefile.models import Task

pytestmark = pytest.mark.browser


async def waiting(database: Database, engine: TellingEngine, element: str, *groups: str) -> tuple[str, Task]:
    """A case with a ticket that waits for a person."""
    process = "escalation" if element == "Task_HandleEscalation" else "resolution"
    case = a_case(process="triage", order_number=None, total_minor=None, currency=None)
    task = a_task(case, process=process, element_id=element, candidate_groups=list(groups), priority=75)
    await add(database, case, task)
    engine.open_tasks[task.key] = None
    return case.id, task


async def takes(somebody: Visitor, task: Task) -> None:
    await somebody.page.goto(f"/ui/tasks/{task.key}")
    await somebody.page.get_by_role("button", name="Take").click()
    await expect(somebody.page.get_by_role("button", name="Complete the task")).to_be_visible()
    await drawn(somebody)


async def test_a_queue_is_shared(visit: Visit, database: Database, engine_seen: TellingEngine) -> None:
    """Each takes another ticket; what one has, the others see; the lead gets what was escalated."""
    case_id, first = await waiting(database, engine_seen, "Task_AnswerTicket", "support", "lead")
    _, second = await waiting(database, engine_seen, "Task_AnswerTicket", "support", "lead")
    _, dangerous = await waiting(database, engine_seen, "Task_HandleEscalation", "lead")
    ada = await visit("/ui/tasks?whose=unclaimed", Role.AGENT)
    bob = await visit(f"/ui/tasks/{first.key}", Role.AGENT)
    lead = await visit("/ui/tasks?whose=unclaimed", Role.LEAD)
    await expect(bob.page.locator("#live")).to_have_text("Live")
    await expect(bob.page.get_by_role("button", name="Take")).to_be_visible()
    await takes(ada, first)
    await tell(database, case_id)
    await expect(bob.page.get_by_role("button", name="Take")).to_have_count(0, timeout=3000)
    await takes(bob, second)
    await takes(lead, dangerous)

    await ada.page.get_by_label("Send the answer below", exact=True).check()
    await ada.page.get_by_label("Your words to the customer").fill("It takes an E27 bulb.")
    await ada.page.get_by_role("button", name="Complete the task").click()
    await expect(ada.page).not_to_have_url(f"/ui/tasks/{first.key}")

    await bob.page.get_by_label("Pay back, then send the answer below").check()
    await bob.page.get_by_label("How much goes back").fill("12.5")
    await bob.page.get_by_label("Your words to the customer").fill("We pay 12.50 back.")
    await bob.page.get_by_role("button", name="Complete the task").click()
    await expect(bob.page).not_to_have_url(f"/ui/tasks/{second.key}")

    await lead.page.get_by_label("Answer", exact=True).check()
    await lead.page.get_by_label("Your answer to the customer").fill("Please stop using it.")
    await lead.page.get_by_role("button", name="Complete the task").click()
    await expect(lead.page).not_to_have_url(f"/ui/tasks/{dangerous.key}")

    done = dict(engine_seen.completed)
    assert done[first.key]["decision"] == "send"
    assert done[first.key]["reply"] == "It takes an E27 bulb."
    assert (done[second.key]["decision"], done[second.key]["amount"]) == ("refund", 12.5)
    assert done[dangerous.key]["escalation_decision"] == "answer"
    assert ada.complaints == bob.complaints == lead.complaints == []


async def test_words_to_the_customer_are_asked_for(
    visit: Visit, database: Database, engine_seen: TellingEngine
) -> None:
    _, task = await waiting(database, engine_seen, "Task_AnswerTicket", "support", "lead")
    ada = await visit("/ui/tasks?whose=unclaimed", Role.AGENT)
    await takes(ada, task)
    await ada.page.get_by_label("Send the answer below", exact=True).check()
    await ada.page.get_by_role("button", name="Complete the task").click()
    await expect(ada.page.get_by_text("Field is required").first).to_be_visible()
    assert engine_seen.completed == []
    await ada.page.get_by_label("No answer is needed").check()
    await ada.page.get_by_role("button", name="Complete the task").click()
    await expect(ada.page).not_to_have_url(f"/ui/tasks/{task.key}")
    [(_, answers)] = engine_seen.completed
    assert answers["decision"] == "no_answer"
