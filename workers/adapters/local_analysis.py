"""Ticket analysis on this machine: no network, no large model.

Intents come from a linear model, safety from rules, anger from lexicons, language from fastText's small model.
Nothing is read before the first ticket.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.adapters.analysis_anger import anger
from workers.adapters.analysis_damage import damage
from workers.adapters.analysis_language import language
from workers.adapters.analysis_mentions import article, order_numbers
from workers.adapters.analysis_model import WEIGHTS, Model, load
from workers.adapters.analysis_safety import safety
from workers.adapters.analysis_text import MOST_CHARACTERS, MOST_WORDS, Sentence, readable, sentences
from workers.ports.analysis import Analysis, Evidence, Intent, IntentFound, Ticket

TOGETHER, MOST_SENTENCES = 3, 40
"""Up to so many sentences are understood as one, too; of a longer message only each by itself, so many at most."""
SHOWN, LEAST, WORDS_SHOWN = 3, 0.05, 4
"""Intents told besides the best; from which confidence on; and words of evidence for each."""
ASYNC_FROM = 2_000
"""Characters from which another thread does it, so that a worker's other jobs go on meanwhile."""


class LocalAnalysis:
    """The analysis that always works."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights

    async def analyse(self, ticket: Ticket) -> Analysis:
        """What this message says."""
        if len(ticket.text) < ASYNC_FROM:
            return self.understand(ticket)
        return await asyncio.to_thread(self.understand, ticket)

    def understand(self, ticket: Ticket) -> Analysis:
        """The same without waiting."""
        model = load(self._weights)
        text = readable(ticket.text)
        said = sentences(text)
        tongue = language(text)
        harm = safety(text, said)
        return Analysis(
            intents=_intents(model, text, said),
            anger=anger(text, said, tongue.code),
            language=tongue,
            safety=harm.signals,
            dismissed=harm.dismissed,
            damage=damage(text, said),
            safety_confidence=harm.confidence,
            article=article(text, said, ticket.articles),
            order_numbers=order_numbers(text),
            characters=len(ticket.text),
            characters_read=_read(said, len(ticket.text)),
            source=f"local {model.version}",
        )


def _read(said: Sequence[Sentence], whole: int) -> int:
    """How many characters were analysed: up to the limit of the text, or to the last word that was."""
    full = sum(len(sentence.words) for sentence in said) >= MOST_WORDS
    return min(whole, said[-1].words[-1].end if full else MOST_CHARACTERS)


def _intents(model: Model, text: str, said: Sequence[Sentence]) -> tuple[IntentFound, ...]:
    """The intents of a message, best first. In a long one a single sentence may tell what is wanted."""
    pieces = [[sentence] for sentence in said[:MOST_SENTENCES]] or [[]]
    chances = [model.probabilities([key for sentence in piece for key in sentence.keys]) for piece in pieces]
    topics = chances[0] if len(chances) == 1 else _of_all(model, chances)
    if 1 < len(said) <= TOGETHER:
        whole = model.probabilities([key for sentence in said for key in sentence.keys])
        topics = {topic: (chance + whole[topic]) / 2 for topic, chance in topics.items()}
    by_intent: dict[Intent, float] = {}
    for topic, chance in topics.items():
        intent = model.intents[topic]
        by_intent[intent] = by_intent.get(intent, 0.0) + chance
    ranked = sorted(by_intent.items(), key=lambda item: -item[1])
    told = [ranked[0], *(item for item in ranked[1 : SHOWN + 1] if item[1] >= LEAST)]
    return tuple(_found(model, intent, chance, topics, pieces, chances, text) for intent, chance in told)


def _of_all(model: Model, chances: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Sentences together: a wish counts as where it is said most clearly, small talk as what is left."""
    most = {topic: max(chance[topic] for chance in chances) for topic in model.topics}
    wishes = max((most[topic] for topic in model.topics if model.intents[topic] is not Intent.OTHER), default=0.0)
    other = max(1e-9, 1 - wishes)
    talk = {topic: value for topic, value in most.items() if model.intents[topic] is Intent.OTHER}
    share = other / max(1e-9, sum(talk.values()))
    mixed = {topic: value * share if topic in talk else value for topic, value in most.items()}
    total = sum(mixed.values())
    return {topic: value / total for topic, value in mixed.items()}


def _found(
    model: Model,
    intent: Intent,
    chance: float,
    topics: Mapping[str, float],
    pieces: Sequence[Sequence[Sentence]],
    chances: Sequence[Mapping[str, float]],
    text: str,
) -> IntentFound:
    topic = max((name for name in topics if model.intents[name] is intent), key=lambda name: topics[name])
    piece = pieces[max(range(len(pieces)), key=lambda at: chances[at][topic])]
    words = [word for sentence in piece for word in sentence.words]
    weights = model.speaks_for([word.key for word in words], topic)
    first = {word.key: text[word.start : word.end] for word in reversed(words)}
    strongest = sorted(weights.items(), key=lambda item: -item[1])[:WORDS_SHOWN]
    evidence = tuple(Evidence(first[key], topic, round(weight, 4)) for key, weight in strongest if weight > 0)
    return IntentFound(intent, topic, round(chance, 4), evidence)
