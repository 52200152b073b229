"""The pictures of the report, as plain SVG and HTML. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from tests.eval.measure import Bin
from workers.ports.analysis import Intent

BLUE, GREY, RED, GREEN = "#1f6feb", "#8b949e", "#cf222e", "#1a7f37"
SIDE, EDGE, TOP = 310, 52, 22
BAR, LABEL, ROW = 260, 150, 26


def bars(values: Mapping[str, float], goal: float | None = None, form: str = "{:.3f}", most: float = 1.0) -> str:
    """Horizontal bars, with the goal as a dashed line."""
    height = ROW * len(values) + 12
    parts = []
    for number, (label, value) in enumerate(values.items()):
        y = 6 + ROW * number
        width = BAR * min(1.0, value / most) if most else 0.0
        end = LABEL + max(width, BAR * (goal or 0) / most)
        colour = BLUE if goal is None or value >= goal else RED
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{max(width, 1):.1f}" height="{ROW - 6}" rx="2" fill="{colour}"/>'
            f'<text x="{end + 6:.1f}" y="{y + 15}">{form.format(value)}</text>'
        )
    if goal is not None:
        x = LABEL + BAR * goal / most
        parts.append(f'<path d="M{x:.1f} 0V{height}" stroke="{GREY}" stroke-dasharray="4 3"/>')
    return _svg(LABEL + BAR + 60, height, parts)


def reliability(filled: Sequence[Bin]) -> str:
    """Confidence against frequency: on the line is honest; a dot's size is its number of cases."""

    def place(value: float) -> float:
        return EDGE + value * (SIDE - EDGE - TOP)

    def up(value: float) -> float:
        return SIDE - place(value)

    parts = [f'<path d="M{place(0)} {up(0)}L{place(1)} {up(1)}" stroke="{GREY}" stroke-dasharray="4 3"/>']
    parts += [_tick(tick, place(tick), up(tick)) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)]
    total = sum(each.cases for each in filled) or 1
    for each in filled:
        radius = 3 + 11 * (each.cases / total) ** 0.5
        parts.append(
            f'<circle cx="{place(each.confidence):.1f}" cy="{up(each.right):.1f}" r="{radius:.1f}" fill="{BLUE}" '
            f'fill-opacity="0.6"><title>{each.cases} cases: said {each.confidence:.2f}, '
            f"right {each.right:.2f}</title></circle>"
        )
    parts.append(f'<text x="{SIDE / 2}" y="{SIDE - 6}" text-anchor="middle">confidence</text>')
    parts.append(
        f'<text transform="translate(12 {SIDE / 2}) rotate(-90)" text-anchor="middle">how often right</text>'
    )
    return _svg(SIDE, SIDE, parts)


def _tick(value: float, x: float, y: float) -> str:
    top, bottom, right = TOP, SIDE - EDGE, SIDE - TOP
    return (
        f'<path d="M{x} {bottom}V{top}M{EDGE} {y}H{right}" stroke="#d0d7de" fill="none"/>'
        f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'
        f'<text x="{EDGE - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>'
    )


def matrix(table: Counter[tuple[Intent, Intent]]) -> str:
    """The confusion matrix: rows are what it is, columns what was said; darker is a larger share of the row."""
    head = "".join(f"<th><span>{intent.value}</span></th>" for intent in Intent)
    rows = []
    for truth in Intent:
        total = sum(table[truth, said] for said in Intent)
        if not total:
            continue
        cells = "".join(_cell(table[truth, said], total, right=truth is said) for said in Intent)
        rows.append(f"<tr><th>{truth.value}</th>{cells}<td class=sum>{total}</td></tr>")
    return f"<table class=matrix><tr><th></th>{head}<th><span>all</span></th></tr>{''.join(rows)}</table>"


def _cell(count: int, total: int, *, right: bool) -> str:
    if not count:
        return "<td class=none>·</td>"
    share = count / total
    colour = (
        f"rgba(26,127,55,{0.15 + 0.6 * share:.2f})"
        if right
        else f"rgba(207,34,46,{min(0.9, 0.15 + 4 * share):.2f})"
    )
    return f'<td style="background:{colour}">{count}</td>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f"<svg {size}>{''.join(parts)}</svg>"
