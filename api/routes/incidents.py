"""Incidents for operators' programs: what stands still and why, and going on once the cause is mended."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import Acting, EngineOf, StoreOf, engine_in_time
from api.errors import Problem
from api.people import Actor
from api.schemas.common import MAX_KEY, KeyInPath, problems
from api.schemas.incidents import IncidentInfo, IncidentRetried, Incidents, incident_info
from workers.casefile import acts
from workers.casefile.acts import Act
from workers.casefile.models import Incident
from workers.casefile.record_models import Instance
from workers.runtime.apiclient import title

router = APIRouter(tags=["Incidents"])


@router.get("/incidents", summary="Incidents by key", responses=problems("unauthorized", "forbidden", "invalid"))
async def list_incidents(
    store: StoreOf,
    state: Annotated[Literal["open", "resolved", "all"], Query()] = "open",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> Incidents:
    """The places where cases stand still until somebody mends the cause, and those where they did."""
    wanted = _incidents().where(Incident.key > after).order_by(Incident.key).limit(limit + 1)
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
async def retry_incident(
    key: Annotated[int, KeyInPath], actor: Acting, store: StoreOf, engine: EngineOf
) -> IncidentRetried:
    """Mend the cause first. A job gets new retries; what it did before is in the journal and is not done twice.
    409 when the incident is resolved already. When the attempt fails, there is a new incident."""
    found = await store.run(lambda session: _find(session, key))
    if found is None:
        raise Problem("not-found", "There is no incident of this key.")
    incident, case_id = found
    if incident.resolved_at is not None:
        raise Problem("conflict", "This incident is resolved already.")
    if case_id is not None:
        act = _retry(incident, case_id, actor)
        await store.run(lambda session: acts.note(session, act))
    await engine_in_time(engine.resolve_incident(key, incident.job_key))
    return IncidentRetried(key=str(key))


async def _find(session: AsyncSession, key: int) -> tuple[Incident, str | None] | None:
    row = (await session.execute(_incidents().where(Incident.key == key))).one_or_none()
    return (row[0], row[1]) if row else None


def _incidents() -> Select[Incident, str]:
    """Incidents, and the case that each is in."""
    of_instance = Instance.key == Incident.process_instance_key
    return select(Incident, Instance.case_id).outerjoin(Instance, of_instance)


def _retry(incident: Incident, case_id: str, actor: Actor) -> Act:
    return Act(
        case_id=case_id,
        kind="incident_retry",
        sentence=f"{actor.display_name} lets “{title(incident.element_id)}” be tried again",
        actor=actor.signature,
        element_id=incident.element_id,
        process_instance_key=incident.process_instance_key,
        facts={"incident": str(incident.key)},
    )
