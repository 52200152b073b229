"""Cases for programs and curious people."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import StoreOf
from api.errors import Problem
from api.routes.refunds import refunds_of
from api.schemas.cases import CaseDetail, CaseInfo, CasePage, EffectInfo, InstanceInfo
from api.schemas.common import TimelineInfo, problems
from api.schemas.incidents import incident_info
from api.schemas.tasks import task_info
from workers.casefile.cases import timeline_of
from workers.casefile.models import Case, Effect, Incident, Task
from workers.casefile.record_models import Instance

router = APIRouter(tags=["Cases"])


@router.get("/cases", summary="Cases by id", responses=problems("unauthorized", "forbidden", "invalid"))
async def list_cases(
    store: StoreOf,
    state: Annotated[Literal["open", "incident", "done", "terminated"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before")] = "",
) -> CasePage:
    """Each order that reached us is one case."""
    wanted = select(Case).where(Case.id > after).order_by(Case.id).limit(limit + 1)
    if state is not None:
        wanted = wanted.where(Case.state == state)

    async def find(session: AsyncSession) -> list[CaseInfo]:
        return [CaseInfo.model_validate(case) for case in await session.scalars(wanted)]

    found = await store.run(find)
    more = len(found) > limit
    return CasePage(cases=found[:limit], next=found[limit - 1].id if more else None)


@router.get(
    "/cases/{case_id}",
    summary="A case with its history",
    responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
)
async def show_case(
    case_id: Annotated[str, Path(max_length=200, description="The shop's order id.")],
    store: StoreOf,
) -> CaseDetail:
    """What happened, what waits for somebody, what is stuck, and what was done in the outside world."""

    async def find(session: AsyncSession) -> CaseDetail:
        case = await session.get(Case, case_id)
        if case is None:
            raise Problem("not-found", "There is no case of this id.")
        return await _describe(session, case)

    return await store.run(find)


async def _describe(session: AsyncSession, case: Case) -> CaseDetail:
    instances = select(Instance).where(Instance.case_id == case.id)
    keys = instances.with_only_columns(Instance.key)
    tasks = select(Task).where(Task.process_instance_key.in_(keys), Task.state == "open")
    incidents = select(Incident).where(Incident.process_instance_key.in_(keys))
    effects = select(Effect).where(Effect.case_id == case.id)
    return CaseDetail(
        **CaseInfo.model_validate(case).model_dump(),
        instances=[
            InstanceInfo.model_validate(instance)
            for instance in await session.scalars(instances.order_by(Instance.started_at, Instance.key))
        ],
        timeline=[TimelineInfo.model_validate(entry) for entry in await timeline_of(session, case.id)],
        tasks=[task_info(task, case.id) for task in await session.scalars(tasks.order_by(Task.key))],
        incidents=[
            incident_info(incident, case.id)
            for incident in await session.scalars(incidents.order_by(Incident.key))
        ],
        refunds=await refunds_of(session, case.id),
        effects=[
            EffectInfo.model_validate(effect)
            for effect in await session.scalars(effects.order_by(Effect.intended_at, Effect.key))
        ],
    )
