"""Where the figures go: build/reports/bench.json, a table on the console."""

from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

REPORT = Path("build/reports/bench.json")


def write(figures: dict[str, Any], path: Path = REPORT) -> None:
    """Write the figures for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def table(figures: dict[str, Any], title: str = "Benchmarks") -> Table:
    """Every figure, a nested one under the name of its group."""
    rows = Table(title=title, title_justify="left", show_header=False)
    rows.add_column()
    rows.add_column(justify="right")
    for name, value in figures.items():
        if isinstance(value, dict):
            rows.add_section()
            rows.add_row(f"[bold]{name}[/]", "")
            for part, each in value.items():
                rows.add_row(f"  {part}", str(each))
            rows.add_section()
        else:
            rows.add_row(name, str(value))
    return rows
