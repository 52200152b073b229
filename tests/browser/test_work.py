"""What people do on pages: by mouse and keyboard, while things change under their hands."""

import asyncio
import time

import pytest
from fastapi import FastAPI
from playwright.async_api import Locator, Page, expect

from api.live import Changes
from api.people import Role
from tests.api.people import COOKIE, session_of
from tests.api.people import add as person
from tests.api.ui_data import a_case, a_task, add, ago, an_element, an_entry, number
from tests.browser import story
from tests.browser.conftest import NARROW, WIDE, TellingEngine, Visit, tell
from tests.browser.test_pages import drawn
from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.record_models import Definition
from workers.runtime.resources import forms_dir

pytestmark = pytest.mark.browser

SHIFTS = """() => new Promise(done => {
    const sum = list => done(list.getEntries().reduce((sum, each) => sum + each.value, 0));
    new PerformanceObserver(sum).observe({type: 'layout-shift', buffered: true});
    setTimeout(() => done(0), 500);
})"""


class TestLive:
    async def test_a_case_page_shows_what_happens_while_it_happens(self, visit: Visit, database: Database) -> None:
        """At most 1.5 s after it was committed; focus, scroll and what was opened stay as they were."""
        case, _ = await story.waiting(database)
        visitor = await visit(f"/ui/cases/{case.id}", Role.AGENT)
        page = visitor.page
        await drawn(visitor)
        await expect(page.locator("#live")).to_have_text("Live")
        await page.locator("summary", has_text="Questions").click()
        await page.locator("#h-timeline").scroll_into_view_if_needed()
        scrolled = await page.evaluate("window.scrollY")
        await add(database, an_entry(case, "A parcel fell off the ship"))
        started = time.perf_counter()
        await tell(database, case.id)
        await expect(page.get_by_text("A parcel fell off the ship")).to_be_visible(timeout=1500)
        assert time.perf_counter() - started < 1.5
        assert await page.evaluate("document.activeElement.textContent") == "Questions to the customer (1)"
        assert await page.locator("details[open]", has_text="Questions").count() == 1
        assert await page.evaluate("window.scrollY") == scrolled
        assert visitor.complaints == []

    async def test_the_diagram_follows(self, visit: Visit, database: Database) -> None:
        case, _ = await story.waiting(database)
        visitor = await visit(f"/ui/cases/{case.id}")
        page = visitor.page
        await drawn(visitor)
        await expect(page.locator("#live")).to_have_text("Live")
        present = page.locator('.djs-shape.present[data-element-id="Task_GetOrder"]')
        await expect(present).to_have_count(0)
        await add(database, an_element(case, "Task_GetOrder", "ELEMENT_ACTIVATED"))
        await tell(database, case.id)
        await expect(present).to_have_count(1, timeout=2000)

    async def test_a_page_catches_up_with_what_it_was_not_told_of(
        self, visit: Visit, app: FastAPI, database: Database
    ) -> None:
        app.state.changes = Changes(database, catch_up=1)
        case, _ = await story.waiting(database)
        page = (await visit(f"/ui/cases/{case.id}")).page
        await expect(page.locator("#live")).to_have_text("Live")
        await add(database, an_entry(case, "A parcel fell off the ship"))
        await expect(page.get_by_text("A parcel fell off the ship")).to_be_visible(timeout=5000)

    async def test_it_says_so_while_it_is_not_live(self, visit: Visit, app: FastAPI, database: Database) -> None:
        page = (await visit("/ui/cases")).page
        await expect(page.locator("#live")).to_have_text("Live")
        before, app.state.changes = app.state.changes, Changes(database, at_most=0)
        await before.close()
        await expect(page.locator("#live")).to_have_text("Not live", timeout=10_000)
        app.state.changes = Changes(database)
        await expect(page.locator("#live")).to_have_text("Live", timeout=10_000)


async def test_the_makers_of_the_diagram_are_named(visit: Visit, database: Database) -> None:
    """Their licence asks for it; what their mark opens keeps to our policy, too."""
    case, _ = await story.waiting(database)
    visitor = await visit(f"/ui/cases/{case.id}")
    await drawn(visitor)
    mark = visitor.page.locator(".bjs-powered-by")
    await expect(mark).to_be_visible()
    await mark.click()
    await expect(visitor.page.get_by_text("Web-based tooling")).to_be_visible()
    assert visitor.complaints == []


class TestTask:
    async def test_an_agent_takes_a_task_and_completes_it(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        case, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit("/ui/tasks?whose=unclaimed", Role.AGENT)
        page = visitor.page
        await page.locator(f"#claim-{task.key}").click()
        await page.wait_for_url(f"**/ui/tasks/{task.key}")
        await drawn(visitor)
        await expect(page.get_by_label("Street and number")).to_have_value("Haupstr.")
        await page.get_by_label("Street and number").fill("Hauptstr. 5")
        await page.get_by_role("button", name="Complete the task").click()
        await page.wait_for_url(f"**/ui/cases/{case.id}")
        assert engine_seen.completed[0][0] == task.key
        assert engine_seen.completed[0][1]["street"] == "Hauptstr. 5"
        assert visitor.complaints == []

    async def test_it_can_be_done_on_the_case_page_while_that_goes_on(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        """What is typed stays when the page renews itself; taking it and completing it lead back to the case."""
        case, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/cases/{case.id}", Role.AGENT)
        page = visitor.page
        await drawn(visitor)
        await expect(page.get_by_label("Street and number")).not_to_be_editable()
        await page.locator(f"#claim-{task.key}").click()
        await expect(page.get_by_role("button", name="Complete the task")).to_be_visible()
        assert page.url.endswith(f"/ui/cases/{case.id}")
        await expect(page.locator("#live")).to_have_text("Live")
        await page.get_by_label("Street and number").fill("Hauptstr. 5")
        await add(database, an_entry(case, "A parcel fell off the ship", facts={"street": "Elsewhere"}))
        await tell(database, case.id)
        await expect(page.get_by_text("A parcel fell off the ship")).to_be_visible()
        await expect(page.get_by_label("Street and number")).to_have_value("Hauptstr. 5")
        await page.get_by_role("button", name="Complete the task").click()
        await expect(page.get_by_text("Finished tasks (1)")).to_be_visible()
        assert page.url.endswith(f"/ui/cases/{case.id}")
        await expect(page.locator("[data-form]")).to_have_count(0)
        [(key, answers)] = engine_seen.completed
        assert (key, answers["street"]) == (task.key, "Hauptstr. 5")
        assert visitor.complaints == []

    async def test_what_somebody_else_takes_away_can_be_filled_in_no_more(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        case, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/cases/{case.id}", Role.AGENT)
        await drawn(visitor)
        await visitor.page.locator(f"#claim-{task.key}").click()
        await expect(visitor.page.locator(".send")).to_be_visible()
        await expect(visitor.page.locator("#live")).to_have_text("Live")
        await engine_seen.assign_user_task(task.key, "bob", allow_override=True)
        await tell(database, case.id)
        await expect(visitor.page.locator(".send")).to_have_count(0)
        await expect(visitor.page.get_by_label("Street and number")).not_to_be_editable()

    async def test_what_is_taken_elsewhere_can_be_filled_in_at_once(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        case, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/tasks/{task.key}", Role.AGENT)
        await drawn(visitor)
        await expect(visitor.page.locator("#live")).to_have_text("Live")
        await expect(visitor.page.locator(".send")).to_have_count(0)
        await engine_seen.assign_user_task(task.key, visitor.name)
        await tell(database, case.id)
        await expect(visitor.page.locator(".send")).to_be_visible(timeout=3000)

    async def test_what_the_server_will_not_take_stands_beside_the_field_and_nothing_is_lost(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        _, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/tasks/{task.key}", Role.AGENT)
        page = visitor.page
        await page.get_by_role("button", name="Take").click()
        await drawn(visitor)
        await page.get_by_label("City").fill("Ber\u0085lin")
        await page.get_by_role("button", name="Complete the task").click()
        await expect(page.get_by_role("alert").first).to_contain_text("City contains line breaks")
        await expect(page.get_by_label("City")).to_have_value("Ber\u0085lin")
        assert engine_seen.completed == []

    async def test_what_was_typed_outlives_the_session(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        _, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/tasks/{task.key}", Role.AGENT)
        page = visitor.page
        await page.get_by_role("button", name="Take").click()
        await drawn(visitor)
        await page.get_by_label("City").fill("Potsdam")
        [cookie] = await page.context.cookies()
        await database.run(lambda session: people.end_session(session, people.hashed(cookie["value"])))
        await page.get_by_role("button", name="Complete the task").click()
        await expect(page.get_by_role("alert").first).to_contain_text("Your log-in has ended")
        await expect(page.get_by_label("City")).to_have_value("Potsdam")
        await page.reload()
        assert "/login" in page.url
        await page.get_by_label("Name").fill(visitor.name)
        await page.get_by_label("Password").fill("correct horse battery staple")
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(f"**/ui/tasks/{task.key}")
        await drawn(visitor)
        await expect(page.get_by_label("City")).to_have_value("Potsdam")

    @pytest.mark.parametrize("at", ["on the page", "/logout"])
    async def test_what_was_typed_does_not_outlive_logging_out(
        self, at: str, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        _, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/tasks/{task.key}", Role.AGENT)
        page = visitor.page
        await page.get_by_role("button", name="Take").click()
        await drawn(visitor)
        await page.get_by_label("City").fill("Potsdam")
        await asyncio.sleep(0.5)  # until it is kept
        assert "Potsdam" in await page.evaluate("Object.values(sessionStorage).join()")
        if at == "/logout":
            await page.goto(at)
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url("**/login**")
        assert await page.evaluate("sessionStorage.length") == 0
        assert visitor.complaints == []

    async def test_what_somebody_typed_is_not_shown_to_the_next_one_at_the_same_screen(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        """A session that ended keeps what was typed, for whom it was typed by."""
        _, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit(f"/ui/tasks/{task.key}", Role.AGENT)
        page = visitor.page
        await page.get_by_role("button", name="Take").click()
        await drawn(visitor)
        await page.get_by_label("City").fill("Potsdam")
        await asyncio.sleep(0.5)  # until it is kept
        after = await person(database, Role.AGENT)
        await engine_seen.assign_user_task(task.key, after, allow_override=True)
        [cookie] = await page.context.cookies()
        others = await session_of(database, after)
        await page.context.add_cookies(
            [{"name": COOKIE, "value": others, "domain": cookie["domain"], "path": "/"}]
        )
        await page.reload()
        await drawn(visitor)
        await expect(page.get_by_role("button", name="Complete the task")).to_be_visible()
        await expect(page.get_by_label("City")).not_to_have_value("Potsdam")


class TestKeyboard:
    async def test_the_first_stop_leads_past_the_menu(self, visit: Visit) -> None:
        page = (await visit("/ui")).page
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()

    async def test_an_operator_lets_a_case_go_on_without_a_mouse(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        case = await story.stuck(database)
        page = (await visit(f"/ui/cases/{case.id}", Role.LEAD)).page
        await page.get_by_role("button", name="Try again").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
        assert len(engine_seen.resolved) == 1

    async def test_an_agent_does_a_task_without_a_mouse(
        self, visit: Visit, database: Database, engine_seen: TellingEngine
    ) -> None:
        """From the list to the end: every stop is reached with Tab, and pressed or filled in there."""
        await story.nobody_waits(database)
        case, task = await story.waiting(database)
        engine_seen.open_tasks[task.key] = None
        visitor = await visit("/ui/tasks?whose=unclaimed", Role.AGENT)
        page = visitor.page
        await tab_to(page, page.locator(f"#claim-{task.key}"))
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/ui/tasks/{task.key}")
        await drawn(visitor)
        await tab_to(page, page.get_by_label("Street and number"))
        await page.keyboard.press("Control+a")
        await page.keyboard.type("Hauptstr. 5")
        await tab_to(page, page.get_by_role("button", name="Complete the task"))
        await page.keyboard.press("Space")
        await page.wait_for_url(f"**/ui/cases/{case.id}")
        [(key, answers)] = engine_seen.completed
        assert (key, answers["street"]) == (task.key, "Hauptstr. 5")


async def tab_to(page: Page, goal: Locator) -> None:
    """As often as somebody would still put up with; what has the focus is seen to have it."""
    for _ in range(60):
        if await goal.evaluate("each => each === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(goal).to_be_focused()
    ring = "getComputedStyle(each.closest('.fjs-input-group') ?? each).outlineStyle"
    assert await goal.evaluate(f"each => {ring}") == "solid"


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(
    "path",
    [
        "/ui",
        "/ui/cases",
        "/ui/tasks?whose=all",
        "/ui/processes/fulfillment",
        "/ui/cases/{case}",
        "/ui/tasks/{task}",
    ],
)
async def test_nothing_jumps_while_a_page_loads(path: str, width: int, visit: Visit, database: Database) -> None:
    """The room that a form will take is kept free, whichever form it is."""
    case, task = await story.waiting(database)
    visitor = await visit(path.format(case=case.id, task=task.key), width=width)
    await drawn(visitor)
    await asyncio.sleep(0.5)
    assert await visitor.page.evaluate(SHIFTS) < 0.05


@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_the_room_that_is_kept_free_fits_every_form(width: int, visit: Visit, database: Database) -> None:
    """Too little makes the page jump; too much leaves a hole in it."""
    case = a_case()
    await add(database, case)
    for path in sorted(forms_dir().glob("*.form")):
        form = Definition(
            key=number(), kind="form", id=path.stem, version=1, resource=path.read_text(), deployed_at=ago()
        )
        task = a_task(case, form_key=form.key)
        await add(database, form, task)
        visitor = await visit(f"/ui/tasks/{task.key}", width=width)
        await drawn(visitor)
        broad, slim, needed = await visitor.page.evaluate(
            "['.broad', '.slim', '.drawing'].map(each => document.querySelector(each).offsetHeight ?? "
            "document.querySelector(each).getBoundingClientRect().height)"
        )
        assert -30 < broad + slim - needed < 90, (form.id, broad + slim, needed)
