"""Every page, wide and narrow, light and dark: it keeps to the policy, fits, and axe finds nothing serious."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.people import Role
from tests.browser import story
from tests.browser.conftest import AXE, NARROW, SHOTS, WIDE, Visit, Visitor, missing
from workers.casefile.db import Database

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


async def nothing(_database: Database) -> str:
    return "/ui/cases/0"


PAGES: list[Prepare] = [
    start, cases, case, hostile_case, stuck_case, tasks, no_tasks, free_task, processes, process, inbox, nothing,
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
    SHOTS.mkdir(parents=True, exist_ok=True)
    look = "dark" if dark else "light"
    await visitor.page.screenshot(path=SHOTS / f"{prepare.__name__}-{width}-{look}.png", full_page=True)
    allowed = ["404"] if prepare is nothing else []
    assert [each for each in visitor.complaints if not any(word in each for word in allowed)] == []
    overflow = await visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{overflow} px too wide"
    if not AXE.is_file():
        missing("axe-core is not there: `make assets` fetches it (needs Node)")
    assert await found_by_axe(visitor) == []
