"""`orderops up`, `down`, `status`, `logs`, `doctor`: a stack on this machine."""

import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from workers.runtime.errors import UserError
from workers.runtime.native.config import DEFAULT_INSTANCE, StackConfig
from workers.runtime.native.credentials import load_credentials
from workers.runtime.native.doctor import examine
from workers.runtime.native.keeper import start_keeper
from workers.runtime.native.stack import prepare, running_stack
from workers.runtime.native.state import Component, State, delete_instance, instances, stop_instance
from workers.runtime.native.webapps import USER

console = Console(highlight=False)

InstanceOption = Annotated[str, typer.Option("--instance", help="Which of several stacks side by side.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (up, down, status, logs, doctor):
        app.command()(command)


def up(  # noqa: PLR0913, PLR0917  # one parameter per option
    instance: InstanceOption = DEFAULT_INSTANCE,
    base_port: Annotated[int | None, typer.Option(help="First of the instance's ports.")] = None,
    brokers: Annotated[int, typer.Option(help="1; 3 or 5 for a cluster with as many partitions.")] = 1,
    heap: Annotated[str | None, typer.Option(help="Memory of each broker, e.g. 2g.")] = None,
    apps: Annotated[bool, typer.Option(help="Start api and workers too.")] = True,
    full: Annotated[
        bool | None, typer.Option(help="Run Operate and Tasklist too, or no longer; as before without it.")
    ] = None,
    controlled_clock: Annotated[bool, typer.Option(help="Let the engine's clock be moved.")] = False,
    foreground: Annotated[bool, typer.Option(help="Run until Ctrl-C instead of in the background.")] = False,
) -> None:
    """Start a stack: PostgreSQL, the engine, api, workers; with --full also OpenSearch, Operate and Tasklist."""
    config = StackConfig(
        instance=instance,
        base_port=base_port,
        brokers=brokers,
        heap=heap,
        apps=apps,
        full=full,
        controlled_clock=controlled_clock,
    )
    if foreground:
        _up_in_foreground(config)
        return
    began = time.monotonic()
    prepare_with_progress(config)
    with console.status("Starting") as line:
        state = start_keeper(config, line.update)
    console.print(f"Instance {instance} is ready after {time.monotonic() - began:.0f} s.")
    console.print(_addresses(config, state))
    if apps:
        say_how_to_log_in(instance, state.urls["api"])


def down(
    instance: InstanceOption = DEFAULT_INSTANCE,
    delete: Annotated[bool, typer.Option("--delete", help="Remove its data, logs and secrets too.")] = False,
) -> None:
    """Stop a stack."""
    config = StackConfig(instance=instance)
    with console.status("Stopping"):
        stopped = stop_instance(config)
    console.print(f"Instance {instance} {'is stopped' if stopped else 'was not running'}.")
    if delete:
        delete_instance(config)
        console.print("Its data are removed.")


def status(instance: Annotated[str | None, typer.Option(help="Only this one.")] = None) -> None:
    """Show what runs, where, and how it is."""
    home = StackConfig().home
    chosen = [StackConfig(instance=instance).state_dir] if instance else list(instances(home))
    states = {folder.name: State.load(folder) for folder in chosen}
    if not any(states.values()):
        console.print("Nothing is running. Start a stack with `orderops up`.")
    for name, state in states.items():
        if state:
            console.print(_table(name, state))


def logs(
    component: Annotated[str | None, typer.Argument(help="postgres, broker-1, api, …; all without.")] = None,
    instance: InstanceOption = DEFAULT_INSTANCE,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the logs of a stack's components."""
    folder = StackConfig(instance=instance).logs_dir
    files = sorted(path for path in folder.glob("*.log") if component in (None, path.stem))
    if not files:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        what = f"for “{component}”" if component else "yet"
        raise UserError(f"There is no log {what} in instance {instance}.", hint=f"There are: {known}.")
    ends = {path: _print_end(path, lines, named=len(files) > 1) for path in files}
    while follow:
        time.sleep(0.3)
        ends = {path: _print_from(path, end, named=len(files) > 1) for path, end in ends.items()}


def doctor(instance: InstanceOption = DEFAULT_INSTANCE) -> None:
    """Say what is missing or broken, and how to mend it."""
    table = Table("", "What")
    for heading in ("Found", "How to mend it"):
        table.add_column(heading, overflow="fold")
    broken = 0
    for finding in examine(StackConfig(instance=instance)):
        broken += not finding.ok
        mark = "[green]ok[/]" if finding.ok else "[red]broken[/]"
        table.add_row(mark, finding.what, finding.detail, finding.mend)
    console.print(table)
    if broken:
        raise typer.Exit(1)


def prepare_with_progress(config: StackConfig) -> None:
    """Downloads and unpacks the engine with a progress bar; at once when all is there."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Downloading", visible=False)

        def report(what: str) -> None:
            progress.update(task, visible=False)
            progress.console.print(what)

        prepare(
            config,
            report,
            lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )


def _up_in_foreground(config: StackConfig) -> None:
    prepare_with_progress(config)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), running_stack(config, console.print) as stack:
        console.print(_addresses(config, stack.supervisor.state))
        if config.apps:
            say_how_to_log_in(config.instance, stack.supervisor.state.urls["api"])
        console.print("Ctrl-C stops it.")
        signal.pause()


def say_how_to_log_in(instance: str, api: str) -> None:
    """Nobody can log in before somebody was added: there is no default password."""
    which = "" if instance == DEFAULT_INSTANCE else f"ORDEROPS_INSTANCE={instance} "
    console.print(f"People log in at {api}/login once they are added:")
    console.print(f"  {which}orderops user add NAME --role agent", soft_wrap=True)


def _addresses(config: StackConfig, state: State) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, url in state.urls.items():
        if config.apps or name not in {"api", "bridge"}:
            table.add_row(name, url)
    if "operate" in state.urls:
        password = load_credentials(config.state_dir)["ORDEROPS_WEBAPPS_PASSWORD"]
        table.add_row("log-in", f"{USER} / {password} (Operate, Tasklist)")
    return table


def _table(name: str, state: State) -> Table:
    owner = "running" if state.owner.alive() else "its keeper died; clean up with `orderops down`"
    table = Table("Component", "Process", "Health", "Up", "Restarts", title=f"{name} ({owner})")
    table.add_column("Address", overflow="fold")
    for part in state.components.values():
        process = part.program.process() if part.program else None
        table.add_row(
            part.name,
            str(process.pid) if process else "",
            _health(part, process),
            str(timedelta(seconds=int(time.time() - process.create_time()))) if process else "",
            str(part.restarts),
            part.address,
        )
    return table


def _health(part: Component, process: psutil.Process | None) -> str:
    if part.state == "ready" and process is None:
        return "[red]gone[/]"
    colour = {"ready": "green", "done": "green", "failed": "red"}.get(part.state, "yellow")
    return f"[{colour}]{part.state}[/]"


def _print_end(path: Path, lines: int, *, named: bool) -> int:
    text = path.read_text(errors="replace").splitlines(keepends=True)
    _print_lines(path, "".join(text[len(text) - min(lines, len(text)) :]), named=named)
    return path.stat().st_size


def _print_from(path: Path, start: int, *, named: bool) -> int:
    size = path.stat().st_size
    if size == start:
        return size
    with path.open(errors="replace") as file:
        file.seek(start if size > start else 0)  # smaller: it was set aside and begun anew
        _print_lines(path, file.read(), named=named)
        return file.tell()


def _print_lines(path: Path, text: str, *, named: bool) -> None:
    for line in text.splitlines():
        typer.echo(f"{path.stem:10} | {line}" if named else line)
