"""`make bench`: how fast it is, on this machine."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from tests.bench import acks, growth, orders, side_by_side
from tests.bench.ground import FULL, QUICK, Ground, ground
from tests.bench.report import REPORT, table, write
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig

console = Console(highlight=False)
PARTS: dict[str, Callable[[Ground], Coroutine[Any, Any, dict[str, Any]]]] = {
    "orders": orders.measure,
    "clients": side_by_side.measure,
    "growth": growth.measure,
    "acks": acks.measure,
}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s; its figures are rough.")] = False,
    only: Annotated[str, typer.Option(help=f"Parts, comma separated: {', '.join(PARTS)}.")] = ",".join(PARTS),
    warm: Annotated[
        float | None, typer.Option(help="Seconds of warming up; a cold engine is half as fast.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Seconds that are measured.")] = None,
) -> None:
    """Measure on a stack of its own, which is deleted at the end; run nothing else meanwhile.

    orders: fulfillment orders a second, end to end, and where the time goes (CPU per order).

    clients: jobs a second and CPU per job of our host, plain pyzeebe and the Java client.

    growth: orders a second with 1, 2 and 4 workers and with 3 partitions; the database with up to 100,000 rows.

    acks: how long a webhook's sender waits for 200, with the engine up and down.

    Figures: build/reports/bench.json. What each means: docs/reference/figures.md.
    """
    chosen = [part.strip() for part in only.split(",")]
    if unknown := set(chosen) - PARTS.keys():
        raise typer.BadParameter(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    lengths = QUICK if quick else FULL
    lengths = replace(lengths, warm=warm or lengths.warm, window=seconds or lengths.window)
    prepare_with_progress(StackConfig(instance="bench"))
    figures: dict[str, Any] = {}
    with console.status("Starting") as line, ground(lengths, line.update) as floor:
        for part in chosen:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures |= runner.run(PARTS[part](floor))
    write(figures)
    console.print(table(figures))
    console.print(f"Figures: {REPORT}")


def main() -> None:
    """The command; an error is one sentence and what to do."""
    try:
        app()
    except UserError as error:
        console.print(f"[red]{error}[/] {error.hint or ''}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
