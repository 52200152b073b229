"""A linear model over words, pairs and pieces of words, read from plain JSON: nothing in it can run.

tests/eval/train.py makes it from our own phrases. Prediction is a sum of rows and a softmax, in the standard
library: a numeric library would take longer to import than hundreds of tickets to understand.
"""

import gzip
import json
import math
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from workers.adapters.analysis_features import of_word, pairs, scale
from workers.ports.analysis import Intent

WEIGHTS = Path(__file__).with_name("analysis_weights.json.gz")
FORMAT = 1

Row = Sequence[int]


@dataclass(frozen=True)
class Model:
    """Weights by feature; one column per topic."""

    version: str
    """Hash of phrases and training: another version may understand the same text otherwise."""
    topics: tuple[str, ...]
    intents: Mapping[str, Intent]
    bias: tuple[float, ...]
    unit: float
    """What a weight of 1 in the table is worth."""
    temperature: float
    """By which scores are divided so that confidences hold: found on phrases that were not trained on."""
    rows: Mapping[str, Row] = field(repr=False)
    _word: Callable[[str], Sequence[float]] = field(init=False, repr=False, compare=False)
    """What a word and its pieces add, before scaling; remembered, since messages share most of their words."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_word", lru_cache(maxsize=20_000)(self._word_scores))

    def topic_scores(self, keys: Sequence[str]) -> list[float]:
        """How much each topic is meant, before any softmax."""
        vectors: list[Sequence[float]] = [self._word(key) for key in dict.fromkeys(keys)]
        vectors += [row for pair in dict.fromkeys(pairs(keys)) if (row := self.rows.get(pair))]
        by = self.unit * scale(len(keys))
        sums = [sum(column) for column in zip(*vectors, strict=True)] if vectors else [0.0] * len(self.topics)
        return [bias + by * total for bias, total in zip(self.bias, sums, strict=True)]

    def _word_scores(self, key: str) -> tuple[float, ...]:
        (whole, *pieces), weight = of_word(key)
        total = [float(value) for value in self.rows.get(whole) or [0] * len(self.topics)]
        found = [row for piece in pieces if (row := self.rows.get(piece))]
        if found:
            total = [
                value + weight * sum(column) for value, column in zip(total, zip(*found, strict=True), strict=True)
            ]
        return tuple(total)

    def probabilities(self, keys: Sequence[str]) -> dict[str, float]:
        """How likely each topic is; they sum to one."""
        return self.softmax(self.topic_scores(keys))

    def softmax(self, scores: Sequence[float]) -> dict[str, float]:
        """Scores as probabilities."""
        most = max(scores)
        powers = [math.exp((score - most) / self.temperature) for score in scores]
        total = sum(powers)
        return {topic: power / total for topic, power in zip(self.topics, powers, strict=True)}

    def speaks_for(self, keys: Sequence[str], topic: str) -> dict[str, float]:
        """How much each word, with its pairs, speaks for a topic against the average of all."""
        column = self.topics.index(topic)
        by = self.unit * scale(len(keys))
        found = {key: by * _above_average(self._word(key), column) for key in keys}
        for first, second in pairwise(keys):
            if row := self.rows.get(f"{first} {second}"):
                half = by * _above_average(row, column) / 2
                found[first] += half
                found[second] += half
        return found


def _above_average(row: Sequence[float], column: int) -> float:
    return row[column] - sum(row) / len(row)


@lru_cache(maxsize=4)
def load(path: Path = WEIGHTS) -> Model:
    """Read a model; raises ValueError when it is not one that this code understands."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    if content.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not a model of format {FORMAT}")
    topics = tuple(content["topics"])
    table, width = memoryview(b64decode(content["weights"])).cast("b"), len(topics)
    names = content["features"].split("\n")
    return Model(
        version=content["version"],
        topics=topics,
        intents={name: Intent(value) for name, value in content["topics"].items()},
        bias=tuple(content["bias"]),
        unit=content["unit"],
        temperature=content["temperature"],
        rows={name: table[at * width : (at + 1) * width] for at, name in enumerate(names)},
    )
