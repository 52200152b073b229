"""Decision tables as their files have them, and for which values a cell fires.

Cells are read as far as they are literals, comparisons, intervals, lists of these and their negation. Of anything
else it is not known when it fires: such a rule closes no gap, and is in no other's way.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Value: TypeAlias = str | float | bool | None
_NUMBER = r"-?\d+(?:\.\d+)?"
_ALTERNATIVES = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^",])+')
_TEXT = re.compile(r'"((?:\\.|[^"\\])*)"')
_COMPARISON = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")
_INTERVAL = re.compile(rf"([\[\](])\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*([\[\])])")
_NEGATION = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NULL = {"null": True, "? = null": True, "? != null": False}
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Input:
    """A column that is asked for."""

    expression: str
    type: str
    label: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row; what its cells say, inputs and outputs apart."""

    id: str
    cells: tuple[str, ...]
    outputs: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Table:
    """A decision table."""

    decision: str
    hit_policy: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    has_default: bool
    """Whether it says what the outputs are when no rule fires."""
    rules: tuple[Rule, ...]

    @cached_property
    def cells(self) -> tuple[tuple["Cell", ...], ...]:
        """The input cells, row by row."""
        return tuple(tuple(map(Cell, rule.cells)) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class _Alternative:
    """One of the things that a cell lists."""

    fires: Callable[[Value], bool]
    named: tuple[Value, ...]


class Cell:
    """An input cell."""

    def __init__(self, text: str) -> None:
        text = " ".join(text.split())
        negation = _NEGATION.fullmatch(text)
        listed = negation.group(1) if negation else text
        read = [_alternative(part.strip()) for part in _ALTERNATIVES.findall(listed)]
        self._negated = negation is not None
        self._alternatives = [each for each in read if each is not None]
        self._known = len(read) == len(self._alternatives)
        self.anything = text in {"", "-"}
        self.named = tuple(value for each in self._alternatives for value in each.named)
        """Values that it names, bounds included."""

    def fires(self, value: Value) -> bool:
        """Whether it surely does."""
        if self.anything:
            return True
        return self._known and any(each.fires(value) for each in self._alternatives) != self._negated


def literal(text: str) -> Value:
    """The text, number, truth or nothing that the text stands for; ValueError when it is something else."""
    if found := _TEXT.fullmatch(text):
        return found.group(1)
    if text in _WORDS:
        return _WORDS[text]
    if not re.fullmatch(_NUMBER, text):
        raise ValueError(f"{text} is no literal")
    return float(text)


def _alternative(text: str) -> _Alternative | None:
    if text in _NULL:
        return _Alternative(lambda value: (value is None) == _NULL[text], (None,))
    if found := _COMPARISON.fullmatch(text):
        return _range((found.group(1), found.group(2)))
    if found := _INTERVAL.fullmatch(text):
        start, low, high, end = found.groups()
        return _range((">=" if start == "[" else ">", low), ("<=" if end == "]" else "<", high))
    try:
        wanted = literal(text)
    except ValueError:
        return None
    return _Alternative(lambda value: type(value) is type(wanted) and value == wanted, (wanted,))


def _range(*bounds: tuple[str, str]) -> _Alternative:
    limits = [(_COMPARE[how], float(bound)) for how, bound in bounds]
    return _Alternative(
        lambda value: type(value) is float and all(compare(value, bound) for compare, bound in limits),
        tuple(bound for _, bound in limits),
    )
