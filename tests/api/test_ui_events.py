"""Server-sent events: a page is told that what it shows has changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update

from api.live import Changes
from api.people import Role
from tests.api.conftest import assert_problem
from tests.api.people import Browser, browser, session_of, wear
from tests.api.people import add as add_person
from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.people_models import UserSession
from workers.runtime.settings import Settings


async def tell(database: Database, cases: str) -> None:
    """As whoever changes cases does."""
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_notify('cases', :cases)"), {"cases": cases})


@asynccontextmanager
async def stream(
    address: tuple[str, int], database: Database, query: str = "", cookie: str = ""
) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of somebody's stream."""
    host, port = address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=20) as client:
        wear(client, cookie or await session_of(database, await add_person(database, Role.AGENT)))
        async with client.stream("GET", f"/ui/events{query}") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield answer.aiter_lines()


async def changes(lines: AsyncIterator[str], within: float = 3) -> bool:
    """Whether a change is told in this time."""
    try:
        async with asyncio.timeout(within):
            async for line in lines:
                if line == "event: change":
                    return True
    except TimeoutError:
        return False
    return False


async def test_a_case_page_is_told_of_its_case_only(address: tuple[str, int], database: Database) -> None:
    async with stream(address, database, "?case=17") as lines:
        assert await changes(lines), "the first is for what happened between page and stream"
        await tell(database, "4,17,9")
        assert await changes(lines)
    async with stream(address, database, "?case=17") as lines:
        assert await changes(lines)
        await tell(database, "1,170,71")
        assert not await changes(lines, within=0.5)


async def test_a_list_is_told_of_any_case(address: tuple[str, int], database: Database) -> None:
    async with stream(address, database) as lines:
        assert await changes(lines)
        await tell(database, "4")
        assert await changes(lines)


async def test_a_page_that_nobody_told_comes_again_by_itself(
    address: tuple[str, int], app: FastAPI, database: Database
) -> None:
    """Whoever changed its case may have died after the commit, before they told of it."""
    app.state.changes = Changes(database, catch_up=0.3)
    async with stream(address, database, "?case=17") as lines:
        for _ in range(3):
            assert await changes(lines, within=2)
    app.state.changes = Changes(database, catch_up=30)
    async with stream(address, database, "?case=17") as lines:
        assert await changes(lines)
        assert not await changes(lines, within=1)


async def test_many_changes_are_told_as_few(address: tuple[str, int], database: Database) -> None:
    async with stream(address, database, "?case=17") as lines:
        assert await changes(lines)
        for _ in range(200):
            await tell(database, "17")
        told = 0
        while await changes(lines, within=0.6):
            told += 1
        assert 1 <= told < 20


async def test_it_ends_when_the_session_ends(address: tuple[str, int], app: FastAPI, database: Database) -> None:
    app.state.changes = Changes(database, look_every=0.2)
    cookie = await session_of(database, await add_person(database, Role.AGENT))
    async with stream(address, database, cookie=cookie) as lines:
        assert await changes(lines)
        await database.run(lambda session: people.end_session(session, people.hashed(cookie)))
        async with asyncio.timeout(5):
            assert [line async for line in lines if line.startswith("event")] == []


async def test_it_ends_however_much_changes_meanwhile(
    address: tuple[str, int], app: FastAPI, database: Database
) -> None:
    app.state.changes = Changes(database, look_every=0.3)
    cookie = await session_of(database, await add_person(database, Role.AGENT))

    async def change() -> None:
        while True:
            await tell(database, "17")
            await asyncio.sleep(0.05)

    async with stream(address, database, "?case=17", cookie=cookie) as lines:
        assert await changes(lines)
        changing = asyncio.create_task(change())
        await database.run(lambda session: people.end_session(session, people.hashed(cookie)))
        async with asyncio.timeout(5):
            async for _ in lines:
                pass
        changing.cancel()


async def test_nobody_is_told_without_a_log_in(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/ui/events", headers={"Accept": "text/event-stream"}), 401, "unauthorized")


@pytest.fixture
async def agent(app: FastAPI, database: Database) -> AsyncIterator[Browser]:
    async with browser(app, database, Role.AGENT) as somebody:
        yield somebody


async def test_so_many_and_no_more(agent: Browser, app: FastAPI, database: Database) -> None:
    app.state.changes = Changes(database, at_most=0)
    answer = await agent.client.get("/ui/events", headers={"Accept": "text/event-stream"})
    assert_problem(answer, 503, "unavailable")


async def test_one_connection_serves_everybody_who_watches(database: Database) -> None:
    changes = Changes(database)
    await changes.require()
    with changes.watch(None) as one, changes.watch("5") as other:
        await changes.require()
        listening = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN cases'"
        async with database.sessions() as session:
            before = await session.scalar(text(listening))
        await tell(database, "5")
        assert await one.changed(3)
        assert await other.changed(3)
        assert before is not None
    await changes.close()


async def test_when_the_database_hangs_up_pages_are_told_to_come_again(database: Database) -> None:
    changes = Changes(database)
    await changes.require()
    with changes.watch(None) as watcher:
        async with database.sessions() as session:
            await session.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN cases'")
            )
        assert await watcher.changed(3)
        assert watcher.over
    await changes.require()
    await changes.close()


async def test_a_page_that_renews_itself_keeps_no_session_awake(
    agent: Browser, database: Database, settings: Settings
) -> None:
    """Only what somebody does counts; a screen that is left alone is logged out like any other."""
    long_ago = timedelta(minutes=settings.session_idle_minutes - 1)

    async def seen(**change: Any) -> datetime:
        of_agent = UserSession.user_name == agent.name
        async with database.transaction() as session:
            if change:
                await session.execute(update(UserSession).where(of_agent).values(**change))
            return (await session.scalars(select(UserSession.seen_at).where(of_agent))).one()

    before = await seen(seen_at=datetime.now(UTC) - long_ago)
    assert (await agent.client.get("/ui/tasks", headers={"X-Watching": "1"})).status_code == 200
    assert await seen() == before
    assert (await agent.client.get("/ui/tasks")).status_code == 200
    assert await seen() > before
