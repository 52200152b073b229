"""What the commands of the mocked outside world share: reaching it, and tables of its books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from workers.adapters.mock_world import MockWorld
from workers.runtime.errors import NeedsHuman, UserError
from workers.runtime.settings import load_settings

T = TypeVar("T")
console = Console(highlight=False)

OrderOption = Annotated[str | None, typer.Option("--order", help="Only this order's.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")]

Untold = Annotated[bool, typer.Option("--untold", help="The webhook gets lost: we are not told.")]

SEED = "`orderops mock shop seed FILE` puts orders into the shop."
_START = "Start a stack with `orderops up`, or set ORDEROPS_DATABASE_URL to the database of the one you mean."


@asynccontextmanager
async def connect(hint: str = SEED) -> AsyncIterator[MockWorld]:
    """The mocked outside world of the stack that the settings name.

    Raises UserError when there is none; with `hint`, for what the outside world does not know.
    """
    world = MockWorld(str(load_settings().database_url), 1)
    try:
        await world.prepare()
        yield world
    except (OperationalError, InterfaceError, ProgrammingError):
        raise UserError("The database with the mocked outside world does not answer.", hint=_START) from None
    except NeedsHuman as error:
        raise UserError(str(error), hint=hint) from None
    finally:
        await world.close()


def ask(question: Callable[[MockWorld], Awaitable[T]], hint: str = SEED) -> T:
    """Ask or do something in the mocked outside world; see connect."""

    async def ask() -> T:
        async with connect(hint) as world:
            return await question(world)

    return asyncio.run(ask())


def new_table(*columns: str) -> Table:
    """A table that breaks long ids rather than cutting them off."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def add(table: Table, *cells: object) -> None:
    """A row of plain text: what comes from outside is never markup."""
    table.add_row(*(escape(str(cell)) for cell in cells))


def when(moment: datetime) -> str:
    """A moment as people here read it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
