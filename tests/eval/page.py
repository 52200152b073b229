"""The report to read: build/reports/eval.html, one file that loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tests.eval import pictures
from tests.eval.compare import Changed
from tests.eval.measure import Judged, bins, confusion

PAGE = Path("build/reports/eval.html")
SHOWN, CHARACTERS = 60, 240
"""Most cases in one list, and of a text."""
GOALS = {"macro_f1": 0.95, "safety_recall": 0.99, "safety_precision": 0.9, "ms_per_ticket": 2.0}
NAMES = {
    "macro_f1": "macro F1, intents",
    "safety_recall": "safety recall",
    "safety_precision": "safety precision",
    "ms_per_ticket": "ms per ticket",
    "calibration_error": "calibration error",
}
STYLE = Path(__file__).with_name("page.css")


def write(
    figures: Mapping[str, Any], judged: Sequence[Judged], changed: Sequence[Changed] | None, path: Path = PAGE
) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(figures), _pictures(figures, judged), _groups(figures), _wrong(judged), _safety(judged)]
    if "table" in figures:
        parts.append(_ways(figures["table"]))
    if changed is not None:
        parts.append(_changed(changed))
    body = "".join(parts)
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Ticket analysis</title>'
        f"<style>{STYLE.read_text()}</style><body>{body}</body></html>\n",
        encoding="utf-8",
    )


def _head(figures: Mapping[str, Any]) -> str:
    tiles = "".join(_tile(name, figures) for name in NAMES if name in figures)
    unseen = figures.get("unseen", {})
    again = "".join(_tile(name, unseen) for name in NAMES if name in unseen)
    second = (
        f"<p>Only the part that nobody looked at while improving the analysis:</p><div class=tiles>{again}</div>"
    )
    return (
        f"<h1>Ticket analysis</h1><p class=muted>{escape(figures['at'])} · {escape(figures['model'])} · "
        f"{figures['cases']} cases · goals in brackets</p><div class=tiles>{tiles}</div>{second if again else ''}"
    )


def _tile(name: str, figures: Mapping[str, Any]) -> str:
    value, goal = figures[name], GOALS.get(name)
    met = goal is None or (value <= goal if name == "ms_per_ticket" else value >= goal)
    kind = "" if goal is None else "good" if met else "bad"
    label = f"{NAMES[name]} ({goal:g})" if goal else NAMES[name]
    return f"<div class='tile {kind}'><b>{value:.3g}</b><span>{label}</span></div>"


def _pictures(figures: Mapping[str, Any], judged: Sequence[Judged]) -> str:
    alarms = {
        name: group["safety_false_alarm_rate"]
        for name, group in figures["by_group"].items()
        if "safety_false_alarm_rate" in group
    }
    most = max(0.02, *alarms.values()) if alarms else 1.0
    safety = "<h2>Safety: false alarms by kind of text</h2>" + pictures.bars(alarms, form="{:.2%}", most=most)
    return (_intents(figures, judged) if "by_intent" in figures else "") + (safety if alarms else "")


def _intents(figures: Mapping[str, Any], judged: Sequence[Judged]) -> str:
    known = [each for each in judged if each.case.intent]
    f1 = {name: each["f1"] for name, each in figures["by_intent"].items()}
    sure = bins((each.confidence, bool(each.right)) for each in known)
    return (
        "<h2>Intents</h2><div class=row>"
        f"<figure><figcaption>F1 by intent</figcaption>{pictures.bars(f1, GOALS['macro_f1'])}</figure>"
        "<figure><figcaption>Confidence and how often it is right</figcaption>"
        f"{pictures.reliability(sure)}</figure></div>"
        "<h2>What was taken for what</h2><p class=muted>Rows are right, columns were said.</p>"
        f"{pictures.matrix(confusion(known))}"
    )


def _groups(figures: Mapping[str, Any]) -> str:
    names = (
        "cases",
        "macro_f1",
        "accuracy",
        "calibration_error",
        "safety_recall",
        "safety_false_alarm_rate",
        "anger_auc",
    )
    head = "".join(f"<th class=num>{name.replace('_', ' ')}</th>" for name in names)
    rows = "".join(
        _row(group, [found.get(name, "–") for name in names]) for group, found in figures["by_group"].items()
    )
    return f"<h2>By origin</h2><table><tr><th></th>{head}</tr>{rows}</table>"


def _row(label: str, values: Sequence[object]) -> str:
    return f"<tr><td>{escape(label)}</td>{''.join(f'<td class=num>{value}</td>' for value in values)}</tr>"


def _wrong(judged: Sequence[Judged]) -> str:
    wrong = sorted((each for each in judged if each.right is False), key=lambda each: -each.confidence)
    lines = (
        (each.case.text, each.case.intent or "", each.intent, f"{each.confidence:.2f}", each.evidence)
        for each in wrong
    )
    return _list(
        f"{len(wrong)} intents misunderstood, the surest first",
        ("text", "is", "said", "confidence", "because"),
        lines,
    )


def _safety(judged: Sequence[Judged]) -> str:
    missed = [each for each in judged if each.case.safety is True and not each.safety]
    alarms = [each for each in judged if each.case.safety is False and each.safety]
    rows = [
        ((each.case.text, each.case.group, f"{each.safety_confidence:.2f}") for each in some)
        for some in (missed, alarms)
    ]
    heads = ("text", "from", "confidence")
    return _list(f"{len(missed)} with harm missed", heads, rows[0]) + _list(
        f"{len(alarms)} false alarms", heads, rows[1]
    )


def _ways(table: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{each}</th>" for each in ("in which situation", "before", "now"))
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(way[name])}</td>" for name in ("what", "before", "now"))
        + f"<td class=num>{way['tickets']:,}</td></tr>"
        for way in table["ways"]
    )
    return (
        f"<h2>Another version of {escape(table['decision'])}</h2>"
        f"<p>{table['changed_mainly']:,} of {table['decisions']:,} decisions are others, "
        f"{table['changed'] - table['changed_mainly']:,} more say otherwise why. Each ticket is decided in each "
        "of some situations: who wrote it, and about which order, is not in its text.</p>"
        f"<table><tr>{head}<th class=num>tickets</th></tr>{rows}</table>"
    )


def _changed(changed: Sequence[Changed]) -> str:
    lines = (
        (
            each.text,
            each.group,
            f"{each.before} → {each.now}",
            {True: "better", False: "worse", None: "–"}[each.better],
        )
        for each in changed
    )
    return _list(f"{len(changed)} cases changed", ("text", "from", "change", ""), lines, opened=True)


def _list(title: str, heads: Iterable[str], lines: Iterable[Sequence[object]], *, opened: bool = False) -> str:
    rows = []
    for line in list(lines)[:SHOWN]:
        first, *rest = (escape(" ".join(str(value).split())[:CHARACTERS]) for value in line)
        cells = "".join(
            f"<td class={cell}>{cell}</td>" if cell in {"worse", "better"} else f"<td>{cell}</td>" for cell in rest
        )
        rows.append(f"<tr><td class=text>{first}</td>{cells}</tr>")
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if rows else "<p class=muted>None.</p>"
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{body}</details>"
