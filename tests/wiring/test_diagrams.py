"""Every diagram of bpmn/ can be read, and its picture in docs/processes is the picture of what is there."""

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.wiring.geometry import Drawing, findings
from workers.runtime.tracing import INSTANCE

ROOT = Path(__file__).parents[2]
DIAGRAMS = sorted((ROOT / "bpmn").glob("*.bpmn"))
MODELS = sorted(path for path in (ROOT / "bpmn").iterdir() if path.suffix in {".bpmn", ".dmn"})
BPMN, ZEEBE = "{http://www.omg.org/spec/BPMN/20100524/MODEL}", "{http://camunda.org/schema/zeebe/1.0}"
FULFILLMENT = (ROOT / "bpmn" / "fulfillment.bpmn").read_bytes()


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda path: path.stem)
class TestReadable:
    def test_nothing_overlaps_crosses_or_runs_backwards(self, diagram: Path) -> None:
        assert findings(diagram.read_bytes()) == []

    def test_all_lines_are_upright_or_level(self, diagram: Path) -> None:
        slanted = [
            flow.name
            for flow in Drawing(diagram.read_bytes()).flows
            for (x1, y1), (x2, y2) in flow.segments
            if x1 != x2 and y1 != y2
        ]
        assert slanted == []


CALLS = [
    pytest.param(call, id=f"{diagram.stem}-{call.get('id')}")
    for diagram in DIAGRAMS
    for call in ET.parse(diagram).iterfind(f".//{BPMN}callActivity")
]


@pytest.mark.parametrize("call", CALLS)
def test_what_is_called_goes_on_with_the_callers_trace(call: ET.Element) -> None:
    """A called process has only the variables it is given."""
    assert {each.get("target"): each.get("source") for each in call.iter(f"{ZEEBE}input")}[
        INSTANCE
    ] == f"={INSTANCE}"


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_the_picture_is_drawn_from_the_model_as_it_is(model: Path) -> None:
    picture = ROOT / "docs" / "processes" / f"{model.stem}.svg"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert picture.is_file(), f"{model.name} has no picture: run make diagrams"
    assert digest in picture.read_text(encoding="utf-8")[:1000], f"{picture.name} is stale: run make diagrams"


def moved(element: str, x: int, y: int) -> bytes:
    """The fulfillment diagram with one shape elsewhere."""
    place = re.compile(rf'(bpmnElement="{element}"[^>]*>\s*<dc:Bounds x=")\d+(" y=")\d+'.encode())
    text, count = place.subn(rb"\g<1>%d\g<2>%d" % (x, y), FULFILLMENT)
    assert count == 1
    return text


def rerouted(flow: str, *points: tuple[int, int]) -> bytes:
    """The fulfillment diagram with one line through other points."""
    line = "".join(f'<di:waypoint x="{x}" y="{y}" />' for x, y in points).encode()
    place = re.compile(rf'(bpmnElement="{flow}">)(?:\s*<di:waypoint [^>]*/>)+'.encode())
    text, count = place.subn(rb"\g<1>" + line, FULFILLMENT)
    assert count == 1
    return text


def relabelled(element: str, x: int, y: int) -> bytes:
    """The fulfillment diagram with one label elsewhere."""
    up_to_label = r"(?:(?!</bpmndi:BPMN(?:Shape|Edge)>).)*<bpmndi:BPMNLabel>\s*"
    place = re.compile(rf'(bpmnElement="{element}"{up_to_label}<dc:Bounds x=")\d+(" y=")\d+'.encode(), re.DOTALL)
    text, count = place.subn(rb"\g<1>%d\g<2>%d" % (x, y), FULFILLMENT)
    assert count == 1
    return text


def where(element: str) -> tuple[int, int]:
    """The upper left corner of a shape."""
    box = Drawing(FULFILLMENT).boxes[element]
    return int(box.left), int(box.top)


class TestFindsWhatIsWrong:
    """The check itself: broken copies of the diagram are refused."""

    def test_an_element_that_is_not_drawn(self) -> None:
        broken = FULFILLMENT.replace(b'bpmnElement="Flow_OrderPaid"', b'bpmnElement="Flow_Elsewhere"')
        assert findings(broken) == ["Flow_OrderPaid is not drawn"]

    def test_a_shape_upon_another(self) -> None:
        assert "Task_GetOrder and Task_CheckAddress overlap" in findings(
            moved("Task_CheckAddress", *where("Task_GetOrder"))
        )

    def test_a_shape_moved_away_from_its_lines(self) -> None:
        x, y = where("Event_OrderSupplied")
        assert "Flow_SupplierOrderAnnounced does not touch Event_OrderSupplied" in findings(
            moved("Event_OrderSupplied", x + 100, y)
        )

    def test_a_line_through_a_shape(self) -> None:
        x, y = where("Task_CheckAddress")
        assert "Flow_OrderClosed runs through Task_CheckAddress" in findings(
            rerouted("Flow_OrderClosed", (x - 100, y + 20), (x + 200, y + 20))
        )

    def test_two_lines_that_cross(self) -> None:
        x, y = where("Gateway_AddressValid")
        assert "Flow_OrderClosed and Flow_AddressValid cross" in findings(
            rerouted("Flow_OrderClosed", (x + 100, y - 50), (x + 100, y + 100))
        )

    def test_a_line_to_the_left_that_closes_no_loop(self) -> None:
        assert "Flow_SupplierOrderAnnounced runs to the left, but closes no loop" in findings(
            rerouted("Flow_SupplierOrderAnnounced", (2550, 100), (100, 100))
        )

    def test_a_label_upon_a_shape(self) -> None:
        x, y = where("Task_GetOrder")
        assert "the label of Event_OrderPaid covers Task_GetOrder" in findings(
            relabelled("Event_OrderPaid", x - 20, y + 10)
        )

    def test_two_labels_upon_each_other(self) -> None:
        label = Drawing(FULFILLMENT).labels["Gateway_AddressValid"]
        assert "the labels of Event_OrderPaid and Gateway_AddressValid overlap" in findings(
            relabelled("Event_OrderPaid", int(label.left), int(label.top))
        )
