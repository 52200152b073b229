"""The steps of a diagram with what each reads and sets, and where the case can go from each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lxml import etree

from workers.runtime.model import BPMN, NAMES, ZEEBE, Element, UnreadableModelError, parse, root_of

FLOW = "sequenceFlow"
_RESULTS = ("resultVariable", "inputElement", "outputCollection")
SUB_PROCESSES = frozenset({"subProcess", "adHocSubProcess"})


@dataclass(frozen=True)
class Step:
    """A flow node or a sequence flow."""

    id: str
    kind: str
    """Its BPMN name: serviceTask, boundaryEvent, sequenceFlow …"""
    trigger: str
    """What an event waits for: timerEventDefinition …; empty for what is no event."""
    worker: str
    """Its own job type; empty where it has none."""
    job_types: tuple[str, ...]
    """That and those of its listeners."""
    at_the_end: tuple[str, ...]
    """Of these, the listeners' that come after the work."""
    inputs: Mapping[str, str]
    """Local variable → expression."""
    outputs: Mapping[str, str]
    """Variable → expression. While there are any, nothing else leaves the step."""
    expressions: tuple[str, ...]
    """What it reads besides: condition, due date, collection, correlation key …"""
    results: tuple[str, ...]
    """Result variables that the diagram names: of decisions, scripts, loops, called processes."""
    decision: str
    form: str
    message: str
    """Name of the message that it waits for; of decision, form and message empty where there is none."""
    calls: bool
    """Whether it calls another process, whose variables come back."""

    @property
    def all_expressions(self) -> tuple[str, ...]:
        """Mappings included."""
        return (*self.inputs.values(), *self.outputs.values(), *self.expressions)


@dataclass(frozen=True)
class Steps:
    """All steps of one process."""

    by_id: Mapping[str, Step]
    ways: Mapping[str, frozenset[str]]
    """From each step to those that may come next."""
    around: Mapping[str, tuple[str, ...]]
    """The sub-processes that a step lies in."""

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """Every expression of every step."""
        return tuple(text for step in self.by_id.values() for text in step.all_expressions)

    @cached_property
    def unsaid(self) -> Mapping[str, str]:
        """Sequence flows that the engine says nothing of, each with the event that it leads to.

        Which way a case went from an event-based gateway is told by the event alone.
        """
        return {
            flow: next(event for event in self.ways[flow] if self.by_id[event].kind not in SUB_PROCESSES)
            for gateway in self.by_id.values()
            if gateway.kind == "eventBasedGateway"
            for flow in self.ways[gateway.id]
            if flow in self.by_id and self.by_id[flow].kind == FLOW
        }

    def after(self, step: str) -> frozenset[str]:
        """Everything that may come later; the step itself only when the way leads back to it."""
        return _reached(step, self.ways)

    def before(self, step: str) -> frozenset[str]:
        """Everything that may have come earlier."""
        backwards: dict[str, set[str]] = defaultdict(set)
        for source, targets in self.ways.items():
            for target in targets:
                backwards[target].add(source)
        return _reached(step, backwards)


def read_steps(path: Path) -> Steps:
    """The steps of a BPMN file's process; raises UnreadableModelError."""
    root = root_of(path)
    if root.find("bpmn:process", NAMES) is None:
        raise UnreadableModelError(f"{path.name} has no process")
    return _steps(root)


def steps_of(text: bytes) -> Steps:
    """The same of a text that the engine took."""
    return _steps(parse(text))


def _steps(root: Element) -> Steps:
    process = next(root.iterfind("bpmn:process", NAMES))
    messages = {each.get("id", ""): each for each in root.findall(f"{{{BPMN}}}message")}
    elements = {each.get("id", ""): each for each in process.iter() if _is_step(each)}
    return Steps(
        by_id={name: _step(each, messages) for name, each in elements.items()},
        ways={name: frozenset(targets) for name, targets in _ways(elements).items()},
        around={name: tuple(_around(each)) for name, each in elements.items()},
    )


def _reached(start: str, ways: Mapping[str, frozenset[str] | set[str]]) -> frozenset[str]:
    reached: set[str] = set()
    ahead = set(ways.get(start, ()))
    while ahead:
        reached |= ahead
        ahead = {target for step in ahead for target in ways.get(step, ())} - reached
    return frozenset(reached)


def _kind(element: Element) -> str:
    return etree.QName(element).localname


def _is_step(element: Element) -> bool:
    if not isinstance(element.tag, str) or etree.QName(element).namespace != BPMN or not element.get("id"):
        return False
    kind = _kind(element)
    return (
        kind == FLOW
        or kind.endswith(("Task", "Event", "Gateway", "ubProcess"))
        or kind in {"task", "callActivity"}
    )


def _around(element: Element) -> Iterator[str]:
    for ancestor in element.iterancestors():
        if _is_step(ancestor):
            yield ancestor.get("id", "")


def _ways(elements: Mapping[str, Element]) -> dict[str, set[str]]:
    ways: dict[str, set[str]] = {name: set() for name in elements}
    for name, element in elements.items():
        kind = _kind(element)
        if kind == FLOW:
            ways.setdefault(element.get("sourceRef", ""), set()).add(name)
            ways[name].add(element.get("targetRef", ""))
        elif kind == "boundaryEvent":
            ways.setdefault(element.get("attachedToRef", ""), set()).add(name)
        elif kind in SUB_PROCESSES:
            _enter_and_leave(element, ways)
            _interrupt(element, ways)
    return ways


def _enter_and_leave(scope: Element, ways: dict[str, set[str]]) -> None:
    """Into a sub-process by its start events, and out from anywhere: at its end, or by an event on its rim."""
    name = scope.get("id", "")
    for inner in filter(_is_step, scope):
        ways[inner.get("id", "")].add(name)
        if _kind(inner) == "startEvent":
            ways[name].add(inner.get("id", ""))


def _interrupt(scope: Element, ways: dict[str, set[str]]) -> None:
    """An event sub-process may begin after anything beside it."""
    around = scope.getparent()
    if scope.get("triggeredByEvent") != "true" or around is None:
        return
    for beside in filter(_is_step, around):
        if beside is not scope:
            ways[beside.get("id", "")].add(scope.get("id", ""))


def _step(element: Element, messages: Mapping[str, Element]) -> Step:
    message = messages.get(_message_ref(element))
    own = _first(element, "taskDefinition", "type")
    listeners = [*_own(element, "executionListener"), *_own(element, "taskListener")]
    ends = tuple(each.get("type", "") for each in listeners if each.get("eventType") in {"end", "complete"})
    return Step(
        id=element.get("id", ""),
        kind=_kind(element),
        trigger=next((_kind(each) for each in element if str(each.tag).endswith("EventDefinition")), ""),
        worker=own,
        job_types=(*filter(None, [own]), *(each.get("type", "") for each in listeners)),
        at_the_end=ends,
        inputs={each.get("target", ""): each.get("source", "") for each in _own(element, "input")},
        outputs={each.get("target", ""): each.get("source", "") for each in _own(element, "output")},
        expressions=tuple(_expressions(element, message)),
        results=tuple(_results(element)),
        decision=_first(element, "calledDecision", "decisionId"),
        form=_first(element, "formDefinition", "formId"),
        message="" if message is None else message.get("name", ""),
        calls=bool(_own(element, "calledElement")),
    )


def _own(element: Element, extension: str) -> list[Element]:
    """Zeebe extensions of the element itself, not of what lies in it."""
    return element.findall(f"bpmn:extensionElements//zeebe:{extension}", NAMES)


def _first(element: Element, extension: str, attribute: str) -> str:
    return next((each.get(attribute, "") for each in _own(element, extension)), "")


def _message_ref(element: Element) -> str:
    inner = element.find("bpmn:messageEventDefinition", NAMES)
    holder = element if inner is None else inner
    throws = _kind(element) in {"sendTask", "intermediateThrowEvent", "endEvent"}
    return "" if throws else holder.get("messageRef", "")


def _expressions(element: Element, message: Element | None) -> Iterator[str]:
    """FEEL in attributes and in texts of the element, without mappings and without what lies in it."""
    for each in _with_details(element):
        if each.tag not in {f"{ZEEBE}input", f"{ZEEBE}output"}:
            yield from (value for value in map(str, each.attrib.values()) if value.startswith("="))
        if (each.text or "").startswith("="):
            yield each.text or ""
    if message is not None:
        yield from (each.get("correlationKey", "") for each in _own(message, "subscription"))


def _with_details(element: Element) -> Iterator[Element]:
    yield element
    for child in element:
        if isinstance(child.tag, str) and not _is_step(child):
            yield from _with_details(child)


def _results(element: Element) -> Iterator[str]:
    for each in _with_details(element):
        yield from (each.get(name, "") for name in _RESULTS if each.get(name))
