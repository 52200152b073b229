"""`make soak`, or `python -m tests.faults.soak`."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated

import stamina.instrumentation
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.faults.soak import report
from tests.faults.soak.chaos import VICTIMS, Chaos, Weather
from tests.faults.soak.orders import plan_of
from tests.faults.soak.run import Now, Outcome, Setting, run
from workers.runtime.bootstrap import assemble
from workers.runtime.commands.demo import start_afresh
from workers.runtime.commands.invariants import SHOWN
from workers.runtime.commands.invariants import table as invariants_table
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig
from workers.runtime.native.stack import Stack, running_stack
from workers.runtime.settings import Settings

console = Console(highlight=False)


@dataclass(frozen=True)
class Size:
    """How long and how bad."""

    orders: int
    rate: float
    weather: Weather
    stalled_seconds: float
    quick: bool


def main(
    orders: Annotated[int, typer.Option(min=1, help="How many orders come in.")] = 10_000,
    rate: Annotated[float, typer.Option(min=0.1, help="Webhooks a second.")] = 8,
    seed: Annotated[int, typer.Option(help="Decides who is killed when, and what happens to which order.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="14 orders and one kill of each kind, in 50 s.")] = False,
    instance: Annotated[str, typer.Option(help="Name of the stack; its data are deleted first.")] = "soak",
) -> None:
    """Kill worker, api, broker and PostgreSQL at random (SIGKILL) while orders come in, then check the invariants.

    Somebody is killed every 5 to 40 seconds and stays away for up to 30. Orders come through the real webhook,
    which is delivered again until it is answered 2xx, a tenth of them twice. A fifth has a trouble: a wrong
    address, nothing in stock, a supplier whose answer gets lost, a customer who cancels. When all is quiet: I1
    each accepted order has exactly one instance, I2 each effect happened once and for the right amount, I3 each
    case is done or waits for somebody named, I4 the audit trail verifies; and there is no incident, for no trouble
    is one that only a person could mend. The exit code is 1 if not.

    Figures are written to build/reports/soak.json; the instance's data and logs stay.
    """
    size = Size(orders, rate, Weather(seed), stalled_seconds=150, quick=False)
    if quick:
        size = Size(
            14, 10, Weather(seed, pause=(0.2, 0.8), down=(0, 0.5), rounds=1), stalled_seconds=15, quick=True
        )
    hurry = {"ORDEROPS_SETTLING_SECONDS": "2"} if quick else {}
    config = StackConfig(instance=instance, controlled_clock=True, environment=hurry, short_lived=True)
    start_afresh(config)
    prepare_with_progress(config)
    console.print(f"Seed {seed}: {size.orders} orders, {size.rate:g} a second.")
    with console.status("Starting") as line, running_stack(config, line.update) as stack:
        line.stop()
        outcome = asyncio.run(_soak(stack, size))
    figures = report.judge(size.orders, seed, outcome)
    report.write(figures)
    _say(figures, outcome)
    if not figures.ok:
        console.print(f"[red]Violated: {figures.violations}. Logs: {config.logs_dir}[/]")
        raise typer.Exit(1)
    console.print(f"Nothing lost, nothing twice. Figures: {report.REPORT}")


async def _soak(stack: Stack, size: Size) -> Outcome:
    environment = stack.environment()
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in environment.items()}
    plan = plan_of(size.orders, size.weather.seed)
    async with assemble(Settings.model_validate(values)) as app:
        setting = Setting(plan, size.rate, environment, app.processes, size.stalled_seconds, size.quick)
        with Live(console=console, refresh_per_second=2, transient=True) as live:
            return await run(
                setting, Chaos(stack.supervisor, size.weather), lambda now: live.update(_now(now, size))
            )


def _now(now: Now, size: Size) -> Table:
    rows, parts = Table.grid(padding=(0, 2)), now.chaos.supervisor.state.components
    rows.add_row("delivered", f"{now.feed.orders} of {size.orders} orders, {now.feed.deliveries} deliveries")
    rows.add_row("kills", f"{sum(now.chaos.kills.values())}, the last one {now.chaos.last or 'to come'}")
    rows.add_row("now", ", ".join(f"{name} {parts[name].state}" for name in VICTIMS))
    if now.progress:
        rows.add_row(
            "cases", f"{now.progress.cases}, closed {now.progress.closed}, incidents {now.progress.incidents}"
        )
    return rows


def _say(figures: report.Figures, outcome: Outcome) -> None:
    console.print(report.table(figures))
    console.print(invariants_table(outcome.checks))
    violated = [f"{one.invariant} {violation}" for one in outcome.checks for violation in one.violations[:SHOWN]]
    unknown = [f"I1 {one}: answered 2xx, and not in the inbox" for one in outcome.unknown[:SHOWN]]
    for sentence in (*violated, *unknown, *outcome.errors[:SHOWN]):
        console.print(f"[red]{sentence}[/]")
    for sentence in outcome.incidents[:SHOWN]:
        console.print(f"incident at {sentence}", markup=False, style="red")


if __name__ == "__main__":
    stamina.instrumentation.set_on_retry_hooks([])  # its default prints every retry
    try:
        typer.run(main)
    except UserError as error:
        Console(stderr=True, highlight=False).print(Text(f"{error} {error.hint or ''}", style="red"))
        sys.exit(1)
