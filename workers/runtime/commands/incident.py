"""`orderops incident`: where cases stand still, and going on once the cause is mended, over the HTTP api."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from workers.runtime.apiclient import ApiRefused, ask, open_api, title
from workers.runtime.errors import UserError

WIDEST = 30
"""Columns for the place of an incident; however long its name is, what happened can be read."""

incidents = typer.Typer(no_args_is_help=True, help="See where cases stand still, and let them go on.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(incidents, name="incident")


@incidents.command("list")
def list_command(state: Annotated[str, typer.Option(help="open, resolved or all.")] = "open") -> None:
    """Show what stands still, and what has to be mended."""
    with open_api() as api:
        found = _all(api, state)
    where, what = Column("Incident", overflow="fold", max_width=WIDEST), Column("What happened", overflow="fold")
    table = Table(where, what, show_lines=True)
    for incident in found:
        table.add_row(_where(incident), Text(incident["message"]))
    nothing = "There is no incident." if state == "all" else f"No incident is {state}."
    Console().print(table if found else nothing)


@incidents.command("retry")
def retry_command(
    key: Annotated[str | None, typer.Argument(help="As `orderops incident list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open incident.")] = False,
) -> None:
    """Try again where a case stands still. Mend the cause first; what was done already is not done twice."""
    if (key is None) is not everything:
        raise UserError("Which incident?", hint="Give the key that `orderops incident list` shows, or --all.")
    console = Console()
    with open_api() as api:
        if key is not None:
            ask(api, "POST", f"/incidents/{key}/retry")
            console.print(f"Incident {key} is tried again.", markup=False)
        else:
            console.print(f"{_retry_all(api)} tried again.", markup=False)
    console.print("If the cause is not mended, `orderops incident list` shows a new one.")


def _retry_all(api: httpx.Client) -> int:
    """How many were tried again; those that somebody else resolved meanwhile are not counted."""
    retried = 0
    for incident in _all(api, "open"):
        try:
            ask(api, "POST", f"/incidents/{incident['key']}/retry")
            retried += 1
        except ApiRefused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:
                raise
    return retried


def _all(api: httpx.Client, state: str) -> list[dict[str, Any]]:
    """Every page of the list."""
    found: list[dict[str, Any]] = []
    after: str | None = "0"
    while after is not None:
        page = ask(api, "GET", "/incidents", params={"state": state, "limit": "500", "after": after})
        found += page["incidents"]
        after = page["next"]
    return found


def _where(incident: dict[str, Any]) -> Text:
    lines = [incident["key"], title(incident["element_id"]), f"since {_time(incident['created_at'])}"]
    if incident["case_id"]:
        lines.insert(1, f"order {incident['case_id']}")
    if incident["resolved_at"]:
        lines.append(f"resolved {_time(incident['resolved_at'])}")
    return Text("\n".join(lines))


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%d %b %H:%M}"
