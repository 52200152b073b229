"""Incidents for operators' programs: what stands still and why, and going on once the cause is mended."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import EngineOf, StoreOf, engine_in_time
from api.errors import Problem
from api.schemas.common import MAX_KEY, KeyInPath, problems
from api.schemas.incidents import IncidentInfo, IncidentRetried, Incidents, incident_info
from workers.casefile.models import Case, Incident

router = APIRouter(tags=["Incidents"])


@router.get("/incidents", summary="Incidents by key", responses=problems("unauthorized", "forbidden", "invalid"))
async def list_incidents(
    store: StoreOf,
    state: Annotated[Literal["open", "resolved", "all"], Query()] = "open",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> Incidents:
    """The places where cases stand still until somebody mends the cause, and those where they did."""
    wanted = (
        select(Incident, Case.id)
        .outerjoin(Case, Case.process_instance_key == Incident.process_instance_key)
        .where(Incident.key > after)
        .order_by(Incident.key)
        .limit(limit + 1)
    )
    if state != "all":
        unresolved = Incident.resolved_at.is_(None)
        wanted = wanted.where(unresolved if state == "open" else ~unresolved)

    async def find(session: AsyncSession) -> list[IncidentInfo]:
        return [incident_info(incident, case_id) for incident, case_id in await session.execute(wanted)]

    found = await store.run(find)
    more = len(found) > limit
    return Incidents(incidents=found[:limit], next=found[limit - 1].key if more else None)


@router.post(
    "/incidents/{key}/retry",
    status_code=202,
    summary="Try again where a case stands still",
    responses=problems("unauthorized", "forbidden", "not-found", "conflict", "invalid"),
)
async def retry_incident(key: Annotated[int, KeyInPath], store: StoreOf, engine: EngineOf) -> IncidentRetried:
    """Mend the cause first. A job gets new retries; what it did before is in the journal and is not done twice.
    409 when the incident is resolved already. When the attempt fails, there is a new incident."""
    incident = await store.run(lambda session: session.get(Incident, key))
    if incident is None:
        raise Problem("not-found", "There is no incident of this key.")
    if incident.resolved_at is not None:
        raise Problem("conflict", "This incident is resolved already.")
    await engine_in_time(engine.resolve_incident(key, incident.job_key))
    return IncidentRetried(key=str(key))
