"""The start page: what is open, at risk, failing; and messages that the engine, or any process, does not have."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from api.deps import StoreOf
from api.schemas.common import MAX_KEY
from api.ui import ROWS, PageOf, address
from workers.casefile.lists import InboxView, messages_in
from workers.casefile.overview import overview

router = APIRouter(include_in_schema=False)


@router.get("/ui")
async def start(page: PageOf, store: StoreOf) -> HTMLResponse:
    """Each figure leads to the list of what it counts."""
    groups = sorted(page.actor.groups)
    at = await store.run(lambda session: overview(session, page.actor.name, groups))
    return page.show("start.html", at=at, days=at.days)


@router.get("/ui/inbox")
async def inbox(
    page: PageOf,
    store: StoreOf,
    state: Annotated[InboxView, Query()] = InboxView.WAITING,
    after: Annotated[int, Query(ge=0, le=MAX_KEY)] = 0,
) -> HTMLResponse:
    """Refused, or unmatched: somebody must look. Waiting: the relay goes on trying."""
    found = await store.run(lambda session: messages_in(session, state, after, ROWS + 1))
    more = address("/ui/inbox", state=state.value, after=found[ROWS - 1].id) if len(found) > ROWS else None
    first = address("/ui/inbox", state=state.value) if after else None
    return page.show("inbox.html", asked={"state": state.value}, messages=found[:ROWS], next=more, first=first)
