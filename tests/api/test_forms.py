"""Fields that a form hides: not asked for, and held against their rules all the same when they are there."""

from typing import Any

import pytest

from api.errors import Problem
from api.forms import check

HIDDEN = '=decision = "escalate" or decision = "no_answer"'
FORM: dict[str, Any] = {
    "components": [
        {"key": "decision", "type": "textfield"},
        {"key": "amount", "type": "number", "validate": {"required": True, "min": 0.01},
         "conditional": {"hide": '=decision != "refund"'}},
        {"key": "reply", "type": "textarea", "validate": {"required": True}, "conditional": {"hide": HIDDEN}},
        {"key": "why", "type": "textfield", "validate": {"required": True},
         "conditional": {"hide": "=count(reply) > 3"}},
    ]
}  # fmt: skip


def refused(**answers: Any) -> set[str]:
    """Fields that will not do."""
    try:
        check(FORM, answers)
    except Problem as problem:
        return {error["pointer"].rpartition("/")[2] for error in problem.errors}
    return set()


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        ({"decision": "send", "reply": "Yes.", "why": "so"}, set()),
        ({"decision": "send", "why": "so"}, {"reply"}),
        ({"decision": "send", "reply": "", "why": "so"}, {"reply"}),
        ({"decision": "escalate", "why": "so"}, set()),
        ({"decision": "no_answer", "why": "so"}, set()),
        ({"decision": "refund", "reply": "Yes.", "why": "so"}, {"amount"}),
        ({"decision": "refund", "reply": "Yes.", "why": "so", "amount": 1.5}, set()),
        ({"decision": "send", "reply": "Yes.", "why": "so", "amount": -1}, {"amount"}),
        ({"decision": "escalate"}, {"why"}),
    ],
)
def test_what_is_asked_for(answers: dict[str, Any], fields: set[str]) -> None:
    assert refused(**answers) == fields
