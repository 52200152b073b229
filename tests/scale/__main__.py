"""`make scale`: whether it stays fast with 100,000 cases, and how fast it catches up."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from tests.bench.ground import FULL, ground
from tests.bench.report import table, write
from tests.scale import board, fill, intake, live, pages, seals
from workers.runtime import logs
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig

REPORT = Path("build/reports/scale.json")
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def scale(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s: 5,000 cases.")] = False,
    records: Annotated[int, typer.Option(help="Records to take in; 0 is 20,000 or, in full, 1,000,000.")] = 0,
) -> None:
    """Fill the case file of a stack of its own, then measure pages and the intake of records; about 15 minutes.

    Run nothing else meanwhile. Figures: build/reports/scale.json. What each means: docs/reference/figures.md.
    """
    logs.configure("json", logging.WARNING)
    began = time.monotonic()
    size, requests, orders = (fill.QUICK, 20, 6) if quick else (fill.FULL, 500, 200)
    number = records or (20_000 if quick else 1_000_000)
    prepare_with_progress(StackConfig(instance="scale"))
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    with console.status("Starting") as line, ground(FULL, line.update, short_lived=quick) as floor:
        fill.fill(floor.stack.database_url, size, line.update)
        figures["rows"] = fill.rows(floor.stack.database_url)
        figures |= uvloop.run(board.measure(floor))
        figures["event_to_page_p99_ms"] = uvloop.run(live.measure(floor, orders))
        figures |= pages.measure(floor, size, requests)
        figures |= intake.measure(floor, number)
        if not quick:
            figures |= uvloop.run(seals.measure(floor))
        write(figures, REPORT)
    console.print(table(figures, "Scale"))
    console.print(f"Figures: {REPORT}. {time.monotonic() - began:.0f} s.")


def main() -> None:
    """The command; an error is one sentence and what to do."""
    try:
        app()
    except UserError as error:
        console.print(f"[red]{error}[/] {error.hint or ''}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
