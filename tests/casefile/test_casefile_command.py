"""`orderops casefile`, as an operator uses it."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.casefile.one_order import Stream
from tests.casefile.own_database import own_database, run, url_of
from workers.casefile.db import Database
from workers.runtime.commands.casefile import register
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

NOBODY = "postgresql+psycopg://postgres@127.0.0.1:1/postgres"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with own_database(database_url) as database:
        yield database


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LINK_SECRET", "RECORDS_PASSWORD"):
        monkeypatch.setenv(f"ORDEROPS_{name}", "x")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def rebuild(url: str) -> dict[str, list[int]]:
    """Rows, removed, added and changed by table."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    environment = {"COLUMNS": "200", "ORDEROPS_DATABASE_URL": url}
    result: Result = CliRunner().invoke(app, ["casefile", "rebuild"], env=environment)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    rows = re.findall(r"(\w+) +│ +(\d+) │ +(\d+) │ +(\d+) │ +(\d+)", result.output)
    return {name: [int(number) for number in numbers] for name, *numbers in rows}


@pytest.fixture
async def damaged(database: Database) -> str:
    """Address of a database in which an entry is gone, and a case is said to be done."""
    stream = Stream(database)
    await stream.take_in(stream.started(), stream.element("Task_GetOrder", "ELEMENT_ACTIVATED"))
    await run(database, "DELETE FROM orderops.timeline", "UPDATE orderops.cases SET state = 'done'")
    return url_of(database)


def test_it_says_how_much_was_not_right_and_then_nothing_is_wrong(damaged: str) -> None:
    found = rebuild(damaged)
    assert (found["timeline"], found["cases"], found["tasks"]) == ([1, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0])
    again = rebuild(damaged)
    assert (again["timeline"], again["cases"]) == ([1, 0, 0, 0], [1, 0, 0, 0])


def test_no_database_is_one_sentence() -> None:
    with pytest.raises(UserError, match="The database does not answer"):
        rebuild(NOBODY)
