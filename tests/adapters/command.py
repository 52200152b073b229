"""`orderops mock`, called as from the command line."""

import re

import typer
from typer.testing import CliRunner, Result

from workers.runtime.commands.mock import register
from workers.runtime.errors import UserError

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


def mock_command(*arguments: str) -> str:
    """The command's output; raises the UserError that the command line would print.

    Whatever the event loop beside it logs meanwhile is written to the same place, and left out.
    """
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result: Result = CliRunner().invoke(app, ["mock", *arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return "".join(line for line in result.output.splitlines(keepends=True) if not LOGGED.match(line))
