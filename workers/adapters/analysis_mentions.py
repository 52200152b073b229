"""What a message names: order numbers, and one of the customer's articles. Pure."""

import re
from collections.abc import Sequence

from workers.adapters.analysis_text import Sentence, folded
from workers.ports.analysis import Article, ArticleFound, Evidence

MOST_NUMBERS = 5
_NUMBER = r"(?:[A-Za-z]{1,4}-?)?\d{3,18}(?:-\d{1,10}){0,3}"
_CUE = (
    r"order|purchase|bestell\w{0,8}|auftrag\w{0,8}|pedido|orden|compra|commande|achat|ordine|invoice|reference|ref"
    r"|no|nr|number|nummer|numero|num[eé]ro|id"
)
_ORDER = re.compile(
    rf"(?:\b(?:{_CUE})\b[\s.:#°º-]{{0,3}}(?:(?:no|nr|number|nummer|id|is|numero|num[eé]ro)\b[\s.:#°º-]{{0,3}})?|(?<!\w)#)"
    rf"({_NUMBER})(?![\w.,]{{0,12}}\s?[$€£%](?!\d))",
    re.IGNORECASE,
)
SHORTEST, STEM, ENOUGH = 3, 5, 0.5
"""Letters a word must have; letters in which two forms of a word agree; and how much of a title must be named."""
COMMON = frozenset(
    (
        "the",
        "and",
        "for",
        "with",
        "from",
        "mit",
        "und",
        "der",
        "die",
        "das",
        "fur",
        "con",
        "para",
        "les",
        "des",
        "pour",
    )
)


def order_numbers(text: str) -> tuple[str, ...]:
    """Numbers called an order's, as they are written; sums of money and years are none."""
    found = dict.fromkeys(match[1] for match in _ORDER.finditer(text))
    return tuple(found)[:MOST_NUMBERS]


def article(text: str, sentences: Sequence[Sentence], articles: Sequence[Article]) -> ArticleFound | None:
    """The article whose title shares most words with the message; a word that several titles have counts less."""
    if not articles:
        return None
    titles = [{word for each in one.title.split() if _counts(word := _plain(each))} for one in articles]
    said = {_stem(word.key): word for sentence in sentences for word in sentence.words}
    best: tuple[float, Article, list[str]] | None = None
    for one, title in zip(articles, titles, strict=True):
        named = [word for word in title if _stem(word) in said]
        whole = sum(1 / _having(word, titles) for word in title)
        share = sum(1 / _having(word, titles) for word in named) / whole if whole else 0.0
        if best is None or share > best[0]:
            best = share, one, named
    if best is None or not best[2]:
        return None
    share, one, named = best
    if share < ENOUGH and not any(_having(word, titles) == 1 for word in named):
        return None
    words = [said[_stem(word)] for word in named]
    evidence = tuple(Evidence(text[word.start : word.end], "title", round(1 / len(words), 4)) for word in words)
    return ArticleFound(one, round(min(0.98, 0.5 + share / 2), 4), evidence)


def _plain(word: str) -> str:
    return folded("".join(letter for letter in word if letter.isalpha()))


def _counts(word: str) -> bool:
    return len(word) >= SHORTEST and word not in COMMON


def _stem(word: str) -> str:
    return word[:STEM] if len(word) > STEM else word.rstrip("s")


def _having(word: str, titles: Sequence[set[str]]) -> int:
    return sum(any(_stem(word) == _stem(other) for other in title) for title in titles)
