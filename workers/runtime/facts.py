"""A BPMN, DMN or form file as things with facts about them, to be compared: without how it is drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from lxml import etree

from workers.runtime.model import BPMN, NAMES, Element, parse, read_tables

Facts = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Thing:
    """An element, a rule, a field …, named for people."""

    name: str
    facts: Mapping[str, str]


Things = Mapping[str, Thing]
"""By id, in the file's order."""
WORDS = {
    "taskDefinition type": "job type",
    "taskDefinition retries": "retries",
    "formDefinition formId": "form",
    "formDefinition bindingType": "binding of the form",
    "calledDecision decisionId": "decision",
    "calledDecision bindingType": "binding of the decision",
    "calledDecision resultVariable": "result variable",
    "calledElement processId": "called process",
    "taskSchedule dueDate": "due",
    "assignmentDefinition candidateGroups": "candidate groups",
    "priorityDefinition priority": "priority",
    "conditionExpression": "condition",
    "timeDuration": "timer",
    "timeDate": "timer",
    "timeCycle": "timer",
    "sourceRef": "from",
    "targetRef": "to",
}
"""What people call a fact of the notation."""
_REFERENCES = {"messageRef": "message", "errorRef": "error", "signalRef": "signal", "escalationRef": "escalation"}
_NOT_OURS = frozenset({"id", "layout", "components"})


def of_process(text: bytes) -> Things:
    """Flow nodes, sequence flows and the process itself, of a BPMN file."""
    root = parse(text)
    named = {each.get("id", ""): _named(each) for each in root if isinstance(each.tag, str)}
    found = root.find("bpmn:process", NAMES)
    elements = [] if found is None else [each for each in found.iter() if _is_element(each)]
    return {each.get("id", ""): Thing(_name(each), dict(_facts(each, named))) for each in elements}


def of_decisions(text: bytes) -> Things:
    """Decisions and, of tables, their rules, of a DMN file."""
    root = parse(text)
    found = {
        each.get("id", ""): Thing(
            f"decision {each.get('id')}", {"name": each.get("name", ""), **_expression(each)}
        )
        for each in root.findall("dmn:decision", NAMES)
    }
    for table in read_tables(root):
        columns = [*(each.label or each.expression for each in table.inputs), *table.outputs]
        asked = {f"input {each.label}": each.expression for each in table.inputs}
        decision = found[table.decision]
        found[table.decision] = Thing(decision.name, {**decision.facts, "hit policy": table.hit_policy, **asked})
        for number, rule in enumerate(table.rules, start=1):
            cells = dict(zip(columns, (*rule.cells, *rule.outputs), strict=True))
            found[rule.id] = Thing(f"{table.decision} rule {number}", {**cells, "why": rule.note})
    return found


def of_form(text: bytes) -> Things:
    """Fields and texts of a form."""
    return {
        str(part.get("id")): Thing(_name_of_part(part), dict(_flat(part)))
        for part in _parts_of(orjson.loads(text))
    }


def _kind(element: Element) -> str:
    return etree.QName(element).localname


def _spaced(kind: str) -> str:
    """serviceTask → service task."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind)


def _name(element: Element) -> str:
    return f"{_spaced(_kind(element))} {element.get('id')}"


def _named(element: Element) -> str:
    """A message by its name and key, an error by its code."""
    subscription = element.find("bpmn:extensionElements/zeebe:subscription", NAMES)
    by = "" if subscription is None else f" by {subscription.get('correlationKey')}"
    return f"{element.get('errorCode') or element.get('name')}{by}"


def _is_element(element: Element) -> bool:
    """An event's definition belongs to its event, a condition to its flow."""
    if not isinstance(element.tag, str) or etree.QName(element).namespace != BPMN or not element.get("id"):
        return False
    return not _kind(element).endswith(("EventDefinition", "Expression", "LoopCharacteristics"))


def _facts(element: Element, named: Mapping[str, str]) -> Facts:
    """Attributes and texts, of what belongs to the element too."""
    yield from _attributes(element, "", named)
    for part in _parts(element):
        kind = _kind(part)
        if kind in {"input", "output"}:
            yield f"{kind} {part.get('target')}", part.get("source", "")
        elif kind in {"executionListener", "taskListener"}:
            yield f"listener at {part.get('eventType')}", part.get("type", "")
        else:
            yield from _attributes(part, f"{kind} ", named)
            if text := " ".join((part.text or "").split()):
                yield WORDS.get(kind, _spaced(kind)), text


def _parts(element: Element) -> Iterator[Element]:
    for child in element:
        if isinstance(child.tag, str) and not _is_element(child) and _kind(child) not in {"incoming", "outgoing"}:
            yield child
            yield from _parts(child)


def _attributes(element: Element, prefix: str, named: Mapping[str, str]) -> Facts:
    for name, value in element.attrib.items():
        word, plain = etree.QName(str(name)).localname, str(value)
        if word in _REFERENCES:
            yield _REFERENCES[word], named.get(plain, plain)
        elif word != "id" and not (prefix.startswith("condition") and word == "type"):
            yield WORDS.get(prefix + word, prefix + word), plain


def _expression(decision: Element) -> dict[str, str]:
    text = decision.findtext("dmn:literalExpression/dmn:text", None, NAMES)
    return {} if text is None else {"expression": " ".join(text.split())}


def _parts_of(form: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in form.get("components", []):
        yield part
        yield from _parts_of(part)


def _name_of_part(part: Mapping[str, Any]) -> str:
    return f"field {part['key']}" if "key" in part else f"{part.get('type')} {part.get('id')}"


def _flat(value: Any, path: str = "") -> Facts:
    match value:
        case Mapping():
            for key, each in value.items():
                if key not in _NOT_OURS:
                    yield from _flat(each, f"{path} {key}".strip())
        case list():
            for number, each in enumerate(value, start=1):
                yield from _flat(each, f"{path} {number}")
        case _:
            yield path, str(value)
