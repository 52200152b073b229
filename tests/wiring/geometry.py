"""What a reader of a diagram would stumble over, found from its layout (DI) alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
BPMNDI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
DI = "{http://www.omg.org/spec/DD/20100524/DI}"
NODE_ENDINGS = ("Event", "Task", "Gateway", "task", "subProcess", "callActivity")

Point = tuple[float, float]
Segment = tuple[Point, Point]


@dataclass(frozen=True)
class Box:
    """A rectangle of the drawing: a shape, or the text of a label."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def overlaps(self, other: "Box") -> bool:
        """Share an area; touching is fine."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """The other one lies within."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Flow:
    """A sequence flow and its line."""

    name: str
    source: str
    target: str
    line: tuple[Point, ...]

    @property
    def segments(self) -> Iterator[Segment]:
        return pairwise(self.line)


class Drawing:
    """One BPMN file's shapes, lines and labels by element id."""

    def __init__(self, xml: bytes) -> None:
        root = ET.fromstring(xml)
        self.nodes = {e.attrib["id"]: e for e in root.iter() if _is_node(e)}
        self.boundaries = {
            name: e.attrib["attachedToRef"] for name, e in self.nodes.items() if "attachedToRef" in e.attrib
        }
        self.children = {
            (name, child.attrib["id"])
            for name, e in self.nodes.items()
            for child in e.iter()
            if child is not e and _is_node(child)
        }
        shapes = {e.attrib["bpmnElement"]: e for e in root.iter(f"{BPMNDI}BPMNShape")}
        edges = {e.attrib["bpmnElement"]: e for e in root.iter(f"{BPMNDI}BPMNEdge")}
        flows = {e.attrib["id"]: e for e in root.iter(f"{BPMN}sequenceFlow")}
        self.boxes = {name: _box(shape) for name, shape in shapes.items()}
        self.labels = {name: box for name, e in (shapes | edges).items() if (box := _label(e)) is not None}
        self.undrawn = sorted((self.nodes.keys() - shapes.keys()) | (flows.keys() - edges.keys()))
        self.flows = [
            Flow(name, e.attrib["sourceRef"], e.attrib["targetRef"], _line(edges[name]))
            for name, e in flows.items()
            if name in edges
        ]
        self.named = {name for name, e in (self.nodes | flows).items() if e.get("name")}

    def reaches(self, start: str, goal: str) -> bool:
        """A token can get from start to goal; a boundary event belongs to where it is attached."""
        seen: set[str] = set()
        todo = [start]
        while todo:
            here = todo.pop()
            if here == goal:
                return True
            if here not in seen:
                seen.add(here)
                todo += [flow.target for flow in self.flows if flow.source == here]
                todo += [boundary for boundary, host in self.boundaries.items() if host == here]
        return False


def findings(xml: bytes) -> list[str]:
    """Everything that is wrong with the layout, as sentences; none when it is right."""
    drawing = Drawing(xml)
    if drawing.undrawn:
        return [f"{name} is not drawn" for name in drawing.undrawn]
    return [
        *_overlapping_shapes(drawing),
        *_loose_ends(drawing),
        *_lines_through_shapes(drawing),
        *_crossing_lines(drawing),
        *_lines_to_the_left(drawing),
        *_covered_labels(drawing),
    ]


def _overlapping_shapes(drawing: Drawing) -> Iterator[str]:
    for (one, box), (other, other_box) in combinations(drawing.boxes.items(), 2):
        attached = drawing.boundaries.get(one) == other or drawing.boundaries.get(other) == one
        nested = ((one, other) in drawing.children and box.holds(other_box)) or (
            (other, one) in drawing.children and other_box.holds(box)
        )
        if box.overlaps(other_box) and not attached and not nested:
            yield f"{one} and {other} overlap"


def _loose_ends(drawing: Drawing) -> Iterator[str]:
    for flow in drawing.flows:
        for end, point in ((flow.source, flow.line[0]), (flow.target, flow.line[-1])):
            if not drawing.boxes[end].holds(Box(*point, 0, 0)):
                yield f"{flow.name} does not touch {end}"


def _lines_through_shapes(drawing: Drawing) -> Iterator[str]:
    for flow in drawing.flows:
        for name, box in drawing.boxes.items():
            parts = list(flow.segments)
            if name in {flow.source, drawing.boundaries.get(flow.source)}:
                parts = parts[1:]
            elif name == flow.target:
                parts = parts[:-1]
            around = {(name, flow.source), (name, flow.target)} <= drawing.children
            if not around and any(_crosses_box(part, box) for part in parts):
                yield f"{flow.name} runs through {name}"


def _crossing_lines(drawing: Drawing) -> Iterator[str]:
    for one, other in combinations(drawing.flows, 2):
        if any(_meet(a, b) for a in one.segments for b in other.segments):
            yield f"{one.name} and {other.name} cross"


def _lines_to_the_left(drawing: Drawing) -> Iterator[str]:
    """Only a flow that closes a loop, whose target leads to its source again, may end left of its start."""
    for flow in drawing.flows:
        runs_left = flow.line[-1][0] < flow.line[0][0]
        if runs_left and not drawing.reaches(flow.target, flow.source):
            yield f"{flow.name} runs to the left, but closes no loop"


def _covered_labels(drawing: Drawing) -> Iterator[str]:
    inside = {"Task", "task", "subProcess", "callActivity"}
    outside_labelled = {
        name
        for name in drawing.named
        if name not in drawing.nodes or not drawing.nodes[name].tag.endswith(tuple(inside))
    }
    yield from (f"{name} has no place for its label" for name in sorted(outside_labelled - drawing.labels.keys()))
    for name, label in drawing.labels.items():
        for other, box in drawing.boxes.items():
            if label.overlaps(box) and not box.holds(label):
                yield f"the label of {name} covers {other}"
        for flow in drawing.flows:
            if any(_crosses_box(part, label) for part in flow.segments):
                yield f"{flow.name} runs through the label of {name}"
    for (one, box), (other, other_box) in combinations(drawing.labels.items(), 2):
        if box.overlaps(other_box):
            yield f"the labels of {one} and {other} overlap"


def _meet(one: Segment, other: Segment) -> bool:
    """Two upright or level segments share a point."""
    a, b = _span(one), _span(other)
    return a.left <= b.right and b.left <= a.right and a.top <= b.bottom and b.top <= a.bottom


def _crosses_box(segment: Segment, box: Box) -> bool:
    span = _span(segment)
    return span.left < box.right and box.left < span.right and span.top < box.bottom and box.top < span.bottom


def _span(segment: Segment) -> Box:
    (x1, y1), (x2, y2) = segment
    return Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2))


def _is_node(element: ET.Element) -> bool:
    return element.tag.startswith(BPMN) and element.tag.endswith(NODE_ENDINGS) and "id" in element.attrib


def _box(element: ET.Element) -> Box:
    bounds = element.find(f"{DC}Bounds")
    assert bounds is not None
    return Box(*(float(bounds.attrib[key]) for key in ("x", "y", "width", "height")))


def _label(element: ET.Element) -> Box | None:
    label = element.find(f"{BPMNDI}BPMNLabel")
    return None if label is None or label.find(f"{DC}Bounds") is None else _box(label)


def _line(element: ET.Element) -> tuple[Point, ...]:
    waypoints: Iterable[ET.Element] = element.iter(f"{DI}waypoint")
    return tuple((float(point.attrib["x"]), float(point.attrib["y"])) for point in waypoints)
