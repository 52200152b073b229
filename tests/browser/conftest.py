"""A real Chromium on a real server, over a real PostgreSQL; the engine is faked and writes what records would."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright
from sqlalchemy import text, update

from api.main import create_app
from api.people import Role
from tests.api.conftest import address, settings, wired
from tests.api.fake_engine import FakeEngine
from tests.api.people import COOKIE, add, session_of
from workers.casefile.db import Database
from workers.casefile.models import Incident, Task
from workers.runtime.bootstrap import Assembled
from workers.runtime.engine import Engine

__all__ = ["address", "settings", "wired"]

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / ".assets" / "node_modules" / "axe-core" / "axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW = 1280, 360


@dataclass
class TellingEngine(FakeEngine):
    """What people do comes back as the engine's records would bring it: in our tables, with a notification."""

    database: Database | None = None

    async def assign_user_task(self, key: int, assignee: str, *, allow_override: bool = False) -> None:
        await super().assign_user_task(key, assignee, allow_override=allow_override)
        await self._write(update(Task).where(Task.key == key).values(assignee=assignee))

    async def unassign_user_task(self, key: int) -> None:
        await super().unassign_user_task(key)
        await self._write(update(Task).where(Task.key == key).values(assignee=None))

    async def complete_user_task(self, key: int, variables: Mapping[str, Any]) -> None:
        await super().complete_user_task(key, variables)
        await self._write(update(Task).where(Task.key == key).values(state="completed", finished_at=text("now()")))

    async def resolve_incident(self, key: int, job_key: int | None) -> None:
        await super().resolve_incident(key, job_key)
        await self._write(update(Incident).where(Incident.key == key).values(resolved_at=text("now()")))

    async def _write(self, statement: Any) -> None:
        assert self.database is not None
        async with self.database.transaction() as session:
            await session.execute(statement)


async def tell(database: Database, case_id: str) -> None:
    """As whoever changes a case does."""
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_notify('cases', :case)"), {"case": case_id})


@pytest.fixture
def engine_seen(database: Database) -> TellingEngine:
    return TellingEngine(database=database)


@pytest.fixture
def app(wired: Assembled, engine_seen: TellingEngine) -> FastAPI:
    return create_app(replace(wired, engine=cast(Engine, engine_seen)))


def missing(what: str) -> NoReturn:
    """A developer may go without; CI may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing("no Chromium or Chrome on the PATH; on Debian: apt install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        await browser.close()


@dataclass
class Visitor:
    """A page of somebody who is logged in, and what its browser complained about."""

    name: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def visit(chromium: Browser, address: tuple[str, int], database: Database) -> AsyncIterator[Visit]:
    """Opens a page of somebody new with these roles, or of a stranger; what the policy forbids is a complaint."""
    contexts = []
    host, port = address

    async def open_page(
        path: str, *roles: Role, width: int = WIDE, dark: bool = False, known: bool = True
    ) -> Visitor:
        name = await add(database, *(roles or (Role.LEAD,)))
        context = await chromium.new_context(
            base_url=f"http://{host}:{port}",
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        if known:
            cookie = await session_of(database, name)
            await context.add_cookies([{"name": COOKIE, "value": cookie, "domain": host, "path": "/"}])
        visitor = Visitor(name, await context.new_page())
        visitor.page.on("console", visitor.hear)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        await visitor.page.goto(path)
        return visitor

    yield open_page
    for context in contexts:
        await context.close()
