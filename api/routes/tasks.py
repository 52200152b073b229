"""The task inbox for agents' programs: find, claim, complete. The engine decides, our tables show."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import body, forms
from api.deps import Caller, EngineOf, Store, StoreOf, engine_in_time
from api.errors import Problem
from api.openapi import body_of
from api.schemas.common import BODY_PROBLEMS, MAX_KEY, KeyInPath, TimelineInfo, problems
from api.schemas.tasks import Claim, Completion, RequestInfo, TaskChanged, TaskDetail, TaskInfo, Tasks, task_info
from workers.casefile.cases import timeline_of
from workers.casefile.models import Case, CustomerRequest, Task
from workers.casefile.requests import state_of
from workers.runtime.errors import EngineConflict, EngineNotFound

router = APIRouter(tags=["Tasks"])

TaskKey = Annotated[int, KeyInPath]
_CHANGE = problems("unauthorized", "not-found", "conflict", *BODY_PROBLEMS)


@router.get("/tasks", summary="Tasks, oldest first", responses=problems("unauthorized", "invalid"))
async def list_tasks(
    _caller: Caller,
    store: StoreOf,
    state: Annotated[Literal["open", "completed", "canceled"], Query()] = "open",
    group: Annotated[str | None, Query(max_length=200, description="A candidate group")] = None,
    case: Annotated[str | None, Query(max_length=200, description="The shop's order id")] = None,
    assignee: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> Tasks:
    """Filters narrow the list together."""
    wanted = _tasks().where(Task.state == state, Task.key > after).order_by(Task.key).limit(limit + 1)
    if group is not None:
        wanted = wanted.where(Task.candidate_groups.contains([group]))
    if case is not None:
        wanted = wanted.where(Case.id == case)
    if assignee is not None:
        wanted = wanted.where(Task.assignee == assignee)

    async def find(session: AsyncSession) -> list[TaskInfo]:
        return [task_info(task, case_id) for task, case_id in await session.execute(wanted)]

    found = await store.run(find)
    more = len(found) > limit
    return Tasks(tasks=found[:limit], next=found[limit - 1].key if more else None)


@router.get(
    "/tasks/{key}", summary="A task with its form", responses=problems("unauthorized", "not-found", "invalid")
)
async def show_task(key: TaskKey, _caller: Caller, store: StoreOf) -> TaskDetail:
    """The form's schema, what was asked of the customer, to prefill it, and what happened in the case."""

    async def find(session: AsyncSession) -> TaskDetail:
        task = await _find(session, key)
        return TaskDetail(
            **task.model_dump(),
            form=forms.form_of(task.process, task.element_id),
            request=await _last_request(session, task.case_id),
            timeline=[TimelineInfo.model_validate(entry) for entry in await timeline_of(session, task.case_id)],
        )

    return await store.run(find)


@router.post("/tasks/{key}/claim", summary="Take a task", responses=_CHANGE, openapi_extra=body_of([Claim]))
async def claim_task(
    request: Request, key: TaskKey, _caller: Caller, store: StoreOf, engine: EngineOf
) -> TaskChanged:
    """409 when somebody else has it. Claiming one's own task again is fine."""
    _, value = await body.read_json(request)
    assignee = body.fit(Claim, value).assignee
    await _open(store, key)
    try:
        await engine_in_time(engine.assign_user_task(key, assignee))
    except EngineNotFound:
        raise _finished() from None
    except EngineConflict:
        if (await _open(store, key)).assignee != assignee:
            raise Problem("conflict", "Somebody else has this task.") from None
    return TaskChanged(key=str(key), status="claimed")


@router.post("/tasks/{key}/unclaim", summary="Put a task back", responses=_CHANGE)
async def unclaim_task(key: TaskKey, _caller: Caller, store: StoreOf, engine: EngineOf) -> TaskChanged:
    """Putting back a task that nobody has is fine."""
    await _open(store, key)
    try:
        await engine_in_time(engine.unassign_user_task(key))
    except EngineNotFound:
        raise _finished() from None
    return TaskChanged(key=str(key), status="unclaimed")


@router.post(
    "/tasks/{key}/complete", summary="Complete a task", responses=_CHANGE, openapi_extra=body_of([Completion])
)
async def complete_task(
    request: Request, key: TaskKey, _caller: Caller, store: StoreOf, engine: EngineOf
) -> TaskChanged:
    """The answers are held against the form: only fields it has, required ones present, types, lengths. An
    optional field that is left out stays as it was prefilled. 409 when the task is finished."""
    _, value = await body.read_json(request)
    variables = body.fit(Completion, value).variables
    task = await _open(store, key)
    answers = forms.check(forms.form_of(task.process, task.element_id), variables)
    try:
        await engine_in_time(engine.complete_user_task(key, answers))
    except EngineNotFound:
        raise _finished() from None
    except EngineConflict:
        sentence = "This task was completed meanwhile, by this request or another one: look at the task."
        raise Problem("conflict", sentence) from None
    return TaskChanged(key=str(key), status="completed")


def _tasks() -> Select[Task, str]:
    return select(Task, Case.id).outerjoin(Case, Case.process_instance_key == Task.process_instance_key)


async def _last_request(session: AsyncSession, case_id: str | None) -> RequestInfo | None:
    of_case = select(CustomerRequest, func.now()).where(CustomerRequest.case_id == case_id)
    row = (await session.execute(of_case.order_by(CustomerRequest.created_at.desc()).limit(1))).one_or_none()
    if row is None:
        return None
    request, now = row
    return RequestInfo(id=request.id, kind=request.kind, state=state_of(request, now), facts=request.facts)


async def _find(session: AsyncSession, key: int) -> TaskInfo:
    row = (await session.execute(_tasks().where(Task.key == key))).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no task of this key.")
    return task_info(*row)


async def _open(store: Store, key: int) -> TaskInfo:
    """The task, or a problem when there is none or it is finished as far as we have heard."""
    task = await store.run(lambda session: _find(session, key))
    if task.state != "open":
        raise _finished()
    return task


def _finished() -> Problem:
    return Problem("conflict", "This task is finished.")
