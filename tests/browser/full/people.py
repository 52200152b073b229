"""What browser tests do in Operate and Tasklist, and on our pages: the words and places that people look for."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from playwright.async_api import Page, expect

from workers.runtime.native.stack import Stack

AGENT, AGENT_PASSWORD = "anna", "throw-away-password"
SLOW = 20_000
"""Milliseconds that Operate and Tasklist may be behind."""


@dataclass
class Webapps:
    """Operate and Tasklist as a person uses them."""

    page: Page
    stack: Stack

    async def log_in(self, user: str = AGENT, password: str = AGENT_PASSWORD) -> None:
        """Both have one log-in."""
        await self.page.goto(self.stack.webapps.tasklist_url)
        await self.page.get_by_label("Username").fill(user)
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.get_by_role("button", name="Log").click()
        await expect(self.page.get_by_role("heading", name="Log")).to_have_count(0)

    async def open_task(self, key: int) -> None:
        """A task with its form, assigned to whoever is logged in."""
        await self.page.goto(f"{self.stack.webapps.tasklist_url}/{key}")
        await self.page.get_by_role("button", name="Assign to me").click(timeout=SLOW)
        await expect(self.page.get_by_role("button", name="Complete Task")).to_be_enabled(timeout=SLOW)

    async def complete_task(self) -> None:
        """With what the form says now."""
        await self.page.get_by_role("button", name="Complete Task").click()

    async def open_instance(self, key: int) -> None:
        """An instance in Operate."""
        await self.page.goto(f"{self.stack.webapps.operate_url}/processes/{key}")
        await expect(self.page.get_by_test_id("instance-header")).to_be_visible(timeout=SLOW)


async def seconds_until(look: Callable[[], Awaitable[bool]], limit: float = 20) -> float:
    """How long it takes until `look` says yes."""
    began = time.monotonic()
    while not await look():
        assert time.monotonic() - began < limit
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def orderops(stack: Stack, *arguments: str) -> str:
    """A command as people type it, on this stack."""
    run = subprocess.run(
        [sys.executable, "-m", "workers.runtime.cli", *arguments],
        env={**os.environ, **stack.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def file_name(test: str) -> str:
    """A test's name as that of its picture."""
    return re.sub(r"\W+", "-", test.removeprefix("test_")).strip("-")


async def in_tasklist(http: httpx.AsyncClient, task_key: int, state: str) -> bool:
    """Whether Tasklist lists the task in this state (CREATED, COMPLETED, CANCELED)."""
    answer = await http.get(f"/v1/tasks/{task_key}")
    return answer.is_success and answer.json()["taskState"] == state
