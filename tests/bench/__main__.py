"""`make bench`: how fast it is, on this machine."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import psutil
import typer
import uvloop
from rich.console import Console

from tests.bench import acks, growth, orders, side_by_side
from tests.bench.ground import FULL, Ground, ground, quick_lengths
from tests.bench.picture import PICTURE, draw
from tests.bench.report import REPORT, table, write
from workers.runtime import logs
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig

console = Console(highlight=False)
PARTS: dict[str, Callable[[Ground], Coroutine[Any, Any, dict[str, Any]]]] = {
    "clients": side_by_side.measure,
    "orders": orders.measure,
    "growth": growth.measure,
    "acks": acks.measure,
}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


IN_QUICK = ("orders", "clients", "acks")
QUICK_SECONDS = 40
"""The short form, from the start of the command to the stop of its stack."""
_ENGINE_COLD = (
    "The engine is still cold in the short form: half as fast as warm. Its figures only show that all works."
)


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s; its figures are rough.")] = False,
    only: Annotated[str, typer.Option(help=f"Parts, comma separated: {', '.join(PARTS)}.")] = "",
    warm: Annotated[float, typer.Option(help="orders: seconds of warming up; a cold engine is half as fast.")] = 0,
    seconds: Annotated[float, typer.Option(help="orders: seconds of a round that is measured.")] = 0,
) -> None:
    """Measure on a stack of its own, which is deleted at the end. Run nothing else meanwhile; about 15 minutes.

    clients: jobs a second and CPU per job of our host, plain pyzeebe and the Java client (needs a JDK).

    orders: fulfillment orders a second, end to end, and where the time goes (CPU per order).

    growth: orders a second with 1, 2 and 4 workers and with 3 partitions; the database with up to 100,000 rows.

    acks: how long a webhook's sender waits for 200, with the engine up and down.

    Figures: build/reports/bench.json, and as a picture bench.svg. What each means: docs/reference/figures.md.
    """
    logs.configure("json", logging.WARNING)
    began = float(os.environ.get("ORDEROPS_STARTED") or psutil.Process().create_time())
    chosen = _chosen(only) or (IN_QUICK if quick else tuple(PARTS))
    prepare_with_progress(StackConfig(instance="bench"))
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    with console.status("Starting") as line, ground(FULL, line.update, short_lived=quick) as floor:
        lengths = quick_lengths(began + QUICK_SECONDS - time.time()) if quick else FULL
        lengths = replace(lengths, warm=warm or lengths.warm, window=seconds or lengths.window)
        for part in chosen:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures |= runner.run(PARTS[part](replace(floor, lengths=lengths)))
            write(figures)
    draw(figures)
    console.print(table(figures))
    if quick:
        console.print(_ENGINE_COLD)
    console.print(f"Figures: {REPORT}. Picture: {PICTURE}. {time.time() - began:.0f} s.")


def _chosen(only: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in only.split(",") if part.strip())
    if unknown := set(names) - PARTS.keys():
        raise typer.BadParameter(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    return tuple(part for part in PARTS if part in names)  # in this order: the last leaves the engine busy


def main() -> None:
    """The command; an error is one sentence and what to do."""
    try:
        app()
    except UserError as error:
        console.print(f"[red]{error}[/] {error.hint or ''}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
