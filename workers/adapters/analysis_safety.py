"""Whether somebody came to harm, or may: by the rules in safety_rules.toml, which tell denials, questions and
figures of speech apart. Pure; linear in the length of the text."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from workers.adapters.analysis_lexicon import Lexicon
from workers.adapters.analysis_text import Sentence, folded
from workers.ports.analysis import Certainty, Evidence, Hazard, SafetySignal

RULES = Path(__file__).with_name("safety_rules.toml")
THRESHOLD = 0.5
"""From this confidence on a person has to look."""
NEAR, BEFORE, FIGURE, MOST = 5, 4, 7, 8
"""In words: reach of a rule, of a denial, of a figure of speech; and most places per group in one sentence."""
POSSIBLE, SUPPOSED = 0.8, 0.5
"""What counts of a rule when it only could have happened; and when it is told with an if."""

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """Words of all groups within some words of each other."""

    name: str
    hazard: Hazard
    all: tuple[str, ...]
    weight: float
    within: int = NEAR


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was met."""

    rule: Rule
    words: str
    certainty: Certainty
    supposed: bool
    """Told with an if."""
    dismissed: str | None = None
    """Why it does not count."""

    @property
    def weight(self) -> float:
        """How much it convinces."""
        certain = SUPPOSED if self.supposed else POSSIBLE if self.certainty is Certainty.POSSIBLE else 1.0
        return self.rule.weight * certain


@dataclass(frozen=True, slots=True)
class Safety:
    """What the rules say of a message."""

    signals: tuple[SafetySignal, ...]
    dismissed: tuple[Evidence, ...]
    confidence: float


@dataclass(frozen=True)
class Rules:
    """The rules as they are used: `word/…` and `figure/…` are groups of the lexicon, too."""

    by_first: Mapping[str, Sequence[Rule]]
    """By the first of their groups."""
    lexicon: Lexicon


@cache
def rules() -> Rules:
    """Read once."""
    content = tomllib.loads(RULES.read_text(encoding="utf-8"))
    groups: dict[str, list[str]] = dict(content["groups"])
    groups |= {f"word/{name}": phrases for name, phrases in content["words"].items()}
    groups |= {f"figure/{name}": phrases for name, phrases in content["silent"].items()}
    plain = {name: [" ".join(map(folded, phrase.split())) for phrase in each] for name, each in groups.items()}
    by_first: dict[str, list[Rule]] = {}
    for each in content["rules"]:
        rule = Rule(**each | {"hazard": Hazard(each["hazard"]), "all": tuple(each["all"])})
        by_first.setdefault(rule.all[0], []).append(rule)
    return Rules(by_first, Lexicon(plain))


def safety(text: str, sentences: Sequence[Sentence]) -> Safety:
    """All signals of a message. A rule counts once, however often it is met."""
    best: dict[str, Hit] = {}
    dismissed: dict[str, Hit] = {}
    for sentence in sentences:
        for hit in _hits(text, sentence):
            table = dismissed if hit.dismissed else best
            if hit.rule.name not in table or table[hit.rule.name].weight < hit.weight:
                table[hit.rule.name] = hit
    confidence = _together([hit.weight for hit in best.values()])
    return Safety(
        signals=_signals(list(best.values())) if confidence >= THRESHOLD else (),
        dismissed=tuple(
            Evidence(hit.words, f"{hit.rule.name}: {hit.dismissed}", 0.0) for hit in dismissed.values()
        ),
        confidence=round(confidence, 4),
    )


def _together(weights: Sequence[float]) -> float:
    """Confidence from independent pieces of evidence."""
    doubt = 1.0
    for weight in weights:
        doubt *= 1 - weight
    return 1 - doubt


def _signals(hits: Sequence[Hit]) -> tuple[SafetySignal, ...]:
    by_hazard: dict[Hazard, list[Hit]] = {}
    for hit in hits:
        by_hazard.setdefault(hit.rule.hazard, []).append(hit)
    signals = [
        SafetySignal(
            hazard=hazard,
            certainty=min(hit.certainty for hit in each),
            confidence=round(_together([hit.weight for hit in each]), 4),
            evidence=tuple(Evidence(hit.words, hit.rule.name, round(hit.weight, 4)) for hit in each),
        )
        for hazard, each in by_hazard.items()
    ]
    return tuple(sorted(signals, key=lambda signal: -signal.confidence))


def _hits(text: str, sentence: Sentence) -> Iterator[Hit]:
    keys = sentence.keys
    found = rules().lexicon.find(keys)
    question = _is_asked(keys, found, sentence.question)
    for rule in (rule for group in found for rule in rules().by_first.get(group, ())):
        for places in _meetings(rule, found):
            first, last = min(place[0] for place in places), max(place[1] for place in places)
            words = text[sentence.words[first].start : sentence.words[last - 1].end]
            anchor = places[0]
            supposed = _within_clause("condition", anchor, found, 8)
            possible = supposed or _within_clause("maybe", anchor, found)
            certainty = Certainty.POSSIBLE if possible else Certainty.HAPPENED
            yield Hit(rule, words, certainty, supposed, _reason(rule, anchor, found, question))


def _meetings(rule: Rule, found: Mapping[str, list[Place]]) -> Iterator[tuple[Place, ...]]:
    """Places of all groups close enough to each other: for each place of the first group, the closest others."""
    if not all(group in found for group in rule.all):
        return
    first, *others = (found[group][:MOST] for group in rule.all)
    for anchor in first:
        close = [place for place in product(*others) if _reach((anchor, *place)) <= rule.within]
        if close:
            yield (anchor, *min(close, key=lambda places: _reach((anchor, *places))))


def _reach(places: Sequence[Place]) -> int:
    """Words between the outermost of these places."""
    return (
        max(0, max(place[0] for place in places) - min(place[1] for place in places) + 1) if len(places) > 1 else 0
    )


def _reason(rule: Rule, anchor: Place, found: Mapping[str, list[Place]], question: bool) -> str | None:
    """Why a meeting does not count, or None."""
    figures = found.get(f"figure/{rule.all[0]}", ())
    if any(place[0] - FIGURE < anchor[1] and anchor[0] < place[1] + FIGURE for place in figures):
        return "figure of speech"
    if question:
        return "asked"
    return "denied" if _denied(anchor, found) else None


def _denied(anchor: Place, found: Mapping[str, list[Place]]) -> bool:
    clear = found.get("word/not_negators", ())
    for place in found.get("word/negators", ()):
        if any(other[0] <= place[0] < other[1] for other in clear):
            continue
        if 0 <= anchor[0] - place[1] < BEFORE and not _broken(place[1], anchor[0], found):
            return True
    return False


def _within_clause(group: str, anchor: Place, found: Mapping[str, list[Place]], before: int = BEFORE) -> bool:
    return any(
        0 <= anchor[0] - place[1] < before and not _broken(place[1], anchor[0], found)
        for place in found.get(f"word/{group}", ())
    )


def _broken(start: int, stop: int, found: Mapping[str, list[Place]]) -> bool:
    """Whether another clause begins in between."""
    return any(start <= place[0] < stop for place in found.get("word/clause", ()))


def _is_asked(keys: Sequence[str], found: Mapping[str, list[Place]], marked: bool) -> bool:
    """Whether a sentence asks for something instead of telling it: can it burn my skin?"""
    if any(place[0] < 3 for place in found.get("word/not_asking", ())):
        return False
    starts = {place[0] for place in found.get("word/asking", ())}
    subjects = {place[0] for place in found.get("word/asked_of", ())}
    inverted = any(at in starts and at + 1 in subjects for at in range(3 if marked else 1))
    return inverted or (marked and keys[:2] in {("what", "if"), ("what", "happens")})
