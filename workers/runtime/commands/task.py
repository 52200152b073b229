"""`orderops task`: what agents do, from the command line, over the same HTTP api."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from workers.runtime.apiclient import ask, open_api, title
from workers.runtime.errors import UserError

Key = Annotated[str, typer.Argument(help="The task's key, as `orderops task list` shows it.")]

tasks = typer.Typer(no_args_is_help=True, help="Find, claim and complete user tasks.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tasks, name="task")


@tasks.command("list")
def list_command(
    group: Annotated[str | None, typer.Option(help="Only tasks of this candidate group.")] = None,
    case: Annotated[str | None, typer.Option(help="Only tasks of this order.")] = None,
    state: Annotated[str, typer.Option(help="open, completed or canceled.")] = "open",
) -> None:
    """Show the tasks that wait, the most urgent first."""
    filters = {"state": state, "group": group, "case": case, "limit": "500"}
    with open_api() as api:
        found = ask(api, "GET", "/tasks", params={key: value for key, value in filters.items() if value})
    table = Table(
        Column("Task", no_wrap=True),
        Column("What", no_wrap=True),
        Column("Order", no_wrap=True),
        "Group",
        "Assignee",
        "Due",
        "Prio",
    )
    for task in sorted(found["tasks"], key=lambda task: (-task["priority"], task["due_at"] or "")):
        table.add_row(
            task["key"],
            title(task["element_id"]),
            task["case_id"] or "",
            ", ".join(task["candidate_groups"]),
            task["assignee"] or "",
            _due(task["due_at"]),
            str(task["priority"]),
        )
    Console().print(table if found["tasks"] else f"No task is {state}.")


@tasks.command("show")
def show_command(key: Key) -> None:
    """Show a task, the fields of its form, what the customer was asked, and what happened in the case."""
    with open_api() as api:
        task = ask(api, "GET", f"/tasks/{key}")
    facts = _facts(task)
    table = Table("Field", "Label", "Now", title=f"{title(task['element_id'])}, order {task['case_id']}")
    for field in _fields(task["form"] or {}):
        required = " *" if field.get("validate", {}).get("required") else ""
        table.add_row(field["key"], f"{field.get('label', '')}{required}", str(facts.get(field["key"], "")))
    console = Console()
    console.print(table)
    for problem in facts.get("problems", []):
        console.print(problem, markup=False)
    for entry in task["timeline"]:
        console.print(f"{_local(entry['happened_at'])}  {entry['sentence']}", markup=False)


@tasks.command("claim")
def claim_command(key: Key, assignee: Annotated[str, typer.Option(help="Who takes it.")]) -> None:
    """Take a task, so that nobody else does."""
    with open_api() as api:
        ask(api, "POST", f"/tasks/{key}/claim", json={"assignee": assignee})
    Console().print(f"Task {key} is {assignee}'s now.", markup=False)


@tasks.command("unclaim")
def unclaim_command(key: Key) -> None:
    """Put a task back for everybody."""
    with open_api() as api:
        ask(api, "POST", f"/tasks/{key}/unclaim", json={})
    Console().print(f"Task {key} is everybody's again.", markup=False)


@tasks.command("complete")
def complete_command(
    key: Key,
    answers: Annotated[
        list[str] | None, typer.Option("--set", help="An answer, for instance street='Hauptstr. 5'. Repeatable.")
    ] = None,
) -> None:
    """Complete a task with the form's answers; what is not set stays as `orderops task show` shows it."""
    with open_api() as api:
        task = ask(api, "GET", f"/tasks/{key}")
        fields = {field["key"]: field for field in _fields(task["form"] or {})}
        shown = {name: value for name, value in _facts(task).items() if name in fields}
        variables = shown | dict(_answer(text, fields) for text in answers or ())
        ask(api, "POST", f"/tasks/{key}/complete", json={"variables": variables})
    Console().print(f"Task {key} is completed.", markup=False)


def _facts(task: dict[str, Any]) -> dict[str, Any]:
    """What the customer was asked about, which is what the form is prefilled with."""
    facts: dict[str, Any] = (task["request"] or {}).get("facts", {})
    return facts


def _fields(form: dict[str, Any]) -> list[dict[str, Any]]:
    nested = [field for part in form.get("components", ()) for field in _fields(part)]
    return [part for part in form.get("components", ()) if "key" in part] + nested


def _answer(text: str, fields: dict[str, dict[str, Any]]) -> tuple[str, Any]:
    """`field=value` with the value in the field's own type; what does not fit is left for the api to refuse."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set takes field=value, not {text!r}.", hint="`orderops task show` lists the fields.")
    field = fields.get(name, {})
    offered = [choice["value"] for choice in field.get("values", ())]
    if field.get("type") == "checkbox":
        offered = [True, False]
    return name, next((each for each in offered if str(each).lower() == value.lower()), _number(field, value))


def _number(field: dict[str, Any], value: str) -> Any:
    if field.get("type") != "number":
        return value
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def _due(due_at: str | None) -> str:
    if due_at is None:
        return ""
    late = " (late)" if datetime.fromisoformat(due_at) < datetime.now(UTC) else ""
    return f"{_local(due_at)}{late}"


def _local(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%d %b %H:%M}"
