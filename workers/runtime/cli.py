"""The command line `orderops`. Errors a person can mend are one sentence and a hint, never a stack trace."""

import importlib
import pkgutil
import sys

import typer
from rich.console import Console
from rich.text import Text

from workers.runtime import commands
from workers.runtime.errors import UserError

app = typer.Typer(
    name="orderops",
    help="Runs the operations of a shop after checkout as BPMN processes on Camunda 8.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    pass


def register_all() -> None:
    """Adds the commands of every module in `workers.runtime.commands`."""
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda one: one.name):
        importlib.import_module(f"{commands.__name__}.{module.name}").register(app)


def main() -> None:
    """Runs the command; an expected error ends it with code 1, Ctrl-C with 130."""
    register_all()
    try:
        app()
    except UserError as error:
        console = Console(stderr=True, highlight=False)
        console.print(Text(str(error), style="red"), soft_wrap=True)
        if error.hint:
            console.print(Text(error.hint), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
