"""What `orderops deploy --dry-run` says of each kind of change."""

import io

import pytest
from rich.console import Console

from workers.runtime.deploy import lost_starts, resources
from workers.runtime.difference import Key, Resource, State, differences, to_be_deployed
from workers.runtime.difference_view import show

FILES = resources()


def deployed(**changes: bytes) -> dict[Key, Resource]:
    """The files as they are, at version 3."""
    return {key: Resource(key[1], each.text, version=3) for key, each in to_be_deployed(FILES | changes).items()}


def shown(name: str, old: str, new: str) -> list[str]:
    """The lines about a file in which this was changed."""
    text = FILES[name].decode()
    assert old in text, f"{name} no longer has {old}: choose another place to change it"
    found = differences(deployed(), to_be_deployed(FILES | {name: text.replace(old, new).encode()}))
    out = io.StringIO()
    show(Console(file=out, width=300), [each for each in found if each.state is not State.UNCHANGED])
    return out.getvalue().splitlines()


CHANGES = {
    "a threshold": (
        "fulfillment_no_answer.dmn",
        "&lt; 5000",
        "&lt; 6000",
        ["  ~ fulfillment_no_answer rule 1: Order total (minor units): < 5000 → < 6000"],
    ),
    "a hit policy": (
        "fulfillment_no_answer.dmn",
        'hitPolicy="FIRST"',
        'hitPolicy="ANY"',
        ["  ~ decision fulfillment_no_answer: hit policy: FIRST → ANY"],
    ),
    "a job type": (
        "fulfillment.bpmn",
        'type="fulfillment.get_order"',
        'type="fulfillment.check_stock"',
        ["  ~ service task Task_GetOrder: job type: fulfillment.get_order → fulfillment.check_stock"],
    ),
    "a name": (
        "fulfillment.bpmn",
        'name="Get order"',
        'name="Fetch order"',
        ["  ~ service task Task_GetOrder: name: Get order → Fetch order"],
    ),
    "a timer": (
        "fulfillment.bpmn",
        ">P3D<",
        ">P4D<",
        ["  ~ boundary event Boundary_NoChoice: timer: P3D → P4D"],
    ),
    "a condition": (
        "fulfillment.bpmn",
        "=buy_anyway = true",
        "=buy_anyway = false",
        ["  ~ sequence flow Flow_BuyAnyway: condition: =buy_anyway = true → =buy_anyway = false"],
    ),
    "a message": (
        "fulfillment.bpmn",
        'name="customer_choice"',
        'name="choice_made"',
        [
            "  ~ receive task Task_AwaitChoice: message: customer_choice by =choice_request"
            " → choice_made by =choice_request"
        ],
    ),
    "a mapping": (
        "fulfillment.bpmn",
        '<zeebe:input source="=supplier_choice.reason" target="explanation" />',
        "",
        ["  ~ user task Task_DecideOnMargin: input explanation: =supplier_choice.reason → nothing"],
    ),
    "an element's id": (
        "fulfillment.bpmn",
        '"Event_CustomerReminded"',
        '"Event_Reminded"',
        [
            "  - end event Event_CustomerReminded",
            "  ~ sequence flow Flow_CustomerReminded: to: Event_CustomerReminded → Event_Reminded",
            "  + end event Event_Reminded (name Customer reminded)",
        ],
    ),
    "a field's rule": (
        "fulfillment_address.form",
        '"maxLength": 12',
        '"maxLength": 14',
        ["  ~ field postcode: validate maxLength: 12 → 14"],
    ),
    "a place on the drawing": (
        "fulfillment.bpmn",
        '<dc:Bounds x="310" y="280"',
        '<dc:Bounds x="311" y="280"',
        ["  Only how it is drawn or written: nothing that the engine does."],
    ),
}


@pytest.mark.parametrize(("name", "old", "new", "lines"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_said_in_words(name: str, old: str, new: str, lines: list[str]) -> None:
    head, *found = shown(name, old, new)
    assert head == f"{name}: changed (version 3 is deployed)"
    assert sorted(found) == sorted(lines)


def test_the_same_files_are_unchanged() -> None:
    assert {each.state for each in differences(deployed(), to_be_deployed(FILES))} == {State.UNCHANGED}


def test_what_is_not_deployed_is_new_and_what_has_no_file_is_gone() -> None:
    ours, engine = to_be_deployed(FILES), deployed()
    del ours["form", "fulfillment_margin"]
    del engine["process", "fulfillment"]
    states = {each.name: each.state for each in differences(engine, ours)}
    assert states["fulfillment.bpmn"] is State.NEW
    assert states["fulfillment_margin"] is State.GONE


def test_rules_in_another_order_are_a_change() -> None:
    text = FILES["fulfillment_no_answer.dmn"].decode()
    start, end = text.index('<rule id="Rule_NoAnswer_Large"'), text.index('<rule id="Rule_NoAnswer_Wait"')
    swapped = text[:start] + text[end:].replace("</decisionTable>", text[start:end] + "</decisionTable>", 1)
    found = differences(deployed(), to_be_deployed(FILES | {"fulfillment_no_answer.dmn": swapped.encode()}))
    [change] = [change for each in found for change in each.changes if change.what == "order of rules"]
    assert change.old != change.new


def test_a_start_message_of_what_is_deployed_may_not_get_lost() -> None:
    """Unless it is said that nobody sends it."""
    named = FILES["fulfillment.bpmn"].replace(b'name="order_paid"', b'name="order_charged"')
    engine = deployed(**{"fulfillment.bpmn": named})
    [sentence] = lost_starts(engine)
    assert sentence.startswith(
        "fulfillment.bpmn: version 3, which is deployed, starts by message order_charged, and"
    )
    assert "--drop-start order_charged" in sentence
    assert list(lost_starts(engine, ["order_charged"])) == []
    assert list(lost_starts(deployed())) == []
