"""How support stands to what was promised, for people."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api.deps import StoreOf
from api.ui import PageOf
from workers.casefile import sla_board
from workers.casefile.sla_figures import Stand

router = APIRouter(include_in_schema=False)

STALE = timedelta(minutes=2)
"""Figures older than this are said to be."""


@router.get("/ui/sla")
async def show_sla(page: PageOf, store: StoreOf) -> HTMLResponse:
    """The same figures as programs get, drawn and in tables."""
    figures = await store.run(sla_board.shown)
    totals = {stand: sum(each.stands.get(stand, 0) for each in figures.clocks) for stand in Stand}
    stale = datetime.now(UTC) - figures.at > STALE
    return page.show("sla.html", sla=figures, stands=list(Stand), totals=totals, stale=stale)
