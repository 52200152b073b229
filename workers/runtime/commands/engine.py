"""`orderops deploy` and `orderops worker`."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from workers.runtime import logs
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.deploy import deploy, wait_until_ready
from workers.runtime.engine import Deployed
from workers.runtime.errors import UserError
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Process
from workers.runtime.monitor import create_app, engine_answers_anew, run_until_deaf, serving
from workers.runtime.settings import Settings, load_settings
from workers.runtime.tasklist import wait_for_forms
from workers.runtime.tracing import tracing_for
from workers.runtime.wiring import require_agreement

DEAF = 3
"""Exit code of a worker that hears nothing of the engine although the engine answers."""

ProcessNames = Annotated[
    list[str] | None, typer.Option("--process", help="Serve only this process; may be given several times.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deploy")(deploy_command)
    app.command("worker")(worker_command)


def deploy_command() -> None:
    """Deploy every diagram, decision table and form in one call, after checking that they fit the code."""
    settings = load_settings()
    logs.configure(settings.log_format)
    table = _table(uvloop.run(_deploy(settings)))
    Console().print(table)


def worker_command(process: ProcessNames = None) -> None:
    """Do the jobs of the processes until told to stop (Ctrl-C or SIGTERM); then finish what is under way."""
    settings = load_settings()
    logs.configure(settings.log_format)
    with tracing_for("orderops-worker", settings.collector):
        uvloop.run(_work(settings, frozenset(process or ())))


async def _deploy(settings: Settings) -> list[Deployed]:
    console = Console(stderr=True)
    async with assemble(settings) as app:
        require_agreement(app.processes)
        with console.status("Waiting for the engine") as status:
            await wait_until_ready(app.engine, lambda missing: status.update(f"Waiting for the engine: {missing}"))
            status.update("Deploying")
            deployed = await deploy(app.engine, app.processes)
            if settings.search_url:
                said = "Tasklist has not got yet: {}".format
                await wait_for_forms(str(settings.search_url), deployed, lambda names: status.update(said(names)))
            return deployed


async def _work(settings: Settings, names: frozenset[str]) -> None:
    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    async with assemble(settings) as app:
        require_agreement(app.processes)
        jobs = [job for process in _chosen(app.processes, names) for job in process.jobs]
        host = Host(jobs, GrpcJobGateway(app.engine.channel))
        async with _telling(app, host):
            heard = await run_until_deaf(
                host, lambda: engine_answers_anew(settings.zeebe_grpc, settings.zeebe_rest)
            )
    if not heard:
        raise typer.Exit(DEAF)


def _telling(app: Assembled, host: Host) -> AbstractAsyncContextManager[None]:
    """Over HTTP, when the settings give it a port."""
    settings = app.settings
    if settings.worker_port is None:
        return nullcontext()
    return serving(create_app(host, app.checks, app.books), settings.worker_host, settings.worker_port)


def _chosen(processes: tuple[Process, ...], names: frozenset[str]) -> tuple[Process, ...]:
    if unknown := names - {process.id for process in processes}:
        known = ", ".join(process.id for process in processes)
        raise UserError(f"There is no process {', '.join(sorted(unknown))}.", hint=f"There are: {known}.")
    return tuple(process for process in processes if not names or process.id in names)


def _table(deployed: list[Deployed]) -> Table:
    table = Table("", "id", "version", "")
    for item in sorted(deployed, key=lambda item: (item.kind != "process", item.kind, item.id)):
        table.add_row(item.kind, item.id, str(item.version), "new" if item.new else "unchanged")
    return table
