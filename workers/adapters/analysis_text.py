"""Text as the analysis sees it: bounded, harmless, and cut into sentences and words. Pure, and linear in time."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MOST_CHARACTERS = 8_000
"""What is read of a message. Longer ones are quoted threads, logs and attacks; what somebody wants comes first."""
MOST_WORDS = 1_500
LONGEST_WORD = 32
"""Characters of a word that count; what is longer is an address or noise."""

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|;|\n\s*\n|\n\s*[-*•]\s|\s[-–—]\s|…|(?<=[a-z])\.(?=[A-Z])")
_WORD = re.compile(r"(?P<money>[$€£¥]\d[\d.,]*|\d[\d.,]*[$€£¥])|#?\d[\d.,:/-]*|[^\W\d_]+(?:['’`´][^\W\d_]+)*|[!?]")
_MORE_THAN_TWO = re.compile(r"(.)\1{2,}")
_FOLD = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "’": "", "'": "", "`": "", "´": ""})


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as it is compared, and where it stands in the text."""

    key: str
    """Lower case, without accents and apostrophes; 0 for a number, 0money for an amount."""
    start: int
    end: int
    shouted: bool = False
    """Written in capitals."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of words that belong together."""

    words: tuple[Word, ...]
    question: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """Its words as they are compared."""
        return tuple(word.key for word in self.words)


def readable(text: str, most: int = MOST_CHARACTERS) -> str:
    """The beginning of a text, without what no writer means: controls, lone surrogates, invisible characters."""
    beginning = unicodedata.normalize("NFKC", text[:most].encode("utf-8", "ignore").decode())[:most]
    return "".join(
        " " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} and letter != "\n" else letter
        for letter in beginning
        if letter.isascii() or unicodedata.category(letter) not in {"Cf", "Co", "Cn"}
    )


def sentences(text: str) -> list[Sentence]:
    """The sentences of a readable text, at most MOST_WORDS words of it."""
    found: list[Sentence] = []
    start = count = 0
    ends = [(match.start(), match.end(), match[0]) for match in _SENTENCE_END.finditer(text)]
    for stop, after, mark in [*ends, (len(text), len(text), "")]:
        words = _words(text, start, stop, MOST_WORDS - count)
        if words:
            found.append(Sentence(tuple(words), "?" in mark))
            count += len(words)
        start = after
        if count >= MOST_WORDS:
            break
    return found


def _words(text: str, start: int, stop: int, most: int) -> list[Word]:
    words: list[Word] = []
    for match in _WORD.finditer(text, start, stop):
        if len(words) >= most:
            break
        if match[0] not in {"!", "?"}:
            words.append(_word(match))
    return words


def _word(match: re.Match[str]) -> Word:
    written = match[0][:LONGEST_WORD]
    if match["money"]:
        key = "0money"
    elif written[0] == "#" or written[0].isdigit():
        key = "0"
    else:
        key = folded(written)
    return Word(key, match.start(), match.end(), len(written) > 2 and written.isupper())


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """A word as it is compared: lower case, without accents, apostrophes and drawn-out letters (soooo)."""
    plain = word.lower().translate(_FOLD)
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return _MORE_THAN_TWO.sub(r"\1\1", plain)
