"""`make eval`: how well the ticket analysis understands labelled tickets, and what another version changes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tests.bench.report import write as write_figures
from tests.eval import cases, compare, page, tables
from tests.eval.cases import Case
from tests.eval.measure import Judged, confusion, figures
from workers.adapters.analysis_model import WEIGHTS, load
from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Intent, Ticket
from workers.runtime.errors import UserError
from workers.triage import likely

REPORT = Path("build/reports/eval.json")
QUICK, HELD_OUT = 300, 60
"""Cases of each origin in the short form, and held-out phrases per topic."""
CASES, WAYS = 40, 20
"""Changed cases, and ways in which they changed, that are printed; the page has more."""
HEADLINE = (
    "macro_f1",
    "accuracy",
    "calibration_error",
    "safety_recall",
    "safety_precision",
    "safety_false_alarm_rate",
)
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(name="eval")
def evaluate(
    quick: Annotated[bool, typer.Option("--quick", help="Short form: at most 300 cases of each origin.")] = False,
    against: Annotated[
        Path | None,
        typer.Option("--compare", help="Cases of an earlier run, another model, or another version of a table."),
    ] = None,
    model: Annotated[Path, typer.Option(help="The model to judge.")] = WEIGHTS,
    labelled: Annotated[Path | None, typer.Option(help="A CSV of one's own: text, intent, safety.")] = None,
) -> None:
    """Judge the analysis on our own tickets, and on the shared data where it is; about a minute.

    Figures: build/reports/eval.json. To read: build/reports/eval.html. Cases, to compare with:
    build/reports/eval_cases.csv. What each figure means: docs/reference/figures.md.
    """
    table = against if against and against.suffix == ".dmn" else None
    if table:
        tables.other_version(table)
    chosen = list(_chosen(labelled, quick))
    before = _earlier(against, chosen) if against and not table else None
    with console.status("Reading tickets"):
        judged = judge(LocalAnalysis(model), chosen)
    found = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick, "model": load(model).version}
    found |= summary(judged)
    changed = compare.changes(before, judged) if before is not None else None
    if table:
        with console.status("Starting an engine") as line:
            compared = asyncio.run(_compared(table, judged, line.update))
        changed = list(compared.changes)
        found["table"] = tables.figures(compared)
    if changed is not None:
        found["changed"] = len(changed)
    write_figures(found, REPORT)
    compare.write(judged)
    page.write(found, judged, changed)
    _show(found, judged, changed)


async def _compared(table: Path, judged: Sequence[Judged], say: tables.Say) -> tables.Compared:
    async with tables.engine_of_its_own(say) as engine:
        return await tables.compare(table, judged, partial(tables.decide, engine, say))


def _chosen(labelled: Path | None, quick: bool) -> Iterator[Case]:
    every = (
        list(cases.labelled(labelled)) if labelled else [*cases.own(), *cases.held_out(HELD_OUT), *cases.shared()]
    )
    return iter(cases.thinned(every, QUICK) if quick else every)


def _earlier(path: Path, chosen: Sequence[Case]) -> dict[tuple[str, str], tuple[str, str]]:
    """What an earlier run said; or what another model says, when it is one."""
    if not path.is_file():
        raise UserError(f"There is no {path}.", hint=f"An earlier run leaves {compare.CASES}: keep a copy of it.")
    if path.suffix == ".csv":
        return compare.read(path)
    return compare.said(judge(LocalAnalysis(path), chosen))


def judge(analysis: LocalAnalysis, chosen: Sequence[Case]) -> list[Judged]:
    """What the analysis says of each case, and how long it takes, apart from the first, which loads everything."""
    analysis.understand(Ticket("Where is my order 1001?"))
    found = []
    for case in chosen:
        began = time.perf_counter()
        result = analysis.understand(Ticket(case.text))
        took = (time.perf_counter() - began) * 1_000
        words = ", ".join(each.words for each in result.best.evidence)
        found.append(
            Judged(
                case,
                result.best.intent,
                result.best.confidence,
                result.anger.score,
                result.unsafe,
                result.safety_confidence,
                words,
                took,
                likely(result),
                bool(result.damage),
            )
        )
    return found


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Figures of all, of the part that nobody looked at, and by origin."""
    found = figures(judged)
    found["ms_per_ticket"] = round(sum(each.ms for each in judged) / len(judged), 3)
    unseen = [each for each in judged if not each.case.looked_at]
    found["unseen"] = figures(unseen) if unseen else {}
    groups = dict.fromkeys((each.case.group, each.case.looked_at) for each in judged)
    found["by_group"] = {
        group + ("" if seen else ", unseen"): figures(
            [each for each in judged if (each.case.group, each.case.looked_at) == (group, seen)]
        )
        for group, seen in groups
    }
    return found


def _show(found: dict[str, Any], judged: Sequence[Judged], changed: Sequence[compare.Changed] | None) -> None:
    table = Table(
        "", *(name.replace("_", " ") for name in HEADLINE), title="Ticket analysis", title_justify="left"
    )
    for name, part in (("all", found), ("unseen", found["unseen"]), *found["by_group"].items()):
        table.add_row(name, *(str(part.get(figure, "–")) for figure in HEADLINE))
    console.print(table)
    if "by_intent" in found:
        console.print(_intents(found), _confusion(judged))
    for change in (changed or ())[:CASES]:
        mark = {True: "better", False: "worse", None: "changed"}[change.better]
        console.print(f"{mark}: {change.what} {change.before} → {change.now}: {change.text[:90]}", markup=False)
    if "table" in found:
        console.print(_ways(found["table"]))
    elif changed is not None:
        console.print(f"{len(changed)} cases changed.")
    console.print(f"{found['ms_per_ticket']} ms per ticket. Figures: {REPORT}. To read: {page.PAGE}.")


def _ways(found: dict[str, Any]) -> Table:
    title = (
        f"{found['decision']}: {found['changed_mainly']:,} of {found['decisions']:,} decisions are others, "
        f"{found['changed'] - found['changed_mainly']:,} more say otherwise why"
    )
    table = Table("in which situation", "before", "now", "tickets", title=title, title_justify="left")
    for way in found["ways"][:WAYS]:
        table.add_row(way["what"], way["before"], way["now"], f"{way['tickets']:,}")
    return table


def _intents(found: dict[str, Any]) -> Table:
    table = Table("intent", "precision", "recall", "F1", "cases")
    for name, each in found["by_intent"].items():
        table.add_row(name, *(str(each[figure]) for figure in ("precision", "recall", "f1", "cases")))
    return table


def _confusion(judged: Sequence[Judged]) -> Table:
    counted = confusion(judged)
    table = Table("is, said →", *(intent.value for intent in Intent))
    for truth in Intent:
        table.add_row(truth.value, *(str(counted[truth, said] or "·") for said in Intent))
    return table


def main() -> None:
    """The command; an error is one sentence and what to do."""
    try:
        app()
    except UserError as error:
        console.print(f"[red]{error}[/] {error.hint or ''}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
