"""`orderops casefile`: keeping the case file in order."""

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from workers.casefile.db import DATABASE_AWAY
from workers.casefile.rebuild import Corrected, Rebuild
from workers.runtime.bootstrap import assemble
from workers.runtime.errors import UserError
from workers.runtime.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Keep the case file in order.", no_args_is_help=True)
    group.command("rebuild")(rebuild_command)
    app.add_typer(group, name="casefile")


def rebuild_command() -> None:
    """Make cases, tasks, incidents, decisions and timelines again from the engine's records.

    Safe while everything runs. Rows that are right stay as they are, and so does what workers and people wrote.
    """
    try:
        corrected = uvloop.run(_rebuild(load_settings()))
    except DATABASE_AWAY:
        raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
    Console().print(_table(corrected))


async def _rebuild(settings: Settings) -> list[Corrected]:
    columns = (TextColumn("Records"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("records", total=None)
        async with assemble(settings) as app:
            outcomes = {process.id: process.outcomes for process in app.processes}
            rebuild = Rebuild(
                app.database, outcomes, lambda done, total: bar.update(task, completed=done, total=total)
            )
            return await rebuild.run()


def _table(corrected: list[Corrected]) -> Table:
    table = Table(
        "Table", *(Column(name, justify="right") for name in ("Rows", "Removed", "Added", "Changed", "Kept"))
    )
    for each in corrected:
        numbers = (each.rows, each.removed, each.added, each.changed, each.kept)
        table.add_row(each.table, *map(str, numbers))
    return table
