"""What a form asks for and what it shows, by the names of process variables."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workers.runtime.feel import names, names_needed

MARK = ("read_by", "nobody")
"""Custom property of a field whose answer no one is meant to read."""
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LOOP, _END_OF_LOOP = "#loop", "/loop"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be filled in."""

    variable: str
    label: str
    unread: bool
    """Whether it is marked as read by nobody."""


@dataclass(frozen=True, slots=True)
class Content:
    """A form's fields and the variables it shows."""

    fields: tuple[Field, ...]
    shown: frozenset[str]
    """Variables that have to be there when the form opens: without its own fields."""
    own_reads: frozenset[str]
    """Fields that the form itself reads, for instance to show or hide another."""


def content(form: Mapping[str, Any]) -> Content:
    """Of a form as its file has it."""
    parts = list(_parts(form.get("components", [])))
    fields = tuple(_field(part) for part in parts if _can_be_filled(part))
    own = {field.variable for field in fields}
    locked = {_variable(part) for part in parts if "key" in part and not _can_be_filled(part)}
    needed = {name for part in parts for name in _needed(part)} | locked
    read = {name for part in parts for text in _texts(part) for name in names(text)}
    return Content(fields, frozenset(needed - own), frozenset(read & own))


def _parts(components: list[Any]) -> Iterator[dict[str, Any]]:
    """Every component; of one that collects its parts in a variable of its own (`path`), only itself."""
    for component in components:
        if path := component.get("path"):
            yield {**{key: value for key, value in component.items() if key != "components"}, "key": path}
            continue
        yield {key: value for key, value in component.items() if key != "components"}
        yield from _parts(component.get("components", []))


def _can_be_filled(part: Mapping[str, Any]) -> bool:
    return "key" in part and not part.get("disabled") and not part.get("readonly")


def _variable(part: Mapping[str, Any]) -> str:
    return str(part["key"]).partition(".")[0]


def _field(part: Mapping[str, Any]) -> Field:
    name, value = MARK
    unread = part.get("properties", {}).get(name) == value
    return Field(_variable(part), part.get("label") or _variable(part), unread)


def _needed(part: Mapping[str, Any]) -> Iterator[str]:
    if key := part.get("valuesKey"):
        yield str(key).partition(".")[0]
    for text in _texts(part):
        yield from names_needed(text)


def _texts(part: Any) -> Iterator[str]:
    """FEEL in a component: values that begin with =, and what stands in {{ }} outside of loops."""
    match part:
        case str():
            yield from [part] if part.startswith("=") else _in_braces(part)
        case Mapping():
            for value in part.values():
                yield from _texts(value)
        case list():
            for value in part:
                yield from _texts(value)


def _in_braces(text: str) -> Iterator[str]:
    """In a loop, names are those of the list's items."""
    depth = 0
    for found in _TEMPLATE.findall(text):
        expression = found.strip()
        if not depth and not expression.startswith("/"):
            yield expression.removeprefix(_LOOP).removeprefix("#if")
        depth += expression.startswith(_LOOP)
        depth -= expression.startswith(_END_OF_LOOP)
