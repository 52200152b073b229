"""Whether a message says that goods are damaged or do not work. Pure; linear in the length of the text."""

from collections.abc import Sequence

from workers.adapters.analysis_safety import denied, read
from workers.adapters.analysis_text import Sentence
from workers.ports.analysis import Evidence

GROUP, MOST = "word/damaged", 5
"""Words of safety_rules.toml, and so many places at most."""


def damage(text: str, sentences: Sequence[Sentence]) -> tuple[Evidence, ...]:
    """The words that say so; not where it is denied ("nothing was broken") or asked ("what if it breaks?")."""
    found = []
    for sentence in map(read, sentences):
        if sentence.asked:
            continue
        for place in sentence.found.get(GROUP, ()):
            if not denied(place, sentence.found):
                first, last = sentence.sentence.words[place[0]], sentence.sentence.words[place[1] - 1]
                found.append(Evidence(text[first.start : last.end], "damaged", 1.0))
    return tuple(found[:MOST])
