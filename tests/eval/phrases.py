"""Customers' phrases made from the grammar in workers/adapters/analysis_phrases: the same for the same seed.

A topic says what its customers want as verbs, nouns, things to look up, and whole sentences; frames say how people
put such things; styles how they type.
"""

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workers.adapters import local_analysis
from workers.ports.analysis import Intent

FOLDER = Path(local_analysis.__file__).with_name("analysis_phrases")
LANGUAGES = ("en", "de", "es", "fr")
KINDS = {"verb": 3.0, "gerund": 1.6, "noun": 1.4, "look": 1.6, "sentence": 3.0}
"""How often each kind of phrase is drawn, where a topic has it."""
_CHOICE = re.compile(r"\(([^()]*)\)")
CURRENCIES = ("${}", "{} dollars", "{} euros", "€{}", "{} €", "£{}", "{} EUR", "{} bucks")
_SLOT = re.compile(r"\{(\w+)\}")
_KEYS = "qwertyuiop asdfghjkl zxcvbnm"


@dataclass(frozen=True)
class Phrase:
    """One made-up message with what it means."""

    text: str
    topic: str
    intent: Intent
    language: str


def topics() -> dict[str, Intent]:
    """Every topic with its intent."""
    return {name: Intent(str(content["intent"])) for name, content in _grammar().items()}


@cache
def _grammar() -> dict[str, dict[str, Any]]:
    files = sorted(path for path in FOLDER.glob("*.toml") if not path.name.startswith("_"))
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in files}


@cache
def _frames() -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / "_frames.toml").read_text(encoding="utf-8"))


def phrases(number: int, seed: int, others: int | None = None) -> Iterator[Phrase]:
    """So many English phrases of every topic, and `others` (a sixth of it) of each other language it has."""
    for topic, content in _grammar().items():
        for language in LANGUAGES:
            if language not in content:
                continue
            chance = random.Random(f"{seed}/{topic}/{language}")
            count = number if language == "en" else others if others is not None else number // 6
            for _ in range(count):
                text = styled(_message(content[language], language, chance), language, chance)
                yield Phrase(text, topic, Intent(content["intent"]), language)


def _message(content: Mapping[str, Any], language: str, chance: random.Random) -> str:
    frames = _frames()[language]
    slots = frames["slots"] | content.get("slots", {})
    kinds = [kind for kind in KINDS if content.get("verb" if kind == "gerund" else kind)]
    kinds = [kind for kind in kinds if kind != "gerund" or frames["gerund"]]
    kind = chance.choices(kinds, [KINDS[kind] for kind in kinds])[0]
    inner = chance.choice(content["verb" if kind == "gerund" else kind])
    if kind != "sentence":
        said = expanded(inner, slots, chance)
        said = gerund(said) if kind == "gerund" else said
        frame = chance.choice(frames[kind])
        slots = slots | {kind: [said], "verb": [said if kind == "verb" else expanded(inner, slots, chance)]}
        inner = frame
    return _around(expanded(inner, slots, chance), frames, slots, chance)


def _around(text: str, frames: Mapping[str, Any], slots: Mapping[str, Any], chance: random.Random) -> str:
    """A greeting before, thanks after, a word of anger: or nothing, as most often."""
    if chance.random() < 0.16:
        text = (
            expanded(chance.choice(frames["before"]), slots, chance)
            + chance.choice([", ", ". ", " ", "! "])
            + text
        )
    if chance.random() < 0.13:
        text += chance.choice([". ", ", ", " ", "\n"]) + expanded(chance.choice(frames["after"]), slots, chance)
    if chance.random() < 0.05:
        angry = expanded(chance.choice(frames["angry"]), slots, chance)
        text = chance.choice([f"{angry}! {text}", f"{text}. {angry}"])
    if chance.random() < 0.07:
        swear = chance.choice(frames["swear"])
        text = re.sub(r"\b(my|the|your|a|mein|meine|mi|mon|ma)\b", rf"\1 {swear}", text, count=1)
    return text


def expanded(template: str, slots: Mapping[str, Sequence[str]], chance: random.Random) -> str:
    """A template with every choice made and every slot filled."""
    text = template
    for _ in range(12):
        text = _SLOT.sub(lambda match: _slot(match[1], slots, chance), text)
        text = _CHOICE.sub(lambda match: chance.choice(match[1].split("|")), text)
        if "(" not in text and "{" not in text:
            break
    return re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()


def _slot(name: str, slots: Mapping[str, Sequence[str]], chance: random.Random) -> str:
    if name == "number":
        return chance.choice(["", "#", "", "", "A-"]) + str(chance.randrange(10 ** chance.randint(3, 12)))
    if name == "money":
        amount = chance.choice([chance.randrange(1, 99), chance.randrange(10, 3000)])
        return chance.choice(CURRENCIES).format(amount)
    return str(chance.choice(slots[name]))


_DOUBLED = frozenset(
    ("get", "put", "stop", "ship", "drop", "swap", "set", "submit", "cut", "run", "log", "plan", "begin")
)
_KEPT = frozenset(("be", "see"))


def gerund(phrase: str) -> str:
    """An infinitive phrase in -ing: cancel my order, cancelling my order."""
    verb, _, rest = phrase.partition(" ")
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and verb not in _KEPT:
        verb = verb[:-1]
    elif verb == "cancel" and len(phrase) % 2:
        verb = "cancell"
    return f"{verb}ing {rest}".strip()


_CHAT = (
    (r"\byour\b", "ur"), (r"\byou\b", "u"), (r"\bplease\b", "pls"), (r"\bare\b", "r"), (r"\bwant to\b", "wanna"),
    (r"\bgoing to\b", "gonna"), (r"\bdo not\b", "dont"), (r"\bthanks\b", "thx"), (r"\byou\b", "ya"),
    (r"\band\b", "n"), (r"\bto\b", "2"), (r"\bfor\b", "4"), (r"\bhave got to\b", "gotta"), (r"\bbecause\b", "cuz"),
)  # fmt: skip


def styled(text: str, language: str, chance: random.Random) -> str:
    """As people type it: without capitals or marks, in chat words, with typos."""
    if language == "en" and chance.random() < 0.22:
        for pattern, instead in _CHAT:
            if chance.random() < 0.5:
                text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
    if chance.random() < 0.5:
        text = text.lower()
    elif chance.random() < 0.06:
        text = text.upper()
    else:
        text = text[:1].upper() + text[1:]
    if chance.random() < 0.4:
        text = re.sub(r"[.,?!]+(?=\s|$)", "", text)
    if chance.random() < 0.25:
        text = re.sub(r"[’']", "", text)
    if chance.random() < 0.35:
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            text = typo(text, chance)
    return text


def typo(text: str, chance: random.Random) -> str:
    """The text with one slip of the fingers."""
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    if len(places) < 6:
        return text
    place = chance.choice(places)
    kind = chance.randrange(6)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + text[place] + text[place:]
    if kind == 2:
        return text[:place] + text[place + 1 : place + 2] + text[place] + text[place + 2 :]
    if kind == 3:
        spaces = [spot for spot, letter in enumerate(text) if letter == " "]
        return text if not spaces else text[: (spot := chance.choice(spaces))] + text[spot + 1 :]
    near = _KEYS.find(text[place].lower())
    other = _KEYS[max(0, min(len(_KEYS) - 1, near + chance.choice([-1, 1])))].strip() or "e"
    return text[:place] + other + text[place + (kind == 4) :]
