"""`orderops api` and `orderops bridge`: what listens to the world, and what listens to the engine."""

import asyncio

import typer
import uvloop
from rich.console import Console

from workers.runtime import logs
from workers.runtime.bootstrap import assemble
from workers.runtime.listening import listen
from workers.runtime.memory import settle
from workers.runtime.settings import Settings, load_settings
from workers.runtime.tracing import tracing_for


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("api")(api_command)
    app.command("bridge")(bridge_command)


def api_command() -> None:
    """Take webhooks, API calls and customers' answers until told to stop (Ctrl-C or SIGTERM)."""
    settings = load_settings()
    _serve(settings, "api", settings.api_host, settings.api_port)


def bridge_command() -> None:
    """Hand to the engine what the api took, and take in its records, until told to stop (Ctrl-C or SIGTERM).

    A process of its own: however much the engine has to tell, the api answers at once. Several share the work.
    """
    settings = load_settings()
    _serve(settings, "bridge", settings.bridge_host, settings.bridge_port)


def _serve(settings: Settings, who: str, host: str, port: int) -> None:
    logs.configure(settings.log_format)
    with tracing_for(f"orderops-{who}", settings.collector):
        uvloop.run(_serving(settings, who, host, port))


async def _serving(settings: Settings, who: str, host: str, port: int) -> None:
    from api import main  # noqa: PLC0415  # FastAPI is loaded by these commands alone: others start faster
    from api.server import Server  # noqa: PLC0415

    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    create = main.create_app if who == "api" else main.create_bridge
    address = f"http://{host}:{port}"
    with listen(host, port, who) as listening:
        async with assemble(settings) as assembled:

            def started() -> None:
                settle()
                Console().print(f"orderops {who} listens on {address}")

            server = Server(create(assembled), started)
            await server.serve(sockets=[listening])
