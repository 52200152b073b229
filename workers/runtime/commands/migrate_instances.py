"""`orderops migrate-instances`: running cases go on by another version of their process."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from workers.casefile.db import DATABASE_AWAY
from workers.casefile.deployments import Deployments, Running
from workers.casefile.record_models import Definition
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.errors import UserError
from workers.runtime.migration import mapping, migrate, told
from workers.runtime.settings import load_settings
from workers.runtime.steps import steps_of

From = Annotated[int, typer.Option("--from", min=1, help="The version whose instances move.")]
To = Annotated[int, typer.Option("--to", min=1, help="The version that they go on by.")]
Renamed = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="An element with another id in the new version; repeatable."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate-instances")(migrate_instances)


def migrate_instances(
    process: Annotated[str, typer.Argument(help="Process id, for instance fulfillment.")],
    source: From,
    target: To,
    renamed: Renamed = None,
    dry_run: DryRun = False,
) -> None:
    """Let running cases go on by another version. What cannot move stays as it is, with the engine's reason.

    User tasks keep their assignee, and timers what is left of them. Ends with code 1 when an instance stays.
    """
    refused = uvloop.run(_migrate(process, (source, target), _pairs(renamed or []), dry_run))
    if refused:
        raise typer.Exit(1)


def _pairs(renamed: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in renamed:
        old, separator, new = text.partition("=")
        if not (old and separator and new):
            raise UserError(f"--map {text} is not OLD=NEW.", hint="For instance: --map Task_Old=Task_New")
        pairs[old] = new
    return pairs


async def _migrate(process: str, versions: tuple[int, int], renamed: Mapping[str, str], dry_run: bool) -> bool:
    """Whether an instance stays where it is."""
    async with assemble(load_settings()) as app:
        try:
            old, new = await _versions(app, process, versions)
            running = await Deployments(app.database).running(old.key)
        except DATABASE_AWAY:
            raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
        elements = mapping(steps_of(old.resource.encode()), steps_of(new.resource.encode()), renamed)
        console = Console()
        _show(console, running, elements, f"{process}: version {old.version} → {new.version}")
        if dry_run or not running:
            return False
        refused = await migrate(app.engine, running, new.key, elements)
        _show_result(console, running, refused)
        moved = {each.key for each in running} - refused.keys()
        if not await told(Deployments(app.database), old.key, moved):
            console.print("The case file does not tell of it yet: wait for it before the next move.")
        return bool(refused)


async def _versions(app: Assembled, process: str, versions: tuple[int, int]) -> tuple[Definition, Definition]:
    known = {each.version: each for each in await Deployments(app.database).versions(process)}
    missing = [version for version in versions if version not in known]
    if missing:
        there = ", ".join(map(str, known)) or "none"
        raise UserError(f"{process} has no version {missing[0]}.", hint=f"Versions that are deployed: {there}.")
    return known[versions[0]], known[versions[1]]


def _show(console: Console, running: Sequence[Running], elements: Mapping[str, str], title: str) -> None:
    """Where the instances stand, and where they would go on."""
    console.print(f"{title}, {len(running)} running instances", soft_wrap=True, highlight=False)
    table = Table("Stand at", Column("Instances", justify="right"), "Go on at")
    for element, count in sorted(Counter(name for each in running for name in each.at).items()):
        table.add_row(element, str(count), elements.get(element, "nowhere: these stay"))
    if running:
        console.print(table)


def _show_result(console: Console, running: Sequence[Running], refused: Mapping[int, str]) -> None:
    console.print(f"Migrated: {len(running) - len(refused)}. Stay as they are: {len(refused)}.", highlight=False)
    for instance in running:
        if reason := refused.get(instance.key):
            console.print(Text(f"  order {instance.case_id} ({instance.key}): {reason}"), soft_wrap=True)
