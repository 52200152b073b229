"""The command line `orderops`. Errors a person can mend are one sentence and a hint, never a stack trace."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.text import Text

from workers.runtime import commands
from workers.runtime.errors import UserError
from workers.runtime.memory import look_seldom
from workers.runtime.transport import tune_grpc

MODULES = {
    "deploy": "engine",
    "doctor": "stack",
    "down": "stack",
    "logs": "stack",
    "migrate-instances": "migrate_instances",
    "status": "stack",
    "up": "stack",
    "worker": "engine",
}
"""Commands that do not live in a module of their own name."""

_UNKNOWN_TABLE = "ProgrammingError"
"""SQLAlchemy's, by name: importing it would take a moment of every command."""

app = typer.Typer(
    name="orderops",
    help="Runs the operations of a shop after checkout as BPMN processes on Camunda 8.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Runs the command; an expected error ends it with code 1, Ctrl-C with 130."""
    look_seldom()
    tune_grpc()
    for name in modules_for(sys.argv[1:]):
        importlib.import_module(f"{commands.__name__}.{name}").register(app)
    try:
        app()
    except UserError as error:
        _tell(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if type(error).__name__ != _UNKNOWN_TABLE:
            raise
        _tell(UserError("The database is of another version of orderops.", hint="`orderops migrate` updates it."))
        sys.exit(1)


def _tell(error: UserError) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(Text(str(error), style="red"), soft_wrap=True)
    if error.hint:
        console.print(Text(error.hint), soft_wrap=True)


def modules_for(arguments: Sequence[str]) -> list[str]:
    """The one module with the command that was asked for; all of them when it is none we know (or --help).

    Importing everything takes seconds, which each process of a starting stack would pay.
    """
    known = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    wanted = MODULES.get(arguments[0], arguments[0]) if arguments else ""
    return [wanted] if wanted in known else sorted(known)


if __name__ == "__main__":
    main()
