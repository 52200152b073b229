"""Which element an instance goes on at, when it moves to another version."""

import pytest

from workers.runtime.errors import UserError
from workers.runtime.migration import mapping
from workers.runtime.resources import models_dir
from workers.runtime.steps import Steps, steps_of

TEXT = (models_dir() / "fulfillment.bpmn").read_text(encoding="utf-8")
OLD = steps_of(TEXT.encode())


def new(before: str, after: str) -> Steps:
    assert before in TEXT, f"the diagram no longer has {before}: choose another place to change it"
    return steps_of(TEXT.replace(before, after).encode())


def test_elements_go_on_at_those_of_the_same_id() -> None:
    same = mapping(OLD, OLD, {})
    assert same["Task_CorrectAddress"] == "Task_CorrectAddress"
    assert "Flow_OrderPaid" not in same
    assert len(same) > 50


def test_what_is_gone_goes_nowhere_unless_it_is_said_where() -> None:
    moved = new('"Task_CorrectAddress"', '"Task_MendAddress"')
    assert "Task_CorrectAddress" not in mapping(OLD, moved, {})
    renamed = {"Task_CorrectAddress": "Task_MendAddress"}
    assert mapping(OLD, moved, renamed)["Task_CorrectAddress"] == "Task_MendAddress"


def test_an_id_with_another_kind_behind_it_is_not_the_same() -> None:
    sent = TEXT.replace('serviceTask id="Task_GetOrder"', 'sendTask id="Task_GetOrder"')
    start = sent.index("sendTask")
    sent = sent[:start] + sent[start:].replace("</bpmn:serviceTask>", "</bpmn:sendTask>", 1)
    assert "Task_GetOrder" not in mapping(OLD, steps_of(sent.encode()), {})


@pytest.mark.parametrize(
    ("renamed", "sentence"),
    [
        ({"Task_Lost": "Task_GetOrder"}, "The old version has no element Task_Lost."),
        ({"Task_GetOrder": "Task_Lost"}, "The new version has no element Task_Lost."),
        (
            {"Task_GetOrder": "Task_CorrectAddress"},
            "Task_GetOrder and Task_CorrectAddress are of different",
        ),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_in_a_sentence(renamed: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        mapping(OLD, OLD, renamed)
