"""What another version of the model or of the rules says otherwise, case by case."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.eval.measure import Judged

CASES = Path("build/reports/eval_cases.csv")
COLUMNS = ("group", "id", "intent", "safety", "confidence", "expected", "text")
SHOWN = 200
"""Characters of a text."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A case that two versions understand otherwise."""

    group: str
    what: str
    before: str
    now: str
    better: bool | None
    """None where nobody knows what is right."""
    text: str


def write(judged: Sequence[Judged], path: Path = CASES) -> None:
    """What was said of each case, for a later comparison. Stays in build/: the texts may be others' data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target, lineterminator="\n")
        rows.writerow(COLUMNS)
        for each in judged:
            case = each.case
            safety = str(each.safety).lower()
            rows.writerow(
                (
                    case.group,
                    case.id,
                    each.intent,
                    safety,
                    f"{each.confidence:.4f}",
                    case.intent or "",
                    case.text[:SHOWN],
                )
            )


def read(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Intent and safety by case, of an earlier run."""
    with path.open(encoding="utf-8", newline="") as source:
        return {(row["group"], row["id"]): (row["intent"], row["safety"]) for row in csv.DictReader(source)}


def said(judged: Sequence[Judged]) -> dict[tuple[str, str], tuple[str, str]]:
    """The same of a run that was just made."""
    return {(each.case.group, each.case.id): (each.intent.value, str(each.safety).lower()) for each in judged}


def changes(before: Mapping[tuple[str, str], tuple[str, str]], now: Sequence[Judged]) -> list[Changed]:
    """Every case that both know and understand otherwise; what became worse comes first."""
    found = []
    for each in now:
        case = each.case
        if (old := before.get((case.group, case.id))) is None:
            continue
        intent, safety = old
        text = " ".join(case.text[:SHOWN].split())
        if intent != each.intent:
            better = None if case.intent is None else each.intent is case.intent
            neither = case.intent is not None and case.intent not in {intent, each.intent}
            found.append(
                Changed(case.group, "intent", intent, each.intent.value, None if neither else better, text)
            )
        if safety != str(each.safety).lower():
            better = None if case.safety is None else each.safety is case.safety
            found.append(Changed(case.group, "safety", safety, str(each.safety).lower(), better, text))
    return sorted(found, key=lambda change: ((False, True, None).index(change.better), change.group))
