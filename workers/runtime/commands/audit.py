"""`orderops audit`: whether history is as it was written, and what is held of a person."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn
from rich.table import Column, Table
from rich.text import Text

from workers.casefile import anchors, erasure
from workers.casefile.anchors import Told
from workers.casefile.db import DATABASE_AWAY, Database
from workers.casefile.findings import Finding
from workers.casefile.verifying import Verification, snapshot
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

audit = typer.Typer(
    no_args_is_help=True, help="Verify that history is as it was written; export and erase a case."
)

CaseId = Annotated[str, typer.Argument(help="The shop's order id, or a ticket's.")]
Email = Annotated[str, typer.Argument(help="The customer's mail address.", metavar="ADDRESS")]
By = Annotated[str | None, typer.Option("--by", help="Who erases; your name on this machine without it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Result = TypeVar("Result")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(audit, name="audit")


@audit.command("verify")
def verify_command(
    file: Annotated[
        Path | None,
        typer.Option("--anchors", help="The anchors as they were told to the outside; ORDEROPS_AUDIT_ANCHORS."),
    ] = None,
    case_id: Annotated[str | None, typer.Option("--case", help="Only this order; then no anchors.")] = None,
) -> None:
    """Find what was changed, deleted, reordered, truncated or inserted in the timelines and their seals.

    Reads everything, in one snapshot, and changes nothing. Ends with code 1 when something is found.
    """
    console = Console(highlight=False)
    told = _told(file or load_settings().audit_anchors, asked=file is not None)
    found = 0
    with Progress(
        *Progress.get_default_columns(), SpinnerColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("Verifying", total=None)

        def show(finding: Finding) -> None:
            nonlocal found
            found += 1
            console.print(Text(str(finding), style="red"), soft_wrap=True)

        run = _verify(case_id, told, show, lambda done, of: bar.update(task, completed=done, total=of))
        done = asyncio.run(run)
    judged = f"findings {found}" if found else "all as it was written"
    console.print(f"Entries {done.entries}, cases {done.cases}, anchors {done.anchors}: {judged}.")
    if found:
        raise typer.Exit(1)


async def _verify(
    case_id: str | None,
    told: Iterator[Told],
    show: Callable[[Finding], None],
    on_progress: Callable[[int, int], None],
) -> Verification:
    async def run(database: Database) -> Verification:
        async with snapshot(database) as reader:
            verification = Verification(reader, case_id=case_id, told=told, on_progress=on_progress)
            async for finding in verification.findings():
                show(finding)
        return verification

    return await _with_database(run)


def _told(path: Path | None, *, asked: bool) -> Iterator[Told]:
    if path is None or not (asked or path.exists()):
        return iter(())
    if not path.is_file():
        raise UserError(f"There is no file {path}.", hint="It is what ORDEROPS_AUDIT_ANCHORS named on the bridge.")
    return anchors.read(path)


@audit.command("show")
def show_command(case_id: CaseId) -> None:
    """Show a case's timeline with its seals."""
    held = _held(case_id)
    seals = {seal["timeline_id"]: seal for seal in held["audit"]}
    table = Table(Column("", justify="right"), "When", Column("What", overflow="fold"), "Who", "Seal")
    for entry in held["timeline"]:
        seal = seals.get(entry["id"])
        number, hashed = (str(seal["seq"]), seal["hash"].hex()[:16]) if seal else ("", "not yet")
        who = entry["actor"] or entry["source"]
        table.add_row(*map(Text, (number, _time(entry["happened_at"]), entry["sentence"], who, hashed)))
    Console().print(table)


@audit.command("export")
def export_command(case_id: CaseId) -> None:
    """Print all that the case file holds of a case, as JSON: order, timeline, questions, messages, seals."""
    held = orjson.dumps(_held(case_id), bytes.hex, orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
    typer.echo(held)


@audit.command("erase")
def erase_command(
    case_id: CaseId,
    by: By = None,
    yes: Yes = False,
) -> None:
    """Erase the personal data of a finished case for good: order, questions, answers, words of the timeline.

    Kinds, times and the chain stay, and an entry says who erased. Repeated, it erases what has come since.
    """
    question = f"Erase what the case file holds of order {case_id}? It cannot be brought back."
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
    actor = by or getpass.getuser()
    erased = asyncio.run(_with_database(lambda database: erasure.erase(database, case_id, actor)))
    if erased is None:
        why = asyncio.run(_with_database(lambda database: erasure.why_left(database, case_id)))
        raise UserError(
            f"Case {case_id} was not erased: {why or 'something of it ran until now'}.",
            hint="`orderops audit show` shows it; a case is erased once all that began as it has ended.",
        )
    Console().print(f"{erased} entries of case {case_id} are erased.", markup=False)


@audit.command("export-customer")
def export_customer_command(email: Email) -> None:
    """Print all that is held of a customer's tickets, as JSON."""
    held = asyncio.run(_with_database(lambda database: erasure.export_customer(database, email)))
    typer.echo(orjson.dumps(held, None, orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


@audit.command("erase-customer")
def erase_customer_command(email: Email, by: By = None, yes: Yes = False) -> None:
    """Erase a customer's tickets for good, with what they and agents wrote, unless somebody works on them."""
    if not yes and not typer.confirm("Erase this customer's tickets? They cannot be brought back."):
        raise typer.Exit(1)
    actor = by or getpass.getuser()
    tickets = asyncio.run(_with_database(lambda database: erasure.erase_customer(database, email, actor)))
    Console().print(f"{len(tickets.erased)} tickets are erased.", markup=False)
    if tickets.left:
        left = "; ".join(f"{ticket_id}: {why}" for ticket_id, why in tickets.left.items())
        raise UserError(
            f"Not erased, because somebody works on them: {left}.",
            hint="Erase again once they are solved and their cases have ended.",
        )


def _held(case_id: str) -> dict[str, Any]:
    held = asyncio.run(_with_database(lambda database: erasure.export(database, case_id)))
    if held is None:
        raise UserError(f"There is no case {case_id}.", hint="A case has the id of its order in the shop.")
    return held


async def _with_database(work: Callable[[Database], Awaitable[Result]]) -> Result:
    database = Database(str(load_settings().database_url), pool=1)
    try:
        return await work(database)
    except DATABASE_AWAY:
        raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
    finally:
        await database.close()


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
