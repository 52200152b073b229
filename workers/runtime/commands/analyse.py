"""`orderops analyse`: what the ticket analysis makes of any file of texts."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Ticket
from workers.runtime.errors import UserError

COLUMNS = ("intent", "anger", "safety", "confidence")
console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyse)


def analyse(
    file: Annotated[Path, typer.Option(help="A CSV file with a header, in UTF-8.", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="Where the labels go, as CSV.", dir_okay=False)],
    column: Annotated[str, typer.Option(help="The column with the texts.")] = "text",
) -> None:
    """Label each text of a file: intent, anger (0 to 100), safety (true or false), and confidence in the intent.

    One row per text, in the same order. On this machine, without network, and without a stack.
    """
    if out.resolve() == file.resolve():
        raise UserError("The labels would overwrite the texts.", hint="Give another file with --out.")
    _check(file, column)
    analysis = LocalAnalysis()
    count = 0
    with out.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target, lineterminator="\n")
        rows.writerow(COLUMNS)
        for text in _texts(file, column):
            found = analysis.understand(Ticket(text))
            safety = str(found.unsafe).lower()
            rows.writerow((found.best.intent, found.anger.score, safety, f"{found.best.confidence:.4f}"))
            count += 1
    console.print(f"{out}: {count} texts")


def _check(file: Path, column: str) -> None:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as source:
        columns = csv.DictReader(source).fieldnames or ()
    if column not in columns:
        known = ", ".join(columns) or "none"
        raise UserError(f"{file} has no column {column}.", hint=f"It has: {known}. Name one with --column.")


def _texts(file: Path, column: str) -> Iterator[str]:
    """The column of each row; a row that is too short has an empty text."""
    csv.field_size_limit(sys.maxsize)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as source:
        for row in csv.DictReader(source):
            yield row[column] or ""
