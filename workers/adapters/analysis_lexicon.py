"""Finds words and phrases of many groups in one pass over the words of a sentence. Pure; without regular
expressions, so that no text can make it slow."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache


class Lexicon:
    """Groups of phrases. A star at the end of a word stands for any ending."""

    def __init__(self, groups: Mapping[str, Iterable[str]]) -> None:
        self.groups = frozenset(groups)
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._by_beginning: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for group, phrases in groups.items():
            for phrase in phrases:
                first, *rest = phrase.split()
                table = self._by_beginning if first.endswith("*") else self._by_first
                table.setdefault(first.rstrip("*"), []).append((tuple(rest), group))
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})
        self._starts = lru_cache(maxsize=20_000)(self._phrases_from)

    def _phrases_from(self, word: str) -> tuple[tuple[tuple[str, ...], str], ...]:
        """What follows the word in each phrase that begins with it, and the phrase's group."""
        found = list(self._by_first.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            found += self._by_beginning.get(word[:length], ())
        return tuple(found)

    def find(self, keys: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """Where each group is met: first word and the one after the last, by the order of the text."""
        found: dict[str, list[tuple[int, int]]] = {}
        for at, key in enumerate(keys):
            for rest, group in self._starts(key):
                if not rest or _follows(rest, keys, at + 1):
                    found.setdefault(group, []).append((at, at + 1 + len(rest)))
        return found


def _follows(rest: Sequence[str], keys: Sequence[str], at: int) -> bool:
    if at + len(rest) > len(keys):
        return False
    return all(
        key.startswith(word[:-1]) if word[-1] == "*" else key == word
        for word, key in zip(rest, keys[at : at + len(rest)], strict=True)
    )
