"""`make tickets`: real tickets through the webhook, and what becomes of each."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvloop
from rich.console import Console
from sqlalchemy import select

from tests.bench.ground import FULL, Ground, ground
from tests.bench.report import table, write
from tests.eval.cases import DATA
from tests.tickets import books
from tests.tickets.books import Books
from tests.tickets.letters import Letter, in_order, letters, signed
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.models import Task
from workers.runtime import logs
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.demo.people import hire
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig

REPORT = Path("build/reports/tickets.json")
RATE, TOGETHER = 50, 16
"""Deliveries a second, and most at once."""
SECONDS_EACH, PATIENCE = 0.4, 60
"""How long a ticket may take, and some more for all, before the rest counts as lost."""
NOT_NOW = frozenset({httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE})
"""The customer has just written again, and another task takes this one's place; or the engine is too busy."""
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def tickets(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s: 500 tickets.")] = False,
    count: Annotated[int, typer.Option(help="Tickets; 0 is 500 or, in full, 5,000.")] = 0,
) -> None:
    """Send tickets to a stack of their own, 50 a second, and count how each ends; in full about 8 minutes.

    Texts come from the folder ORDEROPS_DATA (../shared/data); without it, they are our own. People take what waits
    for them, so that each of those has a name. Figures: build/reports/tickets.json. When one is lost, something
    happens twice, or a dangerous one is answered automatically, the command ends with 1.
    """
    logs.configure("json", logging.WARNING)
    began = time.monotonic()
    number = count or (500 if quick else 5_000)
    prepare_with_progress(StackConfig(instance="tickets"))
    with console.status("Starting") as line, ground(FULL, line.update, short_lived=quick) as floor:
        figures = uvloop.run(_run(floor, number))
    figures = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick, **figures}
    figures["seconds"] = round(time.monotonic() - began, 1)
    write(figures, REPORT)
    console.print(table(figures, "Tickets"))
    console.print(f"Figures: {REPORT}.")
    if figures["lost"] or figures["twice"] or figures["auto_replied_safety"]:
        raise UserError("Some tickets did not end as they have to.", hint="The figures above say which kind.")


async def _run(floor: Ground, number: int) -> dict[str, Any]:
    database = Database(floor.stack.database_url, 8)
    folder = Path(os.environ.get("ORDEROPS_DATA", DATA))
    try:
        async with MockWorld(floor.stack.database_url) as world:
            floor.say(f"{number} tickets are written")
            written = await letters(world, number, folder)
            staff = await hire(database, floor.stack.environment()["ORDEROPS_PUBLIC_URL"])
            async with httpx.AsyncClient(base_url=floor.stack.api_url, trust_env=False, timeout=30) as http:
                began = time.monotonic()
                sent = await _send(http, written, floor)
                team = partial(_claim, database, http, staff["lead-1"])
                found = await _settle(database, world, written, floor, team)
                took = round(time.monotonic() - began, 1)
    finally:
        await database.close()
    for lost in (letter for letter in written if not found.rests(letter)):
        console.print(f"Lost: {found.about(lost)}")
    return {
        **_counted(written, found),
        **sent,
        "first_delivery_to_last_rest_s": took,
        "texts": "shared data" if (folder / "support").is_dir() else "ours",
    }


async def _send(http: httpx.AsyncClient, written: Sequence[Letter], floor: Ground) -> dict[str, Any]:
    """Every delivery, at its rate; refused ones come again, as Zendesk's do."""
    secret = floor.stack.secrets["ORDEROPS_ZENDESK_SECRETS"].split(",")[0]
    places, began, number = asyncio.Semaphore(TOGETHER), time.monotonic(), 0

    async def deliver(body: bytes) -> None:
        async with places:
            for pause in (0.5, 1, 2, 4, 8):
                answer = await http.post("/webhooks/zendesk", content=body, headers=signed(body, secret))
                if answer.status_code == httpx.codes.OK:
                    return
                await asyncio.sleep(pause)
            answer.raise_for_status()

    async with asyncio.TaskGroup() as group:
        for number, body in enumerate(in_order(written), 1):
            group.create_task(deliver(body))
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            if number % RATE == 0:
                floor.say(f"{number} deliveries")
    return {"deliveries": number, "deliveries_per_second": round(number / (time.monotonic() - began), 1)}


async def _settle(
    database: Database,
    world: MockWorld,
    written: Sequence[Letter],
    floor: Ground,
    team: Callable[[], Awaitable[int]],
) -> Books:
    """Let people take what waits, until every ticket rests or nobody believes in it any more."""
    deadline = time.monotonic() + PATIENCE + SECONDS_EACH * len(written)
    in_all = 0
    while True:
        taken, late = await team(), time.monotonic() > deadline
        if taken and not late:  # later the books are worth their time
            in_all += taken
            floor.say(f"{in_all} of {len(written)} tickets are taken by a person")
        else:
            found = await books.read(database, world)
            settled = found.settled(written)
            floor.say(f"{settled} of {len(written)} tickets rest")
            if late or (settled == len(written) and found.named()):
                return found
        await asyncio.sleep(0.5)


async def _claim(database: Database, http: httpx.AsyncClient, person: dict[str, str]) -> int:
    """Somebody takes every ticket that waits for anybody; gives how many."""
    async with database.sessions() as session:
        waiting = select(Task.key).where(
            Task.state == "open", Task.element_id == books.ANSWER, Task.assignee.is_(None)
        )
        keys = list(await session.scalars(waiting))
    places = asyncio.Semaphore(TOGETHER)

    async def claim(key: int) -> None:
        async with places:
            answer = await http.post(f"/tasks/{key}/claim", json={}, headers=person)
        if answer.status_code not in NOT_NOW:
            answer.raise_for_status()

    await asyncio.gather(*(claim(key) for key in keys))
    return len(keys)


def _counted(written: Sequence[Letter], found: Books) -> dict[str, Any]:
    ends = Counter(_end(letter, found) for letter in written)
    dangerous = {letter.ticket_id for letter in written if letter.safety} | set(found.unsafe)
    twice = [
        letter.ticket_id
        for letter in written
        if found.instances.get(letter.ticket_id, 0) > 1
        or found.replies.get(letter.ticket_id, 0) > letter.messages
        or found.messages.get(letter.ticket_id, 0) > letter.messages
    ]
    return {
        "tickets": len(written),
        "solved": ends["solved"],
        "waiting": ends["waiting"],
        "escalated": ends["escalated"],
        "lost": ends["lost"],
        "twice": len(twice),
        "auto_replied_safety": len(dangerous & set(found.by_itself)),
        "waiting_without_a_name": sum(person is None for person in found.waiting.values()),
        "dangerous": len(dangerous),
        "answered_by_itself": len(found.by_itself),
    }


def _end(letter: Letter, found: Books) -> str:
    if not found.rests(letter):
        return "lost"
    if letter.ticket_id in found.escalated:
        return "escalated"
    return "waiting" if letter.ticket_id in found.waiting else "solved"


def main() -> None:
    """The command; an error is one sentence and what to do."""
    try:
        app()
    except UserError as error:
        console.print(f"[red]{error}[/] {error.hint or ''}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
