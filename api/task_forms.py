"""The forms of tasks as pages draw them: what is asked, what is known, and whether it can be answered here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import forms
from api.forms import Form
from api.people import Actor
from api.rights import Right
from workers.casefile.cases import timeline_of
from workers.casefile.models import CustomerRequest, Task, TimelineEntry

DRAWN = 5
"""Forms that one page draws at most; the other tasks' are a click away."""

_EMPTY: Form = {"type": "default", "components": []}
_VARIABLE = re.compile(r"=\s*(\w+)")
_FRAME, _LINE, _HEADING, _GAP, _FIELD, _CHOICE = 124, 24, 28, 16, 40, 28
"""Heights in pixels, as form-js draws with our styles."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A task's form, filled in as far as it is known."""

    schema: Form
    data: Mapping[str, Any]
    writable: bool
    """Whether who looks at it has the task."""

    @property
    def drawing(self) -> dict[str, Any]:
        """For the script that draws it."""
        return {"schema": self.schema, "data": self.data, "writable": self.writable}

    def height(self, letters: int) -> int:
        """About as high as it will be, in pixels, where so many letters fit on a line: the page keeps that room
        free until the form is drawn."""
        rows: dict[Any, int] = {}
        for number, part in enumerate(self.schema.get("components", ())):
            row = part.get("layout", {}).get("row", number)
            if _shown(part, self.data):
                rows[row] = max(rows.get(row, 0), _height(part, letters))
        return _FRAME + sum(rows.values())


def _shown(part: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """What hangs on something that is not known yet is hidden at first, unless certain answers only hide it."""
    hide = part.get("conditional", {}).get("hide", "")
    condition = _VARIABLE.match(hide)
    by_answers = ' = "' in hide and "!=" not in hide and "null" not in hide
    return condition is None or by_answers or condition.group(1) in data


def _height(part: Mapping[str, Any], letters: int) -> int:
    if part["type"] == "text":
        lines: list[str] = part.get("text", "").splitlines()
        headings = sum(line.startswith("#") for line in lines)
        return _GAP + headings * _HEADING + _LINE * sum(len(line) // letters + 1 for line in lines)
    columns: int = part.get("layout", {}).get("columns") or 16
    described = _lines(part.get("description", ""), letters * columns // 16)
    answer = _FIELD
    if part["type"] == "textarea":
        answer = 2 * _FIELD
    elif part["type"] == "checkbox":  # beside its label
        answer = _GAP
    elif part["type"] in {"radio", "checklist"}:
        answer = _CHOICE * len(part.get("values", ()))
    return _GAP + _LINE * (1 + described) + answer


def _lines(text: str, letters: int) -> int:
    return -(-len(text) // letters)


async def sheets(
    session: AsyncSession, tasks: Sequence[Task], case_id: str | None, actor: Actor
) -> Mapping[int, Sheet]:
    """The forms of those that are open, by the tasks' keys."""
    waiting = [task for task in tasks if task.state == "open"][:DRAWN]
    if not waiting:
        return {}
    asked, timeline = await _asked(session, case_id), await timeline_of(session, case_id)
    works = Right.WORK.held_by(actor)
    found = {}
    for task in waiting:
        form = await forms.form_of(session, task.key)
        data = forms.prefilled(form, asked, _told(timeline, task))
        found[task.key] = Sheet(form or _EMPTY, data, writable=works and task.assignee == actor.name)
    return found


async def _asked(session: AsyncSession, case_id: str | None) -> dict[str, Any]:
    """The facts of the question last put to the customer."""
    of_case = select(CustomerRequest.facts).where(CustomerRequest.case_id == case_id)
    return await session.scalar(of_case.order_by(CustomerRequest.created_at.desc()).limit(1)) or {}


def _told(timeline: Sequence[TimelineEntry], task: Task) -> list[dict[str, Any]]:
    """What was told by the task's own instance, or by none: a case may have several refunds at once."""
    ours = {None, task.process_instance_key}
    return [entry.facts for entry in timeline if entry.process_instance_key in ours]
