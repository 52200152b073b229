"""How angry a message sounds, from 0 to 100: the tone of English words by VADER's lexicon, and our own words in
four languages for threats, insults, swearing and lost patience. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from workers.adapters.analysis_lexicon import Lexicon
from workers.adapters.analysis_text import Sentence, folded
from workers.ports.analysis import Anger, Evidence

WORDS = Path(__file__).with_name("anger_words.toml")
TONE_CHARACTERS, TONE_PIECE = 1_200, 240
"""VADER's effort grows with the square of a text: it gets pieces of the beginning only."""
TONE_POINTS, NEUTRAL = 34, 0.05
"""What the most negative tone counts; and up to where, on VADER's scale to 1, a tone is neither."""
MOST_PER_GROUP = 2
"""Words of one group that count: who swears ten times is not five times as angry as who swears twice."""


@cache
def _words() -> tuple[Lexicon, Mapping[str, float]]:
    content = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    groups = {
        name: [" ".join(map(folded, each.split())) for each in group["words"]] for name, group in content.items()
    }
    return Lexicon(groups), {name: float(group["points"]) for name, group in content.items()}


@cache
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415  # only where it is used

    return SentimentIntensityAnalyzer()


def anger(text: str, sentences: Sequence[Sentence], language: str | None) -> Anger:
    """The score with what made it; what is friendly counts against it."""
    found = [*_by_words(text, sentences), *_by_form(text, sentences)]
    if language in {"en", None}:
        found += _by_tone(text)
    score = max(0, min(100, round(sum(each.weight for each in found) * 100)))
    return Anger(score, tuple(sorted(found, key=lambda each: -abs(each.weight))[:8]))


def _by_words(text: str, sentences: Sequence[Sentence]) -> list[Evidence]:
    lexicon, points = _words()
    counted: dict[str, set[str]] = {}
    evidence = []
    for sentence in sentences:
        for group, places in lexicon.find(sentence.keys).items():
            known = counted.setdefault(group, set())
            for start, stop in places:
                words = text[sentence.words[start].start : sentence.words[stop - 1].end]
                if len(known) < MOST_PER_GROUP and words.lower() not in known:
                    known.add(words.lower())
                    evidence.append(Evidence(words, group, points[group] / 100))
    return evidence


def _by_form(text: str, sentences: Sequence[Sentence]) -> list[Evidence]:
    """Shouting: capitals among other words, and more than one exclamation mark."""
    words = [word for sentence in sentences for word in sentence.words]
    shouted = [text[word.start : word.end] for word in words if word.shouted]
    marks = min(text.count("!"), 6)
    found = []
    if shouted and len(words) > 3:
        found.append(
            Evidence(" ".join(shouted[:4]), "capitals", min(0.22, 0.06 + 0.3 * len(shouted) / len(words)))
        )
    if marks > 1:
        found.append(Evidence("!" * marks, "exclamation marks", 0.03 * marks))
    return found


def _by_tone(text: str) -> list[Evidence]:
    pieces = [text[at : at + TONE_PIECE] for at in range(0, min(len(text), TONE_CHARACTERS), TONE_PIECE)]
    tones = [float(_vader().polarity_scores(piece)["compound"]) for piece in pieces if piece.strip()]
    tone = sum(tones) / len(tones) if tones else 0.0
    if abs(tone) <= NEUTRAL:
        return []
    return [Evidence("", "negative tone" if tone < 0 else "positive tone", round(-tone * TONE_POINTS / 100, 4))]
