"""`orderops mock`, called as from the command line."""

import typer
from typer.testing import CliRunner, Result

from workers.runtime.commands.mock import register
from workers.runtime.errors import UserError


def mock_command(*arguments: str) -> str:
    """The command's output; raises the UserError that the command line would print."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result: Result = CliRunner().invoke(app, ["mock", *arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output
