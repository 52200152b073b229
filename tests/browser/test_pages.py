"""Every page, wide and narrow, light and dark: it keeps to the policy, fits, and axe finds nothing serious."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from api.people import Role
from tests.api.test_hostile_text import asked
from tests.api.ticket_story import day_of_tickets, escalated
from tests.api.ui_data import a_case, add, ago
from tests.browser import story
from tests.browser.conftest import AXE, NARROW, SHOTS, WIDE, Visit, Visitor, missing
from workers.casefile.db import Database
from workers.casefile.models import InboxRow
from workers.casefile.requests import RequestKind
from workers.runtime.bootstrap import Assembled

pytestmark = pytest.mark.browser

Prepare = Callable[[Database], Awaitable[str]]
"""Puts rows into the database and gives the address to look at."""


async def start(database: Database) -> str:
    await story.week(database)
    await story.waiting(database)
    await story.stuck(database)
    return "/ui"


async def cases(database: Database) -> str:
    await story.waiting(database, hostile=True)
    await story.stuck(database, story.LONG)
    return "/ui/cases"


async def case(database: Database) -> str:
    return f"/ui/cases/{(await story.waiting(database))[0].id}"


async def hostile_case(database: Database) -> str:
    return f"/ui/cases/{(await story.waiting(database, hostile=True))[0].id}"


async def stuck_case(database: Database) -> str:
    return f"/ui/cases/{(await story.stuck(database)).id}"


async def tasks(database: Database) -> str:
    await story.waiting(database, hostile=True)
    return "/ui/tasks?whose=all"


async def no_tasks(_database: Database) -> str:
    return "/ui/tasks"


async def free_task(database: Database) -> str:
    return f"/ui/tasks/{(await story.waiting(database))[1].key}"


async def processes(_database: Database) -> str:
    return "/ui/processes"


async def process(database: Database) -> str:
    await story.stuck(database)
    await story.waiting(database)
    return "/ui/processes/fulfillment"


async def inbox(_database: Database) -> str:
    return "/ui/inbox"


async def unmatched(database: Database) -> str:
    rows = [
        InboxRow(
            source=source, process="tracking", message_name=name, correlation_key=number, time_to_live_ms=1,
            variables={}, dedupe_key=f"{name}:{uuid4()}", body_sha256=b"", trace_id="", attempts=1,
            received_at=ago(hours=5), published_at=ago(hours=5), matched=False,
        )
        for source, name, number in (
            ("cj", "supplier_shipped", "CJ-100001"), ("easypost", "parcel_moved", story.LONG[:64]),
        )
    ]  # fmt: skip
    await add(database, *rows)
    return "/ui/inbox?state=unmatched"


async def sla(database: Database) -> str:
    await day_of_tickets(database)
    return "/ui/sla"


async def ticket(database: Database) -> str:
    [*_, last] = await day_of_tickets(database)
    await add(database, a_case(id=last, order_number=None))
    return f"/ui/cases/{last}"


async def escalations(database: Database) -> str:
    await escalated(database)
    await escalated(database, "ada")
    return "/ui/escalations"


async def nothing(_database: Database) -> str:
    return "/ui/cases/0"


PAGES: list[Prepare] = [
    start, cases, case, hostile_case, stuck_case, tasks, no_tasks, free_task, processes, process, inbox, unmatched,
    sla, ticket, escalations, nothing,
]  # fmt: skip


async def drawn(visitor: Visitor) -> None:
    """Diagrams and forms are there, and nothing is loading any more."""
    page = visitor.page
    for holder in ("[data-diagram]", "[data-form]"):
        if await page.locator(holder).count():
            await page.wait_for_selector(f"{holder}[data-drawn]", timeout=15_000, state="attached")
    await page.wait_for_load_state("load")


async def found_by_axe(visitor: Visitor) -> list[str]:
    await visitor.page.evaluate(AXE.read_text())  # as the browser's tools would: the policy is for the page's own
    found: dict[str, Any] = await visitor.page.evaluate("() => axe.run(document)")
    return [
        f"{each['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("prepare", PAGES, ids=lambda each: each.__name__)
async def test_a_page_is_fit_to_be_seen(
    prepare: Prepare, width: int, dark: bool, visit: Visit, database: Database
) -> None:
    path = await prepare(database)
    visitor = await visit(path, Role.LEAD, Role.AGENT, width=width, dark=dark)
    await drawn(visitor)
    for letter in await visitor.page.locator("#timeline summary").all():
        await letter.click()
    await assert_fit(visitor, f"{prepare.__name__}-{width}-{look(dark)}", "404" if prepare is nothing else None)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("path", ["/login", "/logout", "/problems", "/docs"])
async def test_a_page_around_the_work_is_fit_to_be_seen(path: str, width: int, dark: bool, visit: Visit) -> None:
    visitor = await visit(path, width=width, dark=dark, known=path == "/logout")
    await visitor.page.wait_for_load_state("networkidle")
    await assert_fit(visitor, f"{path[1:]}-{width}-{look(dark)}")


async def test_a_log_in_that_failed_is_fit_to_be_seen(visit: Visit) -> None:
    visitor = await visit("/login", known=False)
    await visitor.page.get_by_label("Name").fill("nobody")
    await visitor.page.get_by_label("Password").fill("wrong")
    await visitor.page.get_by_role("button", name="Log in").click()
    await visitor.page.get_by_role("alert").wait_for()
    await assert_fit(visitor, "login-failed", "401")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("kind", list(RequestKind))
async def test_a_customers_page_is_fit_to_be_seen(
    kind: RequestKind, width: int, dark: bool, visit: Visit, wired: Assembled
) -> None:
    """As it is opened, and once it was answered; an address that will not do is shown with what is wrong."""
    path = urlsplit(await asked(wired, kind, "Haupstr. <b>1</b>")).path
    visitor = await visit(path, width=width, dark=dark, known=False)
    await assert_fit(visitor, f"customer-{kind.value}-{width}-{look(dark)}")
    await visitor.page.locator("main button").first.click()
    await visitor.page.wait_for_load_state("load")
    await assert_fit(visitor, f"customer-{kind.value}-answered-{width}-{look(dark)}", "422")


async def test_a_link_that_leads_nowhere_is_fit_to_be_seen(visit: Visit) -> None:
    await assert_fit(await visit("/c/x", known=False), "customer-nowhere", "404")


def look(dark: bool) -> str:
    return "dark" if dark else "light"


async def assert_fit(visitor: Visitor, name: str, allowed: str | None = None) -> None:
    """A picture is kept; the browser may complain of an answer's status that belongs to the page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    await visitor.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert [each for each in visitor.complaints if allowed is None or allowed not in each] == []
    overflow = await visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{overflow} px too wide"
    if not AXE.is_file():
        missing("axe-core is not there: `make assets` fetches it (needs Node)")
    assert await found_by_axe(visitor) == []
