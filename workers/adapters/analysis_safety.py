"""Whether somebody came to harm, or may: by the rules in safety_rules.toml, which tell denials, questions and
figures of speech apart. Pure; linear in the length of the text."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, product
from pathlib import Path
from typing import Any

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
    certainty: Certainty = Certainty.HAPPENED
    """POSSIBLE where the words alone tell of a danger, not of harm."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was met."""

    rule: Rule
    words: str
    certainty: Certainty
    factor: float = 1.0
    """Less than one where it is told as something that could be."""
    dismissed: str | None = None
    """Why it does not count."""

    @property
    def weight(self) -> float:
        """How much it convinces."""
        return self.rule.weight * self.factor


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
    apart: Sequence[Rule]
    """Whose groups may be anywhere in a message."""
    lexicon: Lexicon


@dataclass(frozen=True, slots=True)
class Read:
    """A sentence with what was found in it."""

    sentence: Sentence
    found: Mapping[str, list[Place]]
    asked: bool


@cache
def rules() -> Rules:
    """Read once."""
    content = tomllib.loads(RULES.read_text(encoding="utf-8"))
    groups: dict[str, list[str]] = dict(content["groups"])
    groups |= {f"word/{name}": phrases for name, phrases in content["words"].items()}
    groups |= {f"figure/{name}": phrases for name, phrases in content["silent"].items()}
    plain = {name: [" ".join(map(folded, phrase.split())) for phrase in each] for name, each in groups.items()}
    by_first: dict[str, list[Rule]] = {}
    for rule in map(_rule, content["rules"]):
        by_first.setdefault(rule.all[0], []).append(rule)
    return Rules(by_first, tuple(map(_rule, content["apart"])), Lexicon(plain))


def _rule(content: Mapping[str, Any]) -> Rule:
    return Rule(
        **dict(content)
        | {
            "hazard": Hazard(content["hazard"]),
            "all": tuple(content["all"]),
            "certainty": Certainty(content.get("certainty", Certainty.HAPPENED)),
        }
    )


def safety(text: str, sentences: Sequence[Sentence]) -> Safety:
    """All signals of a message. A rule counts once, however often it is met."""
    best: dict[str, Hit] = {}
    dismissed: dict[str, Hit] = {}
    reads = [read(sentence) for sentence in sentences]
    for hit in chain(*(_hits(text, read) for read in reads), _hits_apart(text, reads)):
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


def read(sentence: Sentence) -> Read:
    """Find the words of all groups in a sentence."""
    keys = sentence.keys
    found = rules().lexicon.find(keys)
    return Read(sentence, found, _is_asked(keys, found, sentence.question))


def _hits(text: str, read: Read) -> Iterator[Hit]:
    """Rules whose groups meet in a sentence."""
    found = read.found
    for rule in (rule for group in found for rule in rules().by_first.get(group, ())):
        for places in _meetings(rule, found):
            factor = _factor(places[0], found)
            certainty = Certainty.POSSIBLE if factor < 1 else rule.certainty
            why = "asked" if read.asked else _reason(rule.all[0], places[0], found)
            yield Hit(rule, _words(text, read.sentence, places), certainty, factor, why)


def _hits_apart(text: str, reads: Sequence[Read]) -> Iterator[Hit]:
    """Rules whose groups are anywhere in the message, each told and not denied."""
    for rule in rules().apart:
        told = [_told(group, reads) for group in rule.all]
        words = [_words(text, each[0].sentence, [each[1]]) for each in told if each]
        if len(words) == len(rule.all):
            yield Hit(rule, words[-1], rule.certainty)


def _told(group: str, reads: Sequence[Read]) -> tuple[Read, Place] | None:
    places = ((read, place) for read in reads if not read.asked for place in read.found.get(group, ())[:MOST])
    return next(((read, place) for read, place in places if not _reason(group, place, read.found)), None)


def _words(text: str, sentence: Sentence, places: Sequence[Place]) -> str:
    """The text from the first of these places to the last."""
    first, last = min(place[0] for place in places), max(place[1] for place in places)
    return text[sentence.words[first].start : sentence.words[last - 1].end]


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


def _reason(group: str, anchor: Place, found: Mapping[str, list[Place]]) -> str | None:
    """Why a word does not count where it is told, or None."""
    figures = found.get(f"figure/{group}", ())
    if any(place[0] - FIGURE < anchor[1] and anchor[0] < place[1] + FIGURE for place in figures):
        return "figure of speech"
    return "denied" if denied(anchor, found) else None


def denied(anchor: Place, found: Mapping[str, list[Place]]) -> bool:
    """Whether what is said at this place is said not to be so."""
    clear = found.get("word/not_negators", ())
    for place in found.get("word/negators", ()):
        if any(other[0] <= place[0] < other[1] for other in clear):
            continue
        if 0 <= anchor[0] - place[1] < BEFORE and not _broken(place[1], anchor[0], found):
            return True
    return False


def _factor(anchor: Place, found: Mapping[str, list[Place]]) -> float:
    """What a word counts where it may only be supposed, or possible."""
    if _within_clause("condition", anchor, found, 8):
        return SUPPOSED
    return POSSIBLE if _within_clause("maybe", anchor, found) else 1.0


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
