"""`orderops task`: what agents do, from the command line, over the same HTTP api."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Column, Table

from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

Key = Annotated[str, typer.Argument(help="The task's key, as `orderops task list` shows it.")]
NO_API = "Start the stack with `orderops up`, or set ORDEROPS_API_HOST and ORDEROPS_API_PORT."

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
    with _api() as api:
        found = _ask(api, "GET", "/tasks", params={key: value for key, value in filters.items() if value})
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
            _title(task["element_id"]),
            task["case_id"] or "",
            ", ".join(task["candidate_groups"]),
            task["assignee"] or "",
            _due(task["due_at"]),
            str(task["priority"]),
        )
    Console().print(table if found["tasks"] else f"No task is {state}.")


@tasks.command("show")
def show_command(key: Key) -> None:
    """Show a task, the fields of its form, and what the customer was asked."""
    with _api() as api:
        task = _ask(api, "GET", f"/tasks/{key}")
    facts = _facts(task)
    table = Table("Field", "Label", "Now", title=f"{_title(task['element_id'])}, order {task['case_id']}")
    for field in _fields(task["form"] or {}):
        required = " *" if field.get("validate", {}).get("required") else ""
        table.add_row(field["key"], f"{field.get('label', '')}{required}", str(facts.get(field["key"], "")))
    console = Console()
    console.print(table)
    for problem in facts.get("problems", []):
        console.print(problem, markup=False)


@tasks.command("claim")
def claim_command(key: Key, assignee: Annotated[str, typer.Option(help="Who takes it.")]) -> None:
    """Take a task, so that nobody else does."""
    with _api() as api:
        _ask(api, "POST", f"/tasks/{key}/claim", json={"assignee": assignee})
    Console().print(f"Task {key} is {assignee}'s now.", markup=False)


@tasks.command("unclaim")
def unclaim_command(key: Key) -> None:
    """Put a task back for everybody."""
    with _api() as api:
        _ask(api, "POST", f"/tasks/{key}/unclaim", json={})
    Console().print(f"Task {key} is everybody's again.", markup=False)


@tasks.command("complete")
def complete_command(
    key: Key,
    answers: Annotated[
        list[str] | None, typer.Option("--set", help="An answer, for instance street='Hauptstr. 5'. Repeatable.")
    ] = None,
) -> None:
    """Complete a task with the form's answers; what is not set stays as `orderops task show` shows it."""
    with _api() as api:
        task = _ask(api, "GET", f"/tasks/{key}")
        fields = {field["key"]: field for field in _fields(task["form"] or {})}
        shown = {name: value for name, value in _facts(task).items() if name in fields}
        variables = shown | dict(_answer(text, fields) for text in answers or ())
        _ask(api, "POST", f"/tasks/{key}/complete", json={"variables": variables})
    Console().print(f"Task {key} is completed.", markup=False)


@contextmanager
def _api() -> Iterator[httpx.Client]:
    settings = load_settings()
    if not settings.api_tokens:
        raise UserError("No API token is set.", hint="Set ORDEROPS_API_TOKENS to a token the api knows.")
    token = settings.api_tokens[0].get_secret_value()
    address = f"http://{settings.api_host}:{settings.api_port}"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        try:
            yield client
        except httpx.TransportError:
            raise UserError(f"The api does not answer at {address}.", hint=NO_API) from None


def _ask(api: httpx.Client, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The answer, or a UserError with the api's own sentence."""
    answer = api.request(method, path, **more)
    try:
        content: dict[str, Any] = answer.json()
    except ValueError:
        raise UserError(f"The api answered {answer.status_code} without a word.") from None
    if answer.is_success:
        return content
    places = [f"{_place(error)} {error['message']}" for error in content.get("errors", ())]
    raise UserError(" ".join([content["detail"], *(f"{place}." for place in places)]))


def _place(error: dict[str, str]) -> str:
    return error["pointer"].rpartition("/")[2] if error.get("pointer") else str(error.get("parameter"))


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


def _title(element_id: str) -> str:
    """Task_CorrectAddress as a person reads it: Correct address."""
    words = "".join(
        f" {letter.lower()}" if letter.isupper() else letter for letter in element_id.partition("_")[2]
    )
    return words.strip().capitalize() or element_id


def _due(due_at: str | None) -> str:
    if due_at is None:
        return ""
    due = datetime.fromisoformat(due_at)
    late = " (late)" if due < datetime.now(UTC) else ""
    return f"{due.astimezone():%d %b %H:%M}{late}"
