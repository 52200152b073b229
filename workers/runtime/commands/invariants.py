"""`orderops invariants`: whether nothing is lost and nothing was done twice, by the outside world's own books."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from workers.adapters.mock_world import MockWorld
from workers.casefile.db import DATABASE_AWAY
from workers.runtime.bootstrap import assemble
from workers.runtime.errors import UserError
from workers.runtime.invariants import Check, check
from workers.runtime.settings import Settings, load_settings

SHOWN = 5
console = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(invariants)


def invariants(
    grace: Annotated[float, typer.Option(min=0, help="Seconds that something may be under way, unjudged.")] = 30,
    shown: Annotated[int, typer.Option(min=1, help="Most violations named of each rule.")] = SHOWN,
) -> None:
    """Check that no order is lost, no effect happened twice or for another amount, and no case stands still.

    Reads the case file and the mocked outside world's own books in one snapshot, and changes nothing. Ends with
    code 1 when a rule is violated.
    """
    try:
        checks = asyncio.run(_check(load_settings(), timedelta(seconds=grace)))
    except DATABASE_AWAY:
        raise UserError(
            "PostgreSQL does not answer.", hint="`orderops status` says what is running; then try again."
        ) from None
    console.print(table(checks))
    violated = [one for one in checks if one.violations]
    for one in violated:
        console.print(f"[red]{one.invariant}: {one.says}[/]")
        for violation in one.violations[:shown]:
            console.print(f"  {violation}", markup=False)
        if (more := len(one.violations) - shown) > 0:
            console.print(f"  … and {more} more")
    if violated:
        raise typer.Exit(1)


async def _check(settings: Settings, grace: timedelta) -> list[Check]:
    async with MockWorld(str(settings.database_url), pool_size=1), assemble(settings) as app:
        return await check(app.database, app.processes, grace)


def table(checks: Sequence[Check]) -> Table:
    """One row per rule."""
    rows = Table("", Column("rule", overflow="fold"), Column("checked", justify="right"))
    rows.add_column("violations", justify="right")
    for one in checks:
        number = len(one.violations)
        rows.add_row(one.invariant, one.says, str(one.checked), f"[red]{number}[/]" if number else "0")
    return rows
