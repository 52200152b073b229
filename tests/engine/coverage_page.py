"""Coverage of the diagrams as a picture: one HTML file that needs nothing else.

The diagrams are the pictures of docs/processes, in which every element carries its id; only their colours change.
"""

import html
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from lxml import etree

Element = etree._Element
SVG = "{http://www.w3.org/2000/svg}"
_POINT = re.compile(r"[ML](-?[\d.]+),(-?[\d.]+)")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Coverage of sequence flows</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 1.5rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.2rem; margin-top: 2rem; }}
.diagram {{ overflow: auto; border: 1px solid #c8ccd1; border-radius: 6px; }}
.diagram svg {{ display: block; min-width: 1600px; width: 100%; height: auto; }}
.legend svg {{ width: 3rem; height: 1rem; vertical-align: middle; }} .legend span {{ margin-right: 1.5rem; }}
.taken .djs-visual > path, .legend .taken path {{ stroke: #1a7f37 !important; stroke-width: 3px !important; }}
.taken marker path {{ fill: #1a7f37 !important; stroke: #1a7f37 !important; }}
.missed .djs-visual > path, .legend .missed path {{
  stroke: #cf222e !important; stroke-width: 5px !important; stroke-dasharray: 10 7 !important; }}
.missed marker path {{ fill: #cf222e !important; stroke: #cf222e !important; }}
.count {{ font: bold 12px Arial, sans-serif; paint-order: stroke; stroke: #fff; stroke-width: 4px;
  text-anchor: middle; }}
.taken .count {{ fill: #116329; }} .missed .count {{ fill: #a40e26; }}
</style>
</head>
<body>
<h1>Coverage of sequence flows by the engine tests</h1>
<p>How often each flow was taken in this run, from the engine's own records.</p>
<p class="legend">
<span class="taken"><svg viewBox="0 0 60 20"><path d="M2,10L58,10"/></svg> taken, with how often (solid)</span>
<span class="missed"><svg viewBox="0 0 60 20"><path d="M2,10L58,10"/></svg> never taken (dashed, thick)</span>
</p>
{sections}
</body>
</html>
"""
SECTION = """<h2 id="{process}">{process}: {covered} of {total} sequence flows</h2>
{missing}<div class="diagram" tabindex="0" role="region" aria-label="{process}">{picture}</div>
"""


@dataclass(frozen=True)
class Coverage:
    """Of one process."""

    process: str
    picture: bytes
    """Its SVG from docs/processes."""
    counts: Mapping[str, int]
    """Sequence flow → how often it was taken; 0 for those that never were."""

    @property
    def missing(self) -> list[str]:
        """Flows that were never taken."""
        return sorted(flow for flow, count in self.counts.items() if not count)

    @property
    def figures(self) -> dict[str, int]:
        """As in coverage.json."""
        return {"covered": len(self.counts) - len(self.missing), "total": len(self.counts)}


def page(coverages: Iterable[Coverage]) -> str:
    """The whole page."""
    return PAGE.format(sections="\n".join(map(_section, coverages)))


def _section(coverage: Coverage) -> str:
    names = ", ".join(map(html.escape, coverage.missing))
    return SECTION.format(
        process=html.escape(coverage.process),
        missing=f"<p>Never taken: {names}.</p>\n" if names else "",
        picture=_coloured(coverage),
        **coverage.figures,
    )


def _coloured(coverage: Coverage) -> str:
    """The picture, each flow with its class and its count."""
    root = etree.fromstring(coverage.picture)
    for group in root.iter(f"{SVG}g"):
        flow = group.get("data-element-id")
        if flow is not None and flow in coverage.counts:
            count = coverage.counts[flow]
            group.set("class", f"{group.get('class')} {'taken' if count else 'missed'}")
            group.append(_label(group, flow, count))
    svg = etree.tostring(root, encoding="unicode")
    return svg.replace("marker-", f"{coverage.process}-marker-").replace(
        f"{coverage.process}-marker-end", "marker-end"
    )


def _label(group: Element, flow: str, count: int) -> Element:
    """How often, in the middle of the longest stretch of the line: below it, as names are above."""
    points = [(float(x), float(y)) for x, y in _POINT.findall(group.findall(f"{SVG}path")[-1].get("d", ""))]
    (x1, y1), (x2, y2) = max(pairwise(points), key=_length)
    place = {"x": f"{(x1 + x2) / 2:g}", "y": f"{(y1 + y2) / 2 + (13 if y1 == y2 else 4):g}"}
    label = etree.Element(f"{SVG}text", {"class": "count", **place})
    label.text = f"{count}×"
    title = etree.SubElement(label, f"{SVG}title")
    title.text = f"{flow}: taken {count} times"
    return label


def _length(stretch: tuple[tuple[float, float], tuple[float, float]]) -> float:
    return math.dist(*stretch)
