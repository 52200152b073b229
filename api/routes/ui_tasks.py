"""Tasks for people: what waits for whom, and the form of one."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse

from api import body
from api.deps import FormOf, SettingsOf, StoreOf
from api.desk import DeskOf
from api.diagrams import name_of, user_tasks
from api.errors import Problem
from api.schemas.common import MAX_KEY, KeyInPath
from api.schemas.tasks import Completion, TaskChanged
from api.store import Store
from api.story import people_in, story
from api.task_forms import Sheet, sheets
from api.ui import ROWS, PageOf, address, back_to
from workers.casefile import lists
from workers.casefile.cases import timeline_of
from workers.casefile.lists import Place, TasksWanted, Whose
from workers.casefile.models import Case, Task, TimelineEntry
from workers.casefile.overview import SOON
from workers.casefile.people import Names, names_of
from workers.casefile.record_models import Instance

router = APIRouter(include_in_schema=False)

TaskKey = Annotated[int, KeyInPath]

SHOWN_WITHIN = 1.5
"""Seconds in which the engine's record of what somebody did usually arrives; the next page shows it then."""
LOOK_EVERY = 0.05


@router.get("/ui/tasks")
async def list_tasks(
    page: PageOf,
    store: StoreOf,
    whose: Annotated[Whose, Query()] = Whose.MINE,
    element: Annotated[str, Query(max_length=200)] = "",
    due: Annotated[Literal["", "overdue", "soon"], Query()] = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Mine, those of my groups that nobody has, or all; those first that are due first."""
    now = datetime.now(UTC)
    limits = {"": None, "overdue": now, "soon": now + SOON}
    name, groups = page.actor.name, sorted(page.actor.groups)
    wanted = TasksWanted(whose, name, groups, element=element or None, due_before=limits[due])
    place = _place(after) if after else None

    async def find(session: AsyncSession) -> tuple[Any, dict[str, Any]]:
        found = await lists.tasks(session, wanted, place, ROWS + 1)
        return found, {
            "called": await names_of(session, [row.Task.assignee for row in found]),
            "total": await lists.count_tasks(session, wanted),
            "subjects": await lists.subjects(session, [row.case_id for row in found if row.case_id]),
        }

    found, shown = await store.run(find)
    asked = {"whose": whose.value, "element": element, "due": due}
    more = address("/ui/tasks", **asked, after=_behind(found[ROWS - 1].Task)) if len(found) > ROWS else None
    first = address("/ui/tasks", **asked) if place else None
    return page.show(
        "tasks.html",
        asked=asked,
        tasks=found[:ROWS],
        next=more,
        first=first,
        now=now,
        elements=user_tasks(),
        **shown,
    )


def _behind(task: Task) -> str:
    return f"{task.due_at.astimezone(UTC).isoformat() if task.due_at else ''}~{task.key}"


def _place(text: str) -> Place:
    moment, _, key = text.partition("~")
    try:
        due = datetime.fromisoformat(moment) if moment else None
        return Place(due, str(min(int(key), MAX_KEY)))
    except ValueError:
        raise Problem("invalid", "This is no page of the list; begin with the first one.") from None


@router.get("/ui/tasks/{key}")
async def show_task(key: TaskKey, page: PageOf, store: StoreOf, settings: SettingsOf) -> HTMLResponse:
    """The form, filled in as far as it is known, and what happened in the case."""

    async def find(
        session: AsyncSession,
    ) -> tuple[Task, Case | None, Mapping[int, Sheet], list[TimelineEntry], Names]:
        task = await session.get(Task, key)
        if task is None:
            raise Problem("not-found", "There is no task of this key.")
        of_instance = select(Case).join(Instance, Instance.case_id == Case.id)
        case = await session.scalar(of_instance.where(Instance.key == task.process_instance_key))
        case_id = case.id if case else None
        drawn = await sheets(session, [task], case_id, page.actor)
        timeline = await timeline_of(session, case_id)
        return task, case, drawn, timeline, await names_of(session, [task.assignee, *people_in(timeline)])

    task, case, drawn, timeline, names = await store.run(find)
    return page.show(
        "task.html",
        title=name_of(task.process, task.element_id),
        task=task,
        case=case,
        mine=task.assignee == page.actor.name,
        sheets=drawn,
        timeline=story(timeline, names),
        called=names,
        now=datetime.now(UTC),
        in_tasklist=settings.tasklist_address,
    )


@router.post("/ui/tasks/{key}/claim")
async def claim_task(key: TaskKey, page: PageOf, desk: DeskOf, store: StoreOf, sent: FormOf) -> RedirectResponse:
    """Take it; back to where the button was."""
    answer = back_to(sent.get("back", f"/ui/tasks/{key}"))
    await desk.claim(key, page.actor.name)
    await _shown(store, key, lambda task: task.assignee == page.actor.name)
    return answer


@router.post("/ui/tasks/{key}/unclaim")
async def unclaim_task(key: TaskKey, desk: DeskOf, store: StoreOf, sent: FormOf) -> RedirectResponse:
    """Put it back; back to where the button was."""
    answer = back_to(sent.get("back", f"/ui/tasks/{key}"))
    await desk.unclaim(key)
    await _shown(store, key, lambda task: task.assignee is None)
    return answer


@router.post("/ui/tasks/{key}/complete")
async def complete_task(request: Request, key: TaskKey, desk: DeskOf, store: StoreOf) -> TaskChanged:
    """The form's script sends its answers as JSON, and shows what will not do beside each field."""
    _, value = await body.read_json(request)
    await desk.complete(key, body.fit(Completion, value).variables)
    await _shown(store, key, lambda task: task.state != "open")
    return TaskChanged(key=str(key), status="completed")


async def _shown(store: Store, key: int, done: Callable[[Task], bool]) -> None:
    """Wait a moment for the engine's record, so that the next page does not show what was before."""
    until = asyncio.get_running_loop().time() + SHOWN_WITHIN
    while asyncio.get_running_loop().time() < until:
        task = await store.run(lambda session: session.get(Task, key))
        if task is None or done(task):
            return
        await asyncio.sleep(LOOK_EVERY)
