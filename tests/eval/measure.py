"""Figures of a run: precision, recall and F1, calibration, safety, anger. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.eval.cases import Case
from workers.ports.analysis import Intent

BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A case with what the analysis said."""

    case: Case
    intent: Intent
    confidence: float
    anger: int
    safety: bool
    safety_confidence: float
    evidence: str
    ms: float
    intents: tuple[str, ...] = ()
    """All that is likely."""
    damaged: bool = False

    @property
    def right(self) -> bool | None:
        """Whether the intent is; None where nobody knows."""
        return None if self.case.intent is None else self.intent is self.case.intent


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Everything that can be said of these cases; what no case has a label for is left out."""
    found: dict[str, Any] = {"cases": len(judged)}
    known = [each for each in judged if each.case.intent]
    if known:
        by_intent = scores(confusion(known))
        found["macro_f1"] = macro(by_intent)
        found["accuracy"] = round(sum(bool(each.right) for each in known) / len(known), 4)
        found["by_intent"] = by_intent
        found["calibration_error"] = calibration_error(bins((each.confidence, bool(each.right)) for each in known))
    found |= safety(judged)
    anger = _anger(judged)
    if anger is not None:
        found["anger_auc"] = anger
    return found


def confusion(judged: Iterable[Judged]) -> Counter[tuple[Intent, Intent]]:
    """How often each intent was taken for each."""
    return Counter((each.case.intent, each.intent) for each in judged if each.case.intent)


def scores(table: Counter[tuple[Intent, Intent]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of every intent that some case has."""
    found = {}
    for intent in Intent:
        right = table[intent, intent]
        there = sum(table[intent, other] for other in Intent)
        said = sum(table[other, intent] for other in Intent)
        if there:
            f1 = 2 * right / (there + said)
            precision = right / said if said else 0.0
            found[intent.value] = {
                "precision": round(precision, 4),
                "recall": round(right / there, 4),
                "f1": round(f1, 4),
                "cases": there,
            }
    return found


def macro(by_intent: dict[str, dict[str, float]]) -> float:
    """Mean F1: every intent counts alike, however rare."""
    return round(sum(each["f1"] for each in by_intent.values()) / len(by_intent), 4)


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of about the same confidence."""

    confidence: float
    right: float
    cases: int


def bins(pairs: Iterable[tuple[float, bool]]) -> list[Bin]:
    """Ten of equal width, without empty ones."""
    filled: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in pairs:
        filled.setdefault(min(BINS - 1, int(confidence * BINS)), []).append((confidence, right))
    return [
        Bin(sum(pair[0] for pair in each) / len(each), sum(pair[1] for pair in each) / len(each), len(each))
        for _, each in sorted(filled.items())
    ]


def calibration_error(filled: Sequence[Bin]) -> float:
    """Expected calibration error: how far confidence and frequency are apart, on average."""
    total = sum(each.cases for each in filled)
    return round(sum(each.cases * abs(each.confidence - each.right) for each in filled) / total, 4)


def safety(judged: Sequence[Judged]) -> dict[str, Any]:
    """Recall over cases with harm, precision over all, and false alarms per case without."""
    harmed = [each for each in judged if each.case.safety is True]
    calm = [each for each in judged if each.case.safety is False]
    hits, alarms = sum(each.safety for each in harmed), sum(each.safety for each in calm)
    found: dict[str, Any] = {}
    if harmed:
        found["safety_recall"] = round(hits / len(harmed), 4)
    if harmed and calm and hits + alarms:
        found["safety_precision"] = round(hits / (hits + alarms), 4)
    if harmed and calm:
        sure = bins((each.safety_confidence, bool(each.case.safety)) for each in (*harmed, *calm))
        found["safety_calibration_error"] = calibration_error(sure)
    if calm:
        found["safety_false_alarm_rate"] = round(alarms / len(calm), 4)
    return found


def _anger(judged: Sequence[Judged]) -> float | None:
    """How likely an angry case scores above a calm one (area under the curve); None without both."""
    angry = Counter(each.anger for each in judged if each.case.angry is True)
    calm = Counter(each.anger for each in judged if each.case.angry is False)
    pairs = angry.total() * calm.total()
    if not pairs:
        return None
    above = sum(many * few * (score > other) for score, many in angry.items() for other, few in calm.items())
    level = sum(many * calm[score] for score, many in angry.items())
    return round((above + level / 2) / pairs, 4)
