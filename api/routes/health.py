"""Whether this process lives, and whether it can work."""

import asyncio

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.errors import unavailable
from api.schemas.common import Answer, problems
from workers.runtime.bootstrap import Assembled
from workers.runtime.collectors import RelayLink
from workers.runtime.health import State, states
from workers.runtime.metrics import CONTENT_TYPE, page

router = APIRouter(tags=["Health"])


class Health(Answer):
    """All is well."""

    status: str = Field("ok", examples=["ok"])


class Readiness(Health):
    """All is well, one by one."""

    dependencies: dict[str, State] = Field(examples=[{"database": "ok", "engine": "ok"}])


@router.get("/livez", summary="Does it live?")
async def livez() -> Health:
    """200 as long as the process answers at all."""
    return Health()


@router.get("/readyz", summary="Can it work?", responses=problems())
async def readyz(request: Request) -> Readiness:
    """200 when database and engine answer (in the bridge: and the relay runs); else 503, `dependencies` naming
    what is missing. Webhooks are taken without the engine, too: they wait in the inbox."""
    assembled: Assembled = request.app.state.assembled
    dependencies = await states(assembled.checks)
    relay: asyncio.Task[None] | None = request.app.state.relay
    if relay is not None:
        dependencies["relay"] = State.AWAY if relay.done() else State.OK
    missing = [name for name, state in dependencies.items() if state is not State.OK]
    if missing:
        raise unavailable(f"Not ready: {', '.join(missing)}.", dependencies=dependencies)
    return Readiness(dependencies=dependencies)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """For Prometheus, with a token as its credentials: it tells how the business goes."""
    assembled: Assembled = request.app.state.assembled
    await assembled.books.look()
    relay = [RelayLink(assembled.relay.link)] if request.app.state.relay is not None else []
    return Response(page(assembled.books, *relay), media_type=CONTENT_TYPE)
