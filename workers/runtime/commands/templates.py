"""`orderops templates`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import PostgresDsn, SecretStr
from rich.console import Console

from workers.runtime.bootstrap import assemble
from workers.runtime.settings import Settings
from workers.runtime.templates import document

FOLDER = Path(".camunda/element-templates")
"""Where Camunda Modeler looks, in the folder of a diagram and in those above it."""
FILE = "orderops.json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("templates")(templates)


def templates(
    folder: Annotated[Path, typer.Option(help="Folder that Camunda Modeler looks into.")] = FOLDER,
) -> None:
    """Write the element templates: every job type, for Camunda Modeler to choose from.

    Run it in the folder of the checkout after a handler's name, parameters, result or docstring changed.
    """
    made = asyncio.run(current_document())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(made)
    Console().print(f"{folder / FILE} is current. Modeler reads it when it starts or opens a diagram.")


async def current_document() -> bytes:
    """Registrations connect to nothing."""
    settings = Settings(
        database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
        link_secret=SecretStr("-"),
        records_password=SecretStr("-"),
    )
    async with assemble(settings) as app:
        return document(app.processes)
