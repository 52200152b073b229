"""Two agents and a lead work a queue of tickets together: one in Tasklist, the others on our pages."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import select

from tests.browser.full.people import AGENT, PASSWORD, SLOW, Person, in_tasklist, orderops, seconds_until
from tests.engine.shop_floor import Floor
from tests.engine.ticket_desk import HARM, SUGGESTION, Customer
from workers.casefile.finding_models import TicketAnswer
from workers.runtime.native.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

COLLEAGUE, LEAD = "ben", "lisa"
WORDS = "Your words to the customer"


@pytest.fixture
async def team(chromium: Browser, stack: Stack) -> AsyncIterator[tuple[Person, Person]]:
    """A second agent and a lead, each at a browser of their own, logged in on our pages."""
    people = []
    for name, role in ((COLLEAGUE, "agent"), (LEAD, "lead")):
        orderops(stack, "user", "add", name, "--role", role, typed=PASSWORD)
        context = await chromium.new_context(viewport={"width": 1400, "height": 900})
        person = Person(await context.new_page(), stack, name)
        await person.log_in_here("/ui/tasks")
        people.append(person)
    yield people[0], people[1]
    for person in people:
        await person.page.context.close()


async def test_two_agents_and_a_lead_work_a_queue(
    floor: Floor, agent: Person, team: tuple[Person, Person], tasklist: httpx.AsyncClient
) -> None:
    colleague, lead = team
    customers = [await writes(floor, text) for text in (SUGGESTION, SUGGESTION, HARM)]
    first, second, hurt = customers
    answers = [await first.task(), await second.task()]
    dangerous = await hurt.task("Task_HandleEscalation")

    await colleague.page.goto(f"{colleague.stack.api_url}/ui/tasks/{answers[0].key}")
    await expect(colleague.page.locator("#live")).to_have_text("Live", timeout=SLOW)
    await agent.log_in_to_camunda()
    await agent.open_task(answers[0].key, WORDS)
    await expect(colleague.page.get_by_role("button", name="Take")).to_have_count(0, timeout=SLOW)
    await agent.page.get_by_role("radio", name="Send the answer below", exact=True).dispatch_event("click")
    await agent.page.get_by_label(WORDS).fill("It is, and takes an E27 bulb.")
    async with agent.page.expect_response(lambda answer: "/complete" in answer.url) as answered:
        await agent.page.get_by_role("button", name="Complete Task").click()
    assert (await answered.value).ok

    await takes(colleague, answers[1].key)
    await colleague.page.get_by_label("Send the answer below", exact=True).check(timeout=SLOW)
    await colleague.page.get_by_label(WORDS).fill("It is dimmable.")
    await colleague.page.get_by_role("button", name="Complete the task").click()

    await takes(lead, dangerous.key)
    await lead.page.get_by_label("Answer", exact=True).check(timeout=SLOW)
    await lead.page.get_by_label("Your answer to the customer").fill("Please stop using it.")
    await lead.page.get_by_role("button", name="Complete the task").click()

    said = [await reply(customer) for customer in customers]
    assert said == ["It is, and takes an E27 bulb.", "It is dimmable.", "Please stop using it."]
    assert [await decided_by(customer) for customer in customers] == [
        f"person:{name}" for name in (AGENT, COLLEAGUE, LEAD)
    ]
    await seconds_until(lambda: in_tasklist(tasklist, answers[1].key, "COMPLETED"))


async def writes(floor: Floor, text: str) -> Customer:
    """Somebody new."""
    email = f"{uuid4()}@example.com"
    body = {"email": email, "text": text, "name": "Ada Example"}
    answer = await floor.http.post("/tickets", json=body, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 202, answer.text
    return Customer(floor, None, email, ticket_id=answer.json()["id"])


async def takes(somebody: Person, key: int) -> None:
    """A task on our page."""
    await somebody.page.goto(f"{somebody.stack.api_url}/ui/tasks/{key}")
    await somebody.page.get_by_role("button", name="Take").click()


async def reply(customer: Customer) -> str:
    """The one that the helpdesk sent."""

    async def sent() -> bool:
        return bool(await customer.replies())

    await seconds_until(sent)
    [one] = await customer.replies()
    return one.body


async def decided_by(customer: Customer) -> str:
    """Who, by our books."""
    query = select(TicketAnswer.decided_by).where(TicketAnswer.ticket_id == customer.ticket_id)
    async with customer.floor.app.database.sessions() as session:
        return (await session.scalars(query)).one()
