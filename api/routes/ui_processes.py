"""Processes for people: their diagrams, with how many cases are where and which stand still."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, Response

from api import diagrams
from api.deps import RegistryOf, StoreOf
from api.errors import Problem
from api.schemas.common import MAX_KEY
from api.ui import PageOf, address
from workers.casefile import lists, versions, way
from workers.casefile.lists import CasesWanted

router = APIRouter(include_in_schema=False)

Version = Annotated[int | None, Query(ge=1, le=MAX_KEY)]
ProcessId = Annotated[str, Path(max_length=200)]


@dataclass(frozen=True, slots=True)
class Line:
    """A process in the list."""

    id: str
    name: str
    open: int
    stuck: int
    """Cases, as the lists that the numbers lead to show them."""


@router.get("/ui/processes")
async def list_processes(page: PageOf, store: StoreOf, registry: RegistryOf) -> HTMLResponse:
    """All of them, with how many cases are under way and how many stand still."""
    ids = [process.id for process in registry.all]
    states = ("open", "incident")
    numbers = [lists.number_of_cases(CasesWanted(state=state, process=each)) for each in ids for state in states]

    async def find(session: AsyncSession) -> list[Line]:
        counted = (await session.execute(select(*numbers))).one()
        return [
            Line(each, diagrams.title(each), *counted[2 * place : 2 * place + 2]) for place, each in enumerate(ids)
        ]

    return page.show("processes.html", processes=await store.run(find))


@router.get("/ui/processes/{process_id}")
async def show_process(
    process_id: ProcessId, page: PageOf, store: StoreOf, registry: RegistryOf, version: Version = None
) -> HTMLResponse:
    """The diagram with what is where; of the newest version unless another one is asked for."""
    process = registry.process(process_id).id

    async def find(session: AsyncSession) -> tuple[dict[str, int], dict[str, int], Sequence[Any]]:
        return (
            await way.places(session, process),
            await way.stuck(session, process),
            await versions.versions(session, process),
        )

    present, stuck, deployed = await store.run(find)
    shown = version or (deployed[0].version if deployed else None)
    return page.show(
        "process.html",
        title=diagrams.title(process),
        diagram_url=address(f"/ui/processes/{process}/diagram", version=shown),
        diagram_state={"taken": [], "present": present, "stuck": stuck, "tallied": True},
        places=_places(process, present, stuck),
        bounded=way.LOOKED_AT,
        versions=deployed,
        shown=shown,
    )


def _places(process: str, present: dict[str, int], stuck: dict[str, int]) -> list[dict[str, Any]]:
    """The fullest first."""
    elements = sorted(present.keys() | stuck.keys(), key=lambda each: (-present.get(each, 0), each))
    return [
        {"name": diagrams.name_of(process, each), "present": present.get(each, 0), "stuck": stuck.get(each, 0)}
        for each in elements
    ]


@router.get("/ui/processes/{process_id}/diagram")
async def diagram(
    process_id: ProcessId, registry: RegistryOf, store: StoreOf, version: Version = None
) -> Response:
    """The diagram itself, for the browser to draw; without a version, the one that lies beside the code."""
    process = registry.process(process_id).id
    text: str | bytes | None = diagrams.model(process)
    if version is not None:
        text = await store.run(lambda session: versions.diagram_of(session, process, version))
    if text is None:
        raise Problem("not-found", "There is no such version of this process.")
    kept = "private, max-age=86400, immutable" if version is not None else "no-cache"
    headers = {"Content-Disposition": f'attachment; filename="{process}.bpmn"', "Cache-Control": kept}
    return Response(text, media_type="application/xml", headers=headers)
