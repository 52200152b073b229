"""`make scale`: whether it stays fast with 100,000 cases, and how fast it catches up."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tests.bench.report import table, write
from tests.scale import fill, intake, pages
from tests.scale.programs import running_postgres

REPORT = Path("build/reports/scale.json")
NO_PAGE_YET = "not measured: there is no page yet that shows a case live"
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def scale(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s: 5,000 cases.")] = False,
    records: Annotated[int, typer.Option(help="Records to take in; 0 is 40,000 or, in full, 1,000,000.")] = 0,
) -> None:
    """Fill a case file, measure pages and the intake of records. Run nothing else meanwhile; about 15 minutes.

    Figures: build/reports/scale.json. What each means: docs/reference/figures.md.
    """
    began = time.monotonic()
    size = fill.QUICK if quick else fill.FULL
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    with (
        console.status("Starting") as line,
        tempfile.TemporaryDirectory(prefix="orderops-scale-", ignore_cleanup_errors=True) as name,
        running_postgres(Path(name)) as (url, postgres),
    ):
        fill.fill(url, size, line.update)
        figures["rows"] = fill.rows(url)
        figures["p99_ms"] = pages.measure(url, Path(name), size, 100 if quick else 500, line.update)
        number = records or (40_000 if quick else 1_000_000)
        figures |= intake.measure(url, postgres, Path(name), number, line.update)
        figures |= {"event_to_page_p99_ms": None, "event_to_page": NO_PAGE_YET}
        write(figures, REPORT)
    console.print(table(figures, "Scale"))
    console.print(f"Figures: {REPORT}. {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    app()
