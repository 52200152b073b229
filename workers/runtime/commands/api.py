"""`orderops api`: the HTTP side, and the relay in the same process."""

import asyncio

import typer
import uvloop
from rich.console import Console

from workers.runtime import logs
from workers.runtime.bootstrap import assemble
from workers.runtime.listening import listen
from workers.runtime.settings import Settings, load_settings
from workers.runtime.tracing import tracing_for


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("api")(api_command)


def api_command() -> None:
    """Take webhooks, API calls and customers' answers until told to stop (Ctrl-C or SIGTERM)."""
    settings = load_settings()
    logs.configure(settings.log_format)
    with tracing_for("orderops-api", settings.collector):
        uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from api.main import create_app  # noqa: PLC0415  # the api is loaded by this command alone: others start faster
    from api.server import Server  # noqa: PLC0415

    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    address = f"http://{settings.api_host}:{settings.api_port}"
    with listen(settings.api_host, settings.api_port, "api") as listening:
        async with assemble(settings) as assembled:
            server = Server(create_app(assembled), lambda: Console().print(f"orderops api listens on {address}"))
            await server.serve(sockets=[listening])
