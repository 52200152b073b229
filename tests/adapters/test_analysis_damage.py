"""Whether goods are said to be damaged."""

import pytest

from workers.adapters.analysis_damage import MOST, damage
from workers.adapters.analysis_text import readable, sentences


def words(text: str) -> list[str]:
    plain = readable(text)
    return [each.words for each in damage(plain, sentences(plain))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The lamp arrived broken, I want my money back.", ["broken"]),
        ("It does not work at all.", ["does not work"]),
        ("Die Lampe ist beschädigt angekommen.", ["beschädigt"]),
        ("The box was crushed and the cup is cracked.", ["crushed", "cracked"]),
        ("La lampe ne fonctionne pas", ["ne fonctionne pas"]),
    ],
)
def test_what_says_so(text: str, said: list[str]) -> None:
    assert words(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "Nothing was broken.",
        "The parcel was not damaged.",
        "Can it be damaged by water?",
        "What if it arrives broken?",
        "Where is my order?",
        "",
    ],
)
def test_what_does_not(text: str) -> None:
    assert words(text) == []


def test_an_endless_complaint_has_an_end() -> None:
    assert words("broken " * 2_000) == ["broken"] * MOST
