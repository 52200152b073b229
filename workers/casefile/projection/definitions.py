"""What the deployed files say for people: names of elements, annotations of rules, answers of forms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from lxml import etree
from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from workers.casefile.projection.tables import Tables, table

_DEFINITIONS = table("definitions")
_FIND = select(_DEFINITIONS.c.key, _DEFINITIONS.c.kind, _DEFINITIONS.c.resource).where(
    _DEFINITIONS.c.key == func.any(bindparam("keys", type_=ARRAY(BigInteger())))
)
_TIMER = "{*}timerEventDefinition"


@dataclass(frozen=True)
class Said:
    """What one file says; one that we have never seen says nothing."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Element → its name, of those that have one."""
    timers: frozenset[str] = frozenset()
    """Events that happen when time has passed."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Rule of a decision table → what is written beside it."""
    fields: tuple[Mapping[str, Any], ...] = ()
    """A form's fields, in its order."""

    def name(self, element: str | None) -> str:
        """The element's name; its id, when it has none."""
        return self.names.get(element or "") or element or ""


NOTHING = Said()


class Definitions:
    """Each file is read when it is first needed, and then known."""

    def __init__(self) -> None:
        self._known: dict[int, Said] = {}

    async def learn(self, tables: Tables, keys: Iterable[int]) -> None:
        """Read those of these keys that are there and not known yet."""
        if missing := set(keys) - self._known.keys():
            for row in await tables.find(_FIND, {"keys": list(missing)}):
                self._known[row.key] = _read(row.kind, row.resource)

    def __getitem__(self, key: int | None) -> Said:
        """What the file of this key says."""
        return self._known.get(key or 0, NOTHING)


def _read(kind: str, resource: str) -> Said:
    """An engine may deploy what we cannot read, as files in other encodings: it must not hold up the stream."""
    try:
        return _READERS[kind](resource)
    except (etree.XMLSyntaxError, orjson.JSONDecodeError, AttributeError):
        return NOTHING


def _of_process(resource: str) -> Said:
    named, timers = {}, set()
    for element in _elements(resource):
        name, identifier = element.get("name"), element.get("id")
        if identifier and name:
            named[identifier] = " ".join(name.split())
        if identifier and element.find(_TIMER) is not None:
            timers.add(identifier)
    return Said(names=named, timers=frozenset(timers))


def _of_decisions(resource: str) -> Said:
    rules = (element for element in _elements(resource) if etree.QName(element).localname == "rule")
    said = {rule.get("id", ""): rule.findtext("{*}description") or "" for rule in rules}
    return Said(annotations={rule: " ".join(text.split()) for rule, text in said.items() if text.strip()})


def _of_form(resource: str) -> Said:
    return Said(fields=tuple(_fields(orjson.loads(resource))))


def _fields(component: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for child in component.get("components", ()):
        if "components" in child:
            yield from _fields(child)
        elif "key" in child:
            yield child


def _elements(resource: str) -> Iterable[etree._Element]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(resource.encode(), parser).iter("{*}*")


_READERS = {"process": _of_process, "decisions": _of_decisions, "form": _of_form}
