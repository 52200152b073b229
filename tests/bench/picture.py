"""The figures as a picture: groups of bars, drawn as plain SVG. A plotting library would weigh 40 MB in every
set-up, for this alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

PICTURE = Path("build/reports/bench.svg")
WIDTH, LABELS, BAR, ROW, HEAD = 560, 190, 250, 22, 52
COLOURS = {"ours": "#1f6feb", "ours_journal": "#1f6feb"}
OTHERS = "#8b949e"


@dataclass(frozen=True)
class Panel:
    """One group of bars; `goal` is drawn as a line across them."""

    title: str
    bars: Mapping[str, float]
    goal: float | None = None

    @property
    def height(self) -> int:
        """In pixels."""
        return HEAD + ROW * len(self.bars)


def draw(figures: Mapping[str, Any], path: Path = PICTURE) -> None:
    """Write the picture of whatever was measured."""
    columns: tuple[list[str], list[str]] = ([], [])
    heights = [16, 16]
    for panel in panels(figures):
        shorter = heights.index(min(heights))
        columns[shorter].append(_panel(panel, shorter * WIDTH + 16, heights[shorter]))
        heights[shorter] += panel.height
    size = f'width="{2 * WIDTH}" height="{max(heights) + 16}"'
    style = "text{font:13px sans-serif;fill:#24292f}.title{font-weight:bold}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(columns[0] + columns[1])}</svg>\n'
    )


def panels(figures: Mapping[str, Any]) -> list[Panel]:
    """What there is to draw, most wanted first; a group that was not measured is left out."""
    jobs = figures.get("jobs_per_s", {})
    cpu = figures.get("client_cpu_ms_per_job", {})
    order = figures.get("cpu_ms_per_order", {})
    asked = [
        Panel("Jobs a second (goal: Java's)", jobs, jobs.get("java")),
        Panel("Client CPU, ms per job (goal: 0.3 of Java's)", cpu, 0.3 * cpu["java"] if "java" in cpu else None),
        Panel(f"CPU, ms per order, at {figures.get('orders_per_s')} orders a second", order),
        Panel("Webhook acknowledged, p99 in ms", figures.get("ack_p99_ms", {})),
        Panel("Orders a second by workers", figures.get("orders_per_s_by_workers", {})),
        Panel("Orders a second by partitions", figures.get("orders_per_s_by_partitions", {})),
        *(
            Panel(f"{name.removesuffix('_p50_ms_by_rows')}: median ms by rows in its tables", bars)
            for name, bars in figures.items()
            if name.endswith("_p50_ms_by_rows")
        ),
    ]
    return [panel for panel in asked if panel.bars]


def _panel(panel: Panel, left: int, top: int) -> str:
    most = max(*panel.bars.values(), panel.goal or 0, 1e-9)
    parts = [f'<text class="title" x="{left}" y="{top + 20}">{escape(panel.title)}</text>']
    for number, (label, value) in enumerate(panel.bars.items()):
        y = top + 32 + ROW * number
        width = BAR * value / most
        parts.append(
            f'<text x="{left + LABELS - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{left + LABELS}" y="{y}" width="{width:.1f}" height="{ROW - 5}" '
            f'fill="{COLOURS.get(label, OTHERS)}"/>'
            f'<text x="{left + LABELS + width + 6:.1f}" y="{y + 13}">{value:g}</text>'
        )
    if panel.goal is not None:
        x = left + LABELS + BAR * panel.goal / most
        low, high = top + 28, top + 32 + ROW * len(panel.bars)
        parts.append(f'<path d="M{x:.1f} {low}V{high}" stroke="#cf222e" stroke-dasharray="4 3"/>')
    return "".join(parts)
