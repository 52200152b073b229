"""The start page: what is open, at risk, failing; and the messages that the engine does not have."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse

from api.deps import StoreOf
from api.schemas.common import MAX_KEY
from api.ui import ROWS, PageOf, address
from workers.casefile.models import InboxRow
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
    state: Annotated[Literal["waiting", "refused"], Query()] = "waiting",
    after: Annotated[int, Query(ge=0, le=MAX_KEY)] = 0,
) -> HTMLResponse:
    """Refused: somebody must look. Waiting: the relay goes on trying."""
    is_refused = InboxRow.refused_at.is_not(None) if state == "refused" else InboxRow.refused_at.is_(None)
    wanted = select(InboxRow).where(InboxRow.published_at.is_(None), is_refused, InboxRow.id > after)

    async def find(session: AsyncSession) -> list[InboxRow]:
        return list(await session.scalars(wanted.order_by(InboxRow.id).limit(ROWS + 1)))

    found = await store.run(find)
    more = address("/ui/inbox", state=state, after=found[ROWS - 1].id) if len(found) > ROWS else None
    first = address("/ui/inbox", state=state) if after else None
    return page.show("inbox.html", asked={"state": state}, messages=found[:ROWS], next=more, first=first)
