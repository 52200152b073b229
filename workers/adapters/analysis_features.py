"""What the linear model sees of a message: words, pairs of them, and pieces, which survive typos. Pure."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import sqrt

PIECES = (3, 4, 5)
"""Lengths in characters of the pieces of a word, its borders included."""


@lru_cache(maxsize=20_000)
def of_word(key: str) -> tuple[tuple[str, ...], float]:
    """Features of one word, and what each of its pieces counts: together as much as the word itself."""
    bordered = f"<{key}>"
    pieces = {bordered[i : i + size] for size in PIECES for i in range(len(bordered) - size + 1)}
    pieces.discard(bordered)
    return (bordered, *sorted(pieces)), sqrt(1 / max(1, len(pieces)))


def pairs(keys: Sequence[str]) -> Iterator[str]:
    """Neighbours, with the borders of the sentence, and words with one between them."""
    bordered = ("^", *keys, "$")
    for first, second in pairwise(bordered):
        yield f"{first} {second}"
    for first, second in zip(keys, keys[2:], strict=False):
        yield f"{first} * {second}"


def scale(count: int) -> float:
    """By which all is multiplied, so that long messages are not surer than short ones only for their length."""
    return sqrt(1 / max(1, count))


def features(keys: Sequence[str]) -> dict[str, float]:
    """All features of a message with what they count."""
    found: dict[str, float] = {}
    by = scale(len(keys))
    for key in dict.fromkeys(keys):
        (whole, *pieces), weight = of_word(key)
        found[whole] = found.get(whole, 0.0) + by
        for piece in pieces:
            found[piece] = found.get(piece, 0.0) + by * weight
    for pair in dict.fromkeys(pairs(keys)):
        found[pair] = by
    return found
