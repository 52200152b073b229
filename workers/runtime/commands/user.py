"""`orderops user`: who may log in, and as what. Works on the database; passwords are never arguments."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.people import Role
from workers.casefile import people
from workers.casefile.db import DATABASE_AWAY, Database
from workers.casefile.people_models import AccessEvent, User
from workers.runtime import passwords, webapp_users
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

Result = TypeVar("Result")

Name = Annotated[str, typer.Argument(help="What they log in with.")]
Roles = Annotated[list[Role], typer.Option("--role", help="Repeatable.")]
Webapps = Annotated[bool, typer.Option("--webapps", help="Operate and Tasklist of a full stack, too.")]

users = typer.Typer(no_args_is_help=True, help="Say who may log in, and as what.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(users, name="user")


@users.command("add")
def add_command(
    name: Name,
    role: Roles,
    display_name: Annotated[str | None, typer.Option(help="As others see them; the name without it.")] = None,
    webapps: Webapps = False,
) -> None:
    """Add somebody. The password is asked for, or read from standard input."""
    name, search_url = checked_name(name), _search_url() if webapps else None
    password = _ask_password(name)
    hashed = passwords.hashed(password)
    in_database(lambda session: people.add_user(session, name, display_name or name, role, hashed))
    if search_url:
        webapp_users.add(search_url, name, password, role)
    _say(f"{name} may log in as {', '.join(role)}.")


@users.command("list")
def list_command() -> None:
    """Show everybody."""
    table = Table("Name", "Shown as", "Roles", "Logs in", "Since")
    for user in in_database(_everybody):
        way = "disabled" if user.disabled_at else "elsewhere" if user.issuer else "with a password"
        cells = (user.name, user.display_name, ", ".join(user.roles), way, f"{user.created_at:%Y-%m-%d}")
        table.add_row(*map(Text, cells))
    Console().print(table if table.row_count else "Nobody may log in yet: `orderops user add NAME --role agent`.")


@users.command("roles")
def roles_command(name: Name, role: Roles) -> None:
    """Say what somebody is from now on. They are logged out everywhere."""
    roles = sorted(role)
    in_database(lambda session: people.change_user(session, name, "roles_changed", {"roles": roles}, roles=roles))
    _say(f"{name} is {', '.join(roles)} now.")


@users.command("password")
def password_command(name: Name, webapps: Webapps = False) -> None:
    """Set a password, asked for or read from standard input. They are logged out everywhere."""
    search_url = _search_url() if webapps else None
    password = _ask_password(name)
    changes = {"password_hash": passwords.hashed(password)}
    in_database(lambda session: people.change_user(session, name, "password_changed", changes))
    if search_url:
        roles = next(user.roles for user in in_database(_everybody) if user.name == name)
        webapp_users.add(search_url, name, password, roles)
    _say(f"{name} has a new password.")


@users.command("disable")
def disable_command(name: Name) -> None:
    """Let somebody in no more. They are logged out everywhere; what they did stays theirs."""
    changes = {"disabled_at": func.now()}
    in_database(lambda session: people.change_user(session, name, "user_disabled", changes))
    if search_url := load_settings().search_url:
        webapp_users.shut(str(search_url), name)
    _say(f"{name} is let in no more.")


@users.command("enable")
def enable_command(name: Name) -> None:
    """Let somebody in again who was disabled."""
    in_database(lambda session: people.change_user(session, name, "user_enabled", {"disabled_at": None}))
    _say(f"{name} is let in again.")


@users.command("history")
def history_command(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
) -> None:
    """Show who came in, who was refused, and who may what since when; programs included."""
    newest = select(AccessEvent).order_by(AccessEvent.id.desc()).limit(limit)

    async def find(session: AsyncSession) -> Sequence[AccessEvent]:
        return (await session.scalars(newest)).all()

    table = Table("When", "Who", "What", "Facts")
    for event in in_database(find):
        facts = ", ".join(f"{name}: {value}" for name, value in event.facts.items())
        when = f"{event.happened_at.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(*map(Text, (when, event.subject, event.kind.replace("_", " "), facts)))
    Console().print(table)


def in_database(work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    """Do it in a transaction; UserError when the database does not answer."""
    return asyncio.run(_in_database(work))


async def _in_database(work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    database = Database(str(load_settings().database_url), pool=1)
    try:
        return await database.run(work)
    except DATABASE_AWAY:
        raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
    finally:
        await database.close()


def checked_name(name: str) -> str:
    """Names as they are kept; UserError for what is none."""
    if not people.NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a name here.",
            hint="Lower-case letters, digits and . _ @ - are possible, up to 64, a letter or digit first.",
        )
    return name


async def _everybody(session: AsyncSession) -> Sequence[User]:
    return (await session.scalars(select(User).order_by(User.name))).all()


def _search_url() -> str:
    """Where log-ins to Operate and Tasklist are kept; UserError without a full stack."""
    search_url = load_settings().search_url
    if search_url is None:
        raise UserError(
            "Operate and Tasklist are not here.", hint="They run in a full stack: `orderops up --full`."
        )
    return str(search_url)


def _ask_password(name: str) -> str:
    """Twice and unseen at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if wrong := passwords.complaint(password, name):
        raise UserError(wrong)
    return password


def _say(text: str) -> None:
    Console(highlight=False).print(Text(text), soft_wrap=True)
