"""`make kills`, or `python -m tests.faults.kills`."""

import asyncio
import logging
import sys
from dataclasses import replace
from typing import Annotated, Any

import stamina.instrumentation
import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tests.faults.kills import report
from tests.faults.kills.plan import PURCHASES, REFUNDS, TICKETS, Plan
from tests.faults.kills.run import Progress as Now
from tests.faults.kills.run import deploy, run, warm_up
from workers.casefile import migrate
from workers.runtime.commands.demo import start_afresh
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.engine import Engine
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import StackPorts, free_base_port
from workers.runtime.native.stack import running_stack

QUICK = {PURCHASES: 12, REFUNDS: 12, TICKETS: 6}
"""Kills per point; people are woken for ten seconds, and an even number is half of each."""
console = Console(highlight=False)
FIRST_ORDER = 7_000_000_000_001


def main(
    times: Annotated[int, typer.Option(min=1, max=100_000, help="Kills at each of the five points.")] = 600,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only a dozen per point: done within 50 seconds.")
    ] = False,
    refunds: Annotated[
        bool, typer.Option("--refunds", help="While they pay back, instead of while they buy.")
    ] = False,
    tickets: Annotated[
        bool, typer.Option("--tickets", help="While they answer customers and wake people, instead.")
    ] = False,
    instance: Annotated[str, typer.Option(help="Name of the stack; its data are deleted first.")] = "kills",
) -> None:
    """Kill workers with SIGKILL while they buy, and count what is in the supplier's own books afterwards.

    A broker and a PostgreSQL of their own are started, and orders go in. Each order's worker dies once, at one of
    five points around the purchase: before the intent is recorded, before the supplier is called, after it was
    called, after its answer is recorded, after the job's completion was sent. The job comes again after its
    time-out and another worker takes it. In the end every order has to be bought exactly once, booked as it was
    bought, and announced. The exit code is 1 if not.

    Figures are written to build/reports; logs stay in the instance's folder.
    """
    if refunds and tickets:
        raise UserError("Refunds and tickets are two runs.", hint="Give one of --refunds and --tickets.")
    deed = REFUNDS if refunds else TICKETS if tickets else PURCHASES
    times = QUICK[deed] if quick else times
    config = StackConfig(instance=instance, apps=False, heap="768m", short_lived=quick)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if deed != PURCHASES:  # whether money may go back, and who has a task, the engine's records say
        base_port = free_base_port()
        bridge = f"http://127.0.0.1:{StackPorts(base_port).bridge}"
        config = replace(config, base_port=base_port, records_url=bridge, records_bulk=50 if tickets else 10)
    start_afresh(config)
    prepare_with_progress(config)
    warm_up()
    with console.status("Starting") as line, running_stack(config, line.update) as stack:
        values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in stack.environment().items()}
        migrate.upgrade(stack.database_url)
        plan = Plan(times, FIRST_ORDER, values, config.state_dir, deed)
        line.stop()
        figures, approved = asyncio.run(_run(plan))
    console.print(report.table(figures))
    where = report.write(plan, figures, approved)
    if not figures.ok or (refunds and approved != figures.expected):
        console.print(f"[red]Not as it should be. {_complaint(figures)} Logs: {config.logs_dir}, {plan.folder}[/]")
        raise typer.Exit(1)
    console.print(f"{figures.kills} workers killed in {figures.seconds:.0f} s; {_WELL[deed]} Figures: {where}")


_WELL = {
    PURCHASES: "each order bought, booked, announced once.",
    REFUNDS: "each order paid back, booked, told of once.",
    TICKETS: "each ticket answered once, or people woken once in each round.",
}


async def _run(plan: Plan) -> tuple[report.Figures, int]:
    values: dict[str, Any] = dict(plan.settings)
    async with Engine(values["zeebe_grpc"], values["zeebe_rest"]) as engine:
        await deploy(engine, plan)
    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {
            name: bars.add_task(name, total=plan.total) for name in ("started", "killed", "bought", "finished")
        }

        def show(now: Now) -> None:
            for name, task in tasks.items():
                bars.update(task, completed=getattr(now, name))

        outcome = await run(plan, show)
        return report.judge(plan, outcome), outcome.approved


def _complaint(figures: report.Figures) -> str:
    return (
        f"Killed {figures.kills} of {figures.expected}, in the books {figures.in_books}, twice {figures.twice}, "
        f"lost {figures.lost}, booked wrongly {figures.ledger_wrong}, ended otherwise {figures.other_ends}."
    )


if __name__ == "__main__":
    stamina.instrumentation.set_on_retry_hooks([])  # its default prints every retry
    try:
        typer.run(main)
    except UserError as error:
        Console(stderr=True, highlight=False).print(Text(f"{error} {error.hint or ''}", style="red"))
        sys.exit(1)
