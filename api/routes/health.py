"""Whether this process lives, and whether it can work."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import Field

from api.errors import unavailable
from api.schemas.common import Answer, problems
from workers.casefile.db import Database
from workers.runtime.bootstrap import Assembled

router = APIRouter(tags=["Health"])

SECONDS = 2.0


class Health(Answer):
    """All is well."""

    status: str = Field("ok", examples=["ok"])


@router.get("/livez", summary="Does it live?")
async def livez() -> Health:
    """200 as long as the process answers at all."""
    return Health()


@router.get("/readyz", summary="Can it work?", responses=problems())
async def readyz(request: Request) -> Health:
    """200 when database and engine answer and the relay runs; else 503 naming what is missing. Webhooks are taken
    without the engine, too: they wait in the inbox."""
    assembled: Assembled = request.app.state.assembled
    checks = {"database": _database(assembled.database), "engine": _engine(assembled)}
    answers = await asyncio.gather(*(_within(check) for check in checks.values()))
    missing = [name for name, well in zip(checks, answers, strict=True) if not well]
    relay: asyncio.Task[None] | None = request.app.state.relay
    if relay is not None and relay.done():
        missing.append("relay")
    if missing:
        raise unavailable(f"Not ready: {', '.join(missing)}.")
    return Health()


async def _within(check: Awaitable[bool]) -> bool:
    """Any failure is a no; a check that hangs is one, too, and left behind."""
    task = asyncio.ensure_future(check)
    await asyncio.wait({task}, timeout=SECONDS)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None and task.result()


async def _database(database: Database) -> bool:
    await database.ping()
    return True


async def _engine(assembled: Assembled) -> bool:
    topology = await assembled.engine.topology(within=timedelta(seconds=SECONDS))
    return topology.ready
