"""What people do in Operate and Tasklist, and on our pages: the words and places that they look for."""

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

AGENT, PASSWORD = "anna", "correct horse battery staple"
SLOW = 30_000
"""Milliseconds that Operate and Tasklist may take on a busy machine."""


@dataclass
class Person:
    """Somebody with a browser."""

    page: Page
    stack: Stack
    name: str = AGENT
    password: str = PASSWORD

    async def log_in_to_camunda(self) -> None:
        """Operate and Tasklist have one log-in."""
        await self.page.goto(self.stack.webapps.tasklist_url)
        await self.page.get_by_label("Username").fill(self.name, timeout=SLOW)
        await self.page.get_by_label("Password", exact=True).fill(self.password)
        await self.page.get_by_role("button", name="Log").click()
        await expect(self.page.get_by_label("Username")).to_have_count(0, timeout=SLOW)

    async def open_task(self, key: int, label: str = "Postcode") -> None:
        """A task in Tasklist with its form, taken; `label` is a field of the form."""
        await self.page.goto(f"{self.stack.webapps.tasklist_url}/{key}")
        await self.page.get_by_role("button", name="Assign to me").click(timeout=SLOW)
        await expect(self.page.get_by_label(label)).to_be_editable(timeout=SLOW)

    async def open_instance(self, key: int) -> None:
        """An instance in Operate."""
        await self.page.goto(f"{self.stack.webapps.operate_url}/processes/{key}")
        await expect(self.page.get_by_test_id("instance-header")).to_be_visible(timeout=SLOW)

    async def log_in_here(self, path: str) -> None:
        """Our own page at this path."""
        await self.page.goto(f"{self.stack.api_url}/login?next={path}")
        await self.page.get_by_label("Name").fill(self.name)
        await self.page.get_by_label("Password").fill(self.password)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.wait_for_url(f"**{path}")

    async def watch(self, case_id: str) -> Page:
        """Our page of a case in a window of its own, showing what happens while it happens."""
        window = Person(await self.page.context.new_page(), self.stack)
        await window.log_in_here(f"/ui/cases/{case_id}")
        await expect(window.page.locator("#live")).to_have_text("Live", timeout=SLOW)
        return window.page


async def seconds_until(look: Callable[[], Awaitable[bool]], limit: float = 30) -> float:
    """How long it takes until `look` says yes."""
    began = time.monotonic()
    while not await look():
        assert time.monotonic() - began < limit
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def orderops(stack: Stack, *arguments: str, typed: str = "") -> str:
    """A command as people type it, on this stack."""
    run = subprocess.run(
        [sys.executable, "-m", "workers.runtime.cli", *arguments],
        env={**os.environ, **stack.environment()},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def file_name(test: str) -> str:
    """A test's name as that of its picture."""
    return re.sub(r"\W+", "-", test.removeprefix("test_")).strip("-")


async def in_tasklist(tasklist: httpx.AsyncClient, task_key: int, state: str) -> bool:
    """Whether Tasklist shows the task in this state: CREATED, COMPLETED or CANCELED."""
    answer = await tasklist.get(f"/v1/tasks/{task_key}")
    return answer.is_success and answer.json()["taskState"] == state
