"""`orderops migrate`: the database's schema."""

import asyncio

import typer
from rich.console import Console

from workers.adapters.mock_world import MockWorld
from workers.casefile import migrate
from workers.runtime.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate_command)


def migrate_command() -> None:
    """Bring the database to the newest version, the mocked outside world's tables included. Harmless to repeat."""
    url = str(load_settings().database_url)
    migrate.upgrade(url)
    asyncio.run(_prepare(url))
    Console().print("The database is up to date.")


async def _prepare(url: str) -> None:
    async with MockWorld(url, pool_size=1):
        pass  # entering prepares it
