"""Time, in the mocked outside world and in an engine whose clock may be moved."""

import os
import re
from datetime import timedelta
from typing import Annotated

import httpx
import typer

from workers.adapters.mock_world import MockWorld
from workers.runtime.errors import UserError
from workers.runtime.mocked.screen import ask, console, when

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d+[dhms])+")

HELP = """Let time pass, forward only: in the outside world, and in the engine if its clock may be moved.

In the outside world, payment providers forget idempotency keys after 24 hours, the time to answer disputes runs \
out, and what happens is stamped with the new time. In an engine started with `orderops up --controlled-clock`, \
timers that become due fire at once. The machine's clock, and so PostgreSQL's, stays as it is.

Examples:

  orderops mock pass-time 25h

  orderops mock pass-time 10d12h --outside-only
"""


def duration(text: str) -> timedelta:
    """25h, 10d, 1d12h30m, 90s. Raises UserError for anything else."""
    if not _DURATION.fullmatch(text):
        raise UserError(f"{text} is no length of time.", hint="Write it as 25h, 10d, 90m or 1d12h.")
    parts = re.findall(r"(\d+)([dhms])", text)
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta(0))
    except OverflowError:
        raise UserError(f"{text} is longer than anybody can wait.", hint="Write it as 25h or 10d.") from None


async def travel(world: MockWorld, management: str | None, how_long: timedelta) -> bool:
    """Let time pass outside, then in the engine at that management address, so that its timers find the new time.

    Says whether the engine's clock moved too.
    """
    await world.pass_time(how_long)
    if management is None:
        return False
    offset = int(how_long.total_seconds() * 1000)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        try:
            answer = await client.post(f"{management}/actuator/clock/add", json={"offsetMilli": offset})
        except httpx.TransportError:
            return False
    return answer.is_success


def pass_time_command(
    how_long: Annotated[str, typer.Argument(metavar="DURATION", help="25h, 10d, 90m, 1d12h")],
    outside_only: Annotated[bool, typer.Option("--outside-only", help="Leave the engine's clock alone.")] = False,
) -> None:
    """Let time pass; HELP explains it to people."""
    step = duration(how_long)

    async def go(world: MockWorld) -> bool:
        return await travel(world, None if outside_only else os.environ.get("ORDEROPS_ZEEBE_MANAGEMENT"), step)

    moved = ask(go)
    console.print(f"It is {when(ask(MockWorld.now))} in the outside world now.")
    if moved:
        console.print("The engine's clock moved as far.")
    elif not outside_only:
        console.print("The engine's clock did not move: `orderops up --controlled-clock` starts one that does.")


def add_to(mock: typer.Typer) -> None:
    """Adds the commands."""
    mock.command("pass-time", help=HELP)(pass_time_command)
