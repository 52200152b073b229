"""Server-sent events: pages learn that what they show has changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.deps import SettingsOf, StoreOf
from api.errors import Problem
from api.identity import EVENTS, recognise
from api.live import Changes
from api.store import Store
from workers.runtime.settings import Settings

router = APIRouter(include_in_schema=False)

OF_A_CASE = 0.2
OF_ANY = 2.0
"""Seconds between two events at least: lists change all the time, and nobody reads so fast."""
SEND_SECONDS = 10.0
"""A reader that takes nothing for so long is sent away."""


class Known:
    """Whoever asked for a stream, for as long as they are logged in."""

    def __init__(self, request: Request, settings: Settings, store: Store) -> None:
        self._request, self._settings, self._store = request, settings, store

    async def still(self) -> bool:
        """Whether they are; an unanswered question ends the stream, and the page asks for another one."""
        try:
            return await recognise(self._request, self._settings, self._store) is not None
        except Problem:
            return False


@router.get(EVENTS)
async def events(
    request: Request,
    settings: SettingsOf,
    store: StoreOf,
    case: Annotated[str | None, Query(max_length=200)] = None,
) -> EventSourceResponse:
    """`change` at first, whenever the case (without one: any case) changed, and now and then in case that it was
    not told. 503 when nothing can be told."""
    changes: Changes = request.app.state.changes
    await changes.require()
    told = _told(Known(request, settings, store), changes, case)
    return EventSourceResponse(told, ping=changes.look_every, send_timeout=SEND_SECONDS)


async def _told(known: Known, changes: Changes, case: str | None) -> AsyncIterator[ServerSentEvent]:
    """The first one is for what happened between page and stream."""
    clock = asyncio.get_running_loop().time
    with changes.watch(case) as watcher:
        yield ServerSentEvent(event="change", data="")
        looked = told = clock()
        while not watcher.over:
            changed = await watcher.changed(min(changes.look_every, changes.catch_up))
            if clock() - looked >= changes.look_every:
                if not await known.still():
                    return
                looked = clock()
            if changed or clock() - told >= changes.catch_up:
                yield ServerSentEvent(event="change", data="")
                told = clock()
                await asyncio.sleep(OF_A_CASE if case else OF_ANY)
