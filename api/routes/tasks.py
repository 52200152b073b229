"""The task inbox for agents' programs: find, claim, complete. The engine decides, our tables show."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import body, forms
from api.deps import Acting, StoreOf
from api.desk import DeskOf, find_task, tasks_with_cases
from api.errors import Problem
from api.openapi import body_of
from api.people import Actor
from api.schemas.common import BODY_PROBLEMS, MAX_KEY, KeyInPath, TimelineInfo, problems
from api.schemas.tasks import Claim, Completion, RequestInfo, TaskChanged, TaskDetail, TaskInfo, Tasks, task_info
from workers.casefile.cases import timeline_of
from workers.casefile.models import CustomerRequest, Task
from workers.casefile.record_models import Instance
from workers.casefile.requests import state_of

router = APIRouter(tags=["Tasks"])

TaskKey = Annotated[int, KeyInPath]
_CHANGE = problems("unauthorized", "forbidden", "not-found", "conflict", *BODY_PROBLEMS)


@router.get("/tasks", summary="Tasks, oldest first", responses=problems("unauthorized", "forbidden", "invalid"))
async def list_tasks(
    store: StoreOf,
    state: Annotated[Literal["open", "completed", "canceled"], Query()] = "open",
    group: Annotated[str | None, Query(max_length=200, description="A candidate group")] = None,
    case: Annotated[str | None, Query(max_length=200, description="The shop's order id")] = None,
    assignee: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> Tasks:
    """Filters narrow the list together."""
    wanted = tasks_with_cases().where(Task.state == state, Task.key > after).order_by(Task.key).limit(limit + 1)
    if group is not None:
        wanted = wanted.where(Task.candidate_groups.contains([group]))
    if case is not None:
        wanted = wanted.where(Instance.case_id == case)
    if assignee is not None:
        wanted = wanted.where(Task.assignee == assignee)

    async def find(session: AsyncSession) -> list[TaskInfo]:
        return [task_info(task, case_id) for task, case_id in await session.execute(wanted)]

    found = await store.run(find)
    more = len(found) > limit
    return Tasks(tasks=found[:limit], next=found[limit - 1].key if more else None)


@router.get(
    "/tasks/{key}",
    summary="A task with its form",
    responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
)
async def show_task(key: TaskKey, store: StoreOf) -> TaskDetail:
    """The form's schema, what was asked of the customer, to prefill it, and what happened in the case."""

    async def find(session: AsyncSession) -> TaskDetail:
        task = await find_task(session, key)
        return TaskDetail(
            **task.model_dump(),
            form=await forms.form_of(session, key),
            request=await _last_request(session, task.case_id),
            timeline=[TimelineInfo.model_validate(entry) for entry in await timeline_of(session, task.case_id)],
        )

    return await store.run(find)


@router.post("/tasks/{key}/claim", summary="Take a task", responses=_CHANGE, openapi_extra=body_of([Claim]))
async def claim_task(request: Request, key: TaskKey, actor: Acting, desk: DeskOf) -> TaskChanged:
    """409 when somebody else has it. Claiming one's own task again is fine. People claim for themselves."""
    _, value = await body.read_json(request)
    await desk.claim(key, _assignee(actor, body.fit(Claim, value)))
    return TaskChanged(key=str(key), status="claimed")


@router.post("/tasks/{key}/unclaim", summary="Put a task back", responses=_CHANGE)
async def unclaim_task(key: TaskKey, desk: DeskOf) -> TaskChanged:
    """Putting back a task that nobody has is fine. Only a lead or a program puts back what somebody else has."""
    await desk.unclaim(key)
    return TaskChanged(key=str(key), status="unclaimed")


@router.post(
    "/tasks/{key}/complete", summary="Complete a task", responses=_CHANGE, openapi_extra=body_of([Completion])
)
async def complete_task(request: Request, key: TaskKey, desk: DeskOf) -> TaskChanged:
    """The answers are held against the form: only fields it has, required ones present, types, lengths. An
    optional field that is left out stays as it was prefilled. 409 when the task is finished or somebody else's."""
    _, value = await body.read_json(request)
    await desk.complete(key, body.fit(Completion, value).variables)
    return TaskChanged(key=str(key), status="completed")


def _assignee(actor: Actor, claim: Claim) -> str:
    if actor.kind == "program":
        if claim.assignee is None:
            errors = [{"pointer": "#/assignee", "message": "Field required"}]
            raise Problem("invalid", "A program says for whom it claims.", errors=errors)
        return claim.assignee
    if claim.assignee not in {None, actor.name}:
        raise Problem("forbidden", "People claim for themselves.")
    return actor.name


async def _last_request(session: AsyncSession, case_id: str | None) -> RequestInfo | None:
    of_case = select(CustomerRequest, func.now()).where(CustomerRequest.case_id == case_id)
    row = (await session.execute(of_case.order_by(CustomerRequest.created_at.desc()).limit(1))).one_or_none()
    if row is None:
        return None
    request, now = row
    return RequestInfo(id=request.id, kind=request.kind, state=state_of(request, now), facts=request.facts)
