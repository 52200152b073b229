"""`orderops deploy` and `orderops worker`."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from workers.casefile.db import DATABASE_AWAY
from workers.casefile.deployments import Deployments
from workers.runtime import logs
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.deploy import deploy, lost_starts, resources, wait_until_ready
from workers.runtime.difference import Key, Resource, differences, to_be_deployed
from workers.runtime.difference_view import show
from workers.runtime.engine import Deployed
from workers.runtime.errors import UserError
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.jobs import Process
from workers.runtime.memory import settle
from workers.runtime.monitor import create_app, engine_answers_anew, run_until_deaf, serving
from workers.runtime.settings import Settings, load_settings
from workers.runtime.tasklist import wait_for_forms
from workers.runtime.tracing import tracing_for
from workers.runtime.wiring import require_agreement

DEAF = 3
"""Exit code of a worker that hears nothing of the engine although the engine answers."""

NOTHING_KNOWN = (
    "Nothing is known to be deployed: the engine's records tell it, and either nothing was deployed yet or the"
    " bridge has not taken them in. Everything counts as new."
)

ProcessNames = Annotated[
    list[str] | None, typer.Option("--process", help="Serve only this process; may be given several times.")
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what differs from what is deployed.")]
DroppedStarts = Annotated[
    list[str] | None,
    typer.Option("--drop-start", metavar="MESSAGE", help="A start message that may get lost; repeatable."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deploy")(deploy_command)
    app.command("worker")(worker_command)


def deploy_command(
    dry_run: DryRun = False,
    dropped: DroppedStarts = None,
) -> None:
    """Deploy every diagram, decision table and form in one call, after checking that they fit and lose nothing."""
    settings = load_settings()
    logs.configure(settings.log_format)
    if dry_run:
        uvloop.run(_compare(settings, dropped or []))
    else:
        Console().print(_table(uvloop.run(_deploy(settings, dropped or []))))


def worker_command(process: ProcessNames = None) -> None:
    """Do the jobs of the processes until told to stop (Ctrl-C or SIGTERM); then finish what is under way."""
    settings = load_settings()
    logs.configure(settings.log_format)
    with tracing_for("orderops-worker", settings.collector):
        uvloop.run(_work(settings, frozenset(process or ())))


async def _deploy(settings: Settings, dropped: list[str]) -> list[Deployed]:
    console = Console(stderr=True)
    async with assemble(settings) as app:
        findings = await _lost_starts(app, console, dropped)
        require_agreement(app.processes, findings)
        with console.status("Waiting for the engine") as status:
            await wait_until_ready(app.engine, lambda missing: status.update(f"Waiting for the engine: {missing}"))
            status.update("Deploying")
            deployed = await deploy(app.engine, app.processes)
            if settings.search_url:
                said = "Tasklist has not got yet: {}".format
                await wait_for_forms(str(settings.search_url), deployed, lambda names: status.update(said(names)))
            return deployed


async def _lost_starts(app: Assembled, console: Console, dropped: list[str]) -> list[str]:
    """None while the database is away: diagrams are held against the code all the same."""
    try:
        known = await _deployed(app)
    except DATABASE_AWAY:
        console.print("The database does not answer: start messages were not compared with what is deployed.")
        return []
    return list(lost_starts(known, dropped))


async def _deployed(app: Assembled) -> dict[Key, Resource]:
    newest = await Deployments(app.database).newest()
    return {(each.kind, each.id): Resource(each.id, each.resource, each.version) for each in newest}


async def _compare(settings: Settings, dropped: list[str]) -> None:
    """Refuse what `orderops deploy` would refuse, else show the difference. Changes nothing."""
    async with assemble(settings) as app:
        try:
            known = await _deployed(app)
        except DATABASE_AWAY:
            raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
        if not known:
            Console(stderr=True).print(NOTHING_KNOWN, soft_wrap=True)
        require_agreement(app.processes, lost_starts(known, dropped))
        show(Console(highlight=False), differences(known, to_be_deployed(resources())))


async def _work(settings: Settings, names: frozenset[str]) -> None:
    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    async with assemble(settings) as app:
        require_agreement(app.processes)
        jobs = [job for process in _chosen(app.processes, names) for job in process.jobs]
        host = Host(jobs, GrpcJobGateway(app.engine.channel))
        async with _telling(app, host):
            settle()
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


def _table(items: list[Deployed]) -> Table:
    table = Table("", "id", "version", "")
    for item in sorted(items, key=lambda item: (item.kind != "process", item.kind, item.id)):
        table.add_row(item.kind, item.id, str(item.version), "new" if item.new else "unchanged")
    return table
