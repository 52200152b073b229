"""What a BPMN, DMN or form file says, as far as it must agree with the code and with the other files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import orjson
from lxml import etree

from workers.runtime.feel import names
from workers.runtime.formfields import Content, content
from workers.runtime.tables import Input, Rule, Table

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DMNDI = "https://www.omg.org/spec/DMN/20191111/DMNDI/"
WAYPOINT = "{http://www.omg.org/spec/DD/20100524/DI}waypoint"
BOUNDS = "{http://www.omg.org/spec/DD/20100524/DC}Bounds"
ZEEBE = "{http://camunda.org/schema/zeebe/1.0}"
MODELER = "{http://camunda.org/schema/modeler/1.0}"
NAMES = {"bpmn": BPMN, "dmn": DMN, "zeebe": ZEEBE[1:-1], "bpmndi": DI, "dmndi": DMNDI}

EDGES = frozenset({"sequenceFlow", "association", "messageFlow"})
SHAPES = frozenset({"subProcess", "adHocSubProcess", "callActivity", "textAnnotation", "lane", "participant"})
SHAPE_ENDINGS = ("Event", "Task", "Gateway", "ObjectReference", "StoreReference")

Element: TypeAlias = etree._Element


class UnreadableModelError(Exception):
    """The file is not what its name says."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An element that names something in another file."""

    element: str
    target: str
    binding: str
    """latest unless the file says otherwise."""


@dataclass(frozen=True, slots=True)
class Catch:
    """A place that waits for a message, or an instance that one starts."""

    element: str
    message: str
    correlation: str
    """FEEL expression; empty where none is given."""
    starts: bool
    """Whether it starts the process itself: no instance waits there."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Modeler's execution platform attributes."""

    name: str
    version: str


@dataclass(frozen=True)
class Diagram:
    """One BPMN file."""

    path: Path
    process_id: str
    executable: bool
    platform: Platform
    job_types: Mapping[str, str]
    """Job type → an element that has it."""
    errors: Mapping[str, str]
    """Error code that is caught → an element that catches it."""
    catches: tuple[Catch, ...]
    forms: tuple[Reference, ...]
    decisions: tuple[Reference, ...]
    calls: tuple[Reference, ...]
    user_tasks: Mapping[str, bool]
    """User task → whether it is the engine's own kind (zeebe:userTask)."""
    flows: frozenset[str]
    end_events: Mapping[str, str]
    """End event → its name."""
    undrawn: tuple[str, ...]
    """Elements without a complete shape or edge."""


@dataclass(frozen=True)
class DecisionFile:
    """One DMN file."""

    path: Path
    platform: Platform
    decisions: tuple[str, ...]
    tables: tuple[Table, ...]
    expressions: tuple[str, ...]
    """All FEEL in it."""
    undrawn: tuple[str, ...]

    @cached_property
    def reads(self) -> frozenset[str]:
        """Variables that any of its expressions names."""
        return frozenset().union(*map(names, self.expressions))


@dataclass(frozen=True)
class FormFile:
    """One form."""

    path: Path
    platform: Platform
    id: str
    content: Content


def read_diagram(path: Path) -> Diagram:
    """Read a BPMN file with one process; raises UnreadableModelError."""
    root = root_of(path)
    processes = root.findall(f"{{{BPMN}}}process")
    if len(processes) != 1:
        raise UnreadableModelError(f"{path.name} has {len(processes)} processes, expected one")
    process = processes[0]
    return Diagram(
        path=path,
        process_id=process.get("id", ""),
        executable=process.get("isExecutable") == "true",
        platform=_platform(root),
        job_types=dict(_job_types(process)),
        errors=dict(_errors(root, process)),
        catches=tuple(_catches(root, process)),
        forms=tuple(_references(process, "formDefinition", "formId")),
        decisions=tuple(_references(process, "calledDecision", "decisionId")),
        calls=tuple(_references(process, "calledElement", "processId")),
        user_tasks={_id(task): _has(task, "userTask") for task in _all(process, "bpmn:userTask")},
        flows=frozenset(_id(flow) for flow in _all(process, "bpmn:sequenceFlow")),
        end_events={_id(event): event.get("name", "") for event in _all(process, "bpmn:endEvent")},
        undrawn=tuple(_undrawn(root)),
    )


def read_decisions(path: Path) -> DecisionFile:
    """Read a DMN file; raises UnreadableModelError."""
    root = root_of(path)
    decisions = tuple(_id(decision) for decision in root.findall(f"{{{DMN}}}decision"))
    drawn = {shape.get("dmnElementRef") for shape in _all(root, "dmndi:DMNShape")}
    undrawn = tuple(decision for decision in decisions if decision not in drawn)
    return DecisionFile(
        path=path,
        platform=_platform(root),
        decisions=decisions,
        tables=read_tables(root),
        expressions=tuple(text.text or "" for text in _all(root, "dmn:text")),
        undrawn=undrawn,
    )


def read_form(path: Path) -> FormFile:
    """Read a form; raises UnreadableModelError."""
    try:
        form = orjson.loads(path.read_bytes())
        platform = Platform(form.get("executionPlatform", ""), form.get("executionPlatformVersion", ""))
        return FormFile(path, platform, form.get("id", ""), content(form))
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise UnreadableModelError(f"{path.name} is not a form: {error}") from None


def read_tables(root: Element) -> tuple[Table, ...]:
    """Every decision table of a DMN file."""
    return tuple(_table(table) for table in _all(root, "dmn:decision/dmn:decisionTable"))


def start_messages(text: bytes) -> frozenset[str]:
    """Messages that start the process of a BPMN text."""
    root = parse(text)
    processes = root.findall(f"{{{BPMN}}}process")
    return frozenset(catch.message for each in processes for catch in _catches(root, each) if catch.starts)


def parse(text: bytes) -> Element:
    """The root element of a BPMN or DMN text. Comments are left out, and nothing is fetched."""
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True))


def root_of(path: Path) -> Element:
    """The root element of a file; raises UnreadableModelError."""
    try:
        return parse(path.read_bytes())
    except etree.XMLSyntaxError as error:
        raise UnreadableModelError(f"{path.name} is not XML: {error}") from None


def _platform(root: Element) -> Platform:
    return Platform(
        root.get(f"{MODELER}executionPlatform", ""), root.get(f"{MODELER}executionPlatformVersion", "")
    )


def _id(element: Element) -> str:
    return element.get("id", "")


def _all(element: Element, kind: str) -> list[Element]:
    return element.findall(f".//{kind}", NAMES)


def _has(element: Element, extension: str) -> bool:
    return element.find(f"bpmn:extensionElements/zeebe:{extension}", NAMES) is not None


def _owner(extension: Element) -> Element:
    """The BPMN element whose extension this is."""
    return next(each for each in extension.iterancestors() if _id(each))


def _job_types(process: Element) -> Iterator[tuple[str, str]]:
    for definition in _all(process, "zeebe:taskDefinition"):
        yield definition.get("type", ""), _id(_owner(definition))
    for kind in ("executionListener", "taskListener"):
        for listener in _all(process, f"zeebe:{kind}"):
            yield listener.get("type", ""), _id(_owner(listener))


def _errors(root: Element, process: Element) -> Iterator[tuple[str, str]]:
    codes = {_id(error): error.get("errorCode", "") for error in root.findall(f"{{{BPMN}}}error")}
    for kind in ("boundaryEvent", "startEvent"):
        for definition in _all(process, f"bpmn:{kind}/bpmn:errorEventDefinition"):
            yield codes.get(definition.get("errorRef", ""), ""), _id(_owner(definition))


def _catches(root: Element, process: Element) -> Iterator[Catch]:
    messages = {_id(message): message for message in root.findall(f"{{{BPMN}}}message")}
    for holder in process.iterfind(".//*[@messageRef]"):
        tag = etree.QName(holder).localname
        event = holder if tag == "receiveTask" else _owner(holder)
        kind = etree.QName(event).localname
        if tag == "sendTask" or kind in {"intermediateThrowEvent", "endEvent"}:
            continue
        message = messages.get(holder.get("messageRef", ""))
        yield Catch(
            element=_id(event),
            message="" if message is None else message.get("name", ""),
            correlation="" if message is None else _correlation(message),
            starts=kind == "startEvent" and event.getparent() is process,
        )


def _correlation(message: Element) -> str:
    subscription = message.find("bpmn:extensionElements/zeebe:subscription", NAMES)
    return "" if subscription is None else subscription.get("correlationKey", "")


def _references(process: Element, extension: str, attribute: str) -> Iterator[Reference]:
    for each in _all(process, f"zeebe:{extension}"):
        yield Reference(_id(_owner(each)), each.get(attribute, ""), each.get("bindingType", "latest"))


def _table(table: Element) -> Table:
    outputs = table.findall("dmn:output", NAMES)
    return Table(
        decision=_id(next(table.iterancestors())),
        hit_policy=table.get("hitPolicy", "UNIQUE"),
        inputs=tuple(_input(each) for each in table.findall("dmn:input", NAMES)),
        outputs=tuple(each.get("label", "") or each.get("name", "") for each in outputs),
        has_default=all(each.find("dmn:defaultOutputEntry", NAMES) is not None for each in outputs),
        rules=tuple(_rule(each) for each in table.findall("dmn:rule", NAMES)),
    )


def _input(column: Element) -> Input:
    expression = column.find("dmn:inputExpression", NAMES)
    kind = "" if expression is None else expression.get("typeRef", "")
    return Input(_text(column, "inputExpression/dmn:text"), kind, column.get("label", ""))


def _rule(rule: Element) -> Rule:
    cells, outputs = (
        tuple(_text(each, "text") for each in rule.findall(f"dmn:{kind}", NAMES))
        for kind in ("inputEntry", "outputEntry")
    )
    return Rule(_id(rule), cells, outputs, _text(rule, "description"))


def _text(element: Element, path: str) -> str:
    return (element.findtext(f"dmn:{path}", "", NAMES) or "").strip()


def _undrawn(root: Element) -> Iterator[str]:
    shapes = {
        shape.get("bpmnElement") for shape in _all(root, "bpmndi:BPMNShape") if shape.find(BOUNDS) is not None
    }
    edges = {edge.get("bpmnElement") for edge in _all(root, "bpmndi:BPMNEdge") if len(edge.findall(WAYPOINT)) > 1}
    for element in root.iterfind(f".//{{{BPMN}}}*"):
        kind = etree.QName(element).localname
        to_draw = kind in SHAPES or kind.endswith(SHAPE_ENDINGS)
        if (to_draw and _id(element) not in shapes) or (kind in EDGES and _id(element) not in edges):
            yield _id(element)
