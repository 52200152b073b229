"""What changes when the files are deployed: process by process, table by table, form by form."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import orjson

from workers.runtime.facts import Thing, Things, of_decisions, of_form, of_process
from workers.runtime.model import NAMES, parse


class State(StrEnum):
    """Of one file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Resource:
    """A diagram, a file of tables or a form, as deployed or to be deployed."""

    name: str
    """Of its file; of what has none, its id."""
    text: str
    version: int | None = None
    """None for what is not deployed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference. `old` is None for what is added, `new` for what is removed."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one file."""

    kind: str
    name: str
    version: int | None
    """That is deployed now."""
    state: State
    changes: tuple[Change, ...]


Key = tuple[str, str]
"""Kind (process, decisions or form) and id."""
_READERS: Mapping[str, Callable[[bytes], Things]] = {
    "process": of_process,
    "decisions": of_decisions,
    "form": of_form,
}


def differences(deployed: Mapping[Key, Resource], files: Mapping[Key, Resource]) -> list[Difference]:
    """Processes first, then tables, then forms; a file whose text is the same is unchanged."""
    keys = sorted(deployed.keys() | files.keys(), key=lambda key: (list(_READERS).index(key[0]), key[1]))
    return [_difference(key, deployed.get(key), files.get(key)) for key in keys]


def _difference(key: Key, old: Resource | None, new: Resource | None) -> Difference:
    kind, name = key
    if new is None:
        return Difference(kind, name, old.version if old else None, State.GONE, ())
    if old is None:
        return Difference(kind, new.name, None, State.NEW, ())
    if old.text == new.text:
        return Difference(kind, new.name, old.version, State.UNCHANGED, ())
    return Difference(kind, new.name, old.version, State.CHANGED, tuple(_changes(kind, old.text, new.text)))


def _changes(kind: str, old: str, new: str) -> Iterator[Change]:
    read = _READERS[kind]
    before, after = read(old.encode()), read(new.encode())
    for name in (name for name in before if name not in after):
        yield Change(before[name].name, "", None)
    for name, thing in after.items():
        if name in before:
            yield from _changes_of(before[name], thing)
        else:
            yield Change(thing.name, None, ", ".join(f"{fact} {value}" for fact, value in thing.facts.items()))
    if kind == "decisions":
        yield from _change_of_order(before, after)


def _changes_of(old: Thing, new: Thing) -> Iterator[Change]:
    for fact in dict.fromkeys([*old.facts, *new.facts]):
        before, after = old.facts.get(fact), new.facts.get(fact)
        if before != after:
            yield Change(f"{new.name}: {fact}", before or "nothing", after or "nothing")


def _change_of_order(before: Things, after: Things) -> Iterator[Change]:
    """Which rule comes first can decide."""
    common = [name for name in before if name in after]
    if common != [name for name in after if name in before]:
        yield Change("order of rules", ", ".join(common), ", ".join(name for name in after if name in before))


def to_be_deployed(resources: Mapping[str, bytes]) -> dict[Key, Resource]:
    """Of file names with contents."""
    return {_key(name, content): Resource(name, content.decode()) for name, content in resources.items()}


def _key(name: str, content: bytes) -> Key:
    if name.endswith(".form"):
        return "form", str(orjson.loads(content)["id"])
    root = parse(content)
    if name.endswith(".dmn"):
        return "decisions", root.get("id", "")
    return "process", next(root.iterfind("bpmn:process", NAMES)).get("id", "")
