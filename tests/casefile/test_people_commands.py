"""`orderops user` and `orderops token`, as whoever runs the stack uses them."""

import asyncio
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner, Result

from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.people_models import ApiToken, User, UserSession
from workers.runtime import passwords
from workers.runtime.commands import token, user
from workers.runtime.errors import UserError

PASSWORD = "correct horse battery staple"


pytestmark = pytest.mark.usefixtures("stack_settings")


@pytest.fixture
def name() -> str:
    return f"u{uuid4().hex[:12]}"


def orderops(*arguments: str, typed: str = "") -> Result:
    app = typer.Typer()
    for module in (user, token):
        module.register(app)
    result = CliRunner().invoke(app, arguments, input=typed, env={"COLUMNS": "250"})
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def add(name: str, *roles: str, password: str = PASSWORD) -> Result:
    named = [part for role in roles for part in ("--role", role)]
    return orderops("user", "add", name, *named, typed=f"{password}\n")


def row_of(output: str, name: str) -> str:
    [line] = [line for line in output.splitlines() if name in line]
    return line


async def user_called(database: Database, name: str) -> User:
    async with database.sessions() as session:
        return await session.get_one(User, name)


async def test_somebody_is_added_with_a_password_that_is_nowhere_to_be_seen(name: str, database: Database) -> None:
    result = await asyncio.to_thread(add, name, "agent", "lead")
    assert PASSWORD not in result.output
    added = await user_called(database, name)
    assert added.roles == ["agent", "lead"]
    assert added.password_hash
    assert passwords.fits(added.password_hash, PASSWORD)
    assert added.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_everybody_is_listed_without_their_hash(name: str) -> None:
    add(name, "finance")
    output = orderops("user", "list").output
    assert "finance" in row_of(output, name)
    assert "argon2" not in output


def test_a_name_is_given_once(name: str) -> None:
    add(name, "agent")
    with pytest.raises(UserError, match="already"):
        add(name, "admin")


@pytest.mark.parametrize("wrong", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 1001, "{name}-{name}"])
def test_a_password_that_is_easy_to_guess_will_not_do(wrong: str, name: str) -> None:
    with pytest.raises(UserError):
        add(name, "agent", password=wrong.format(name=name))
    assert name not in orderops("user", "list").output


@pytest.mark.parametrize("wrong", ["", "Anna", "a b", "-x", "a" * 65, "ä", "a\x00", "<b>"])
def test_what_cannot_be_a_name(wrong: str) -> None:
    with pytest.raises(UserError, match="cannot be a name"):
        orderops("user", "add", "--role", "agent", "--", wrong, typed=f"{PASSWORD}\n")
    with pytest.raises(UserError, match="cannot be a name"):
        orderops("token", "create", "--scope", "read", "--", wrong)


def test_there_are_no_other_roles_and_scopes(name: str) -> None:
    for arguments in (("user", "add", name, "--role", "king"), ("token", "create", name, "--scope", "everything")):
        with pytest.raises(AssertionError, match="Invalid value"):
            orderops(*arguments, typed=f"{PASSWORD}\n")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("roles", "{name}", "--role", "lead"), "lead"),
        (("password", "{name}"), "with a password"),
        (("disable", "{name}"), "disabled"),
    ],
    ids=["roles", "password", "disable"],
)
async def test_a_change_logs_them_out_and_is_kept(
    arguments: tuple[str, ...], shown: str, name: str, database: Database
) -> None:
    await asyncio.to_thread(add, name, "agent")
    token = await database.run(
        lambda session: people.begin_session(session, name, lasts=people.SEEN_EXACTLY, instead_of=None)
    )
    change = [part.format(name=name) for part in arguments]
    await asyncio.to_thread(orderops, "user", *change, typed=f"another {PASSWORD}\n")
    async with database.sessions() as session:
        assert await session.get(UserSession, people.hashed(token)) is None
    assert shown in row_of((await asyncio.to_thread(orderops, "user", "list")).output, name)
    history = (await asyncio.to_thread(orderops, "user", "history")).output
    assert [line for line in history.splitlines() if f"person:{name}" in line and "added" not in line]
    assert PASSWORD not in history


async def test_the_new_password_counts_and_the_old_one_does_not(name: str, database: Database) -> None:
    await asyncio.to_thread(add, name, "agent")
    await asyncio.to_thread(orderops, "user", "password", name, typed=f"another {PASSWORD}\n")
    stored = (await user_called(database, name)).password_hash
    assert passwords.fits(stored, f"another {PASSWORD}")
    assert not passwords.fits(stored, PASSWORD)


async def test_somebody_disabled_can_be_let_in_again(name: str, database: Database) -> None:
    await asyncio.to_thread(add, name, "agent")
    for command in ("disable", "enable"):
        await asyncio.to_thread(orderops, "user", command, name)
    assert (await user_called(database, name)).disabled_at is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "roles", "nobody", "--role", "lead"),
        ("user", "password", "nobody"),
        ("user", "disable", "nobody"),
        ("user", "enable", "nobody"),
        ("token", "revoke", "nobody"),
    ],
)
def test_who_is_not_there_cannot_be_changed(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="There is no"):
        orderops(*arguments, typed=f"{PASSWORD}\n")


async def test_a_token_is_shown_once_and_stored_hashed(name: str, database: Database) -> None:
    made = await asyncio.to_thread(
        orderops, "token", "create", name, "--scope", "read", "--scope", "tasks", "--days", "7"
    )
    token = made.stdout.strip()
    assert token.startswith("orderops_")
    async with database.sessions() as session:
        stored = await session.get_one(ApiToken, people.hashed(token))
    assert (stored.name, stored.scopes) == (name, ["read", "tasks"])
    assert (stored.expires_at - stored.created_at).days == 7
    output = (await asyncio.to_thread(orderops, "token", "list")).output
    assert "read, tasks" in row_of(output, name)
    assert token not in output
    assert token not in (await asyncio.to_thread(orderops, "user", "history")).output


def test_a_revoked_token_is_listed_as_such_and_its_name_stays_taken(name: str) -> None:
    orderops("token", "create", name, "--scope", "read")
    orderops("token", "revoke", name)
    assert "revoked" in row_of(orderops("token", "list").output, name)
    with pytest.raises(UserError, match="There is, or was"):
        orderops("token", "create", name, "--scope", "read")


def test_no_command_takes_a_password_as_an_argument() -> None:
    """It would stand in the shell's history and in the list of processes."""
    app = typer.Typer()
    user.register(app)
    commands = typer.main.get_command(app)
    below = commands.commands["user"].commands if hasattr(commands, "commands") else commands.commands  # type: ignore[attr-defined]
    options = {option for command in below.values() for parameter in command.params for option in parameter.opts}
    assert not [option for option in options if "pass" in option]
