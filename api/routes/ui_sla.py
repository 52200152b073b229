"""How support stands to what was promised, for people."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api.deps import ClocksOf, StoreOf
from api.routes.sla import figures_now
from api.ui import PageOf
from workers.casefile.sla_figures import Stand

router = APIRouter(include_in_schema=False)


@router.get("/ui/sla")
async def show_sla(page: PageOf, store: StoreOf, clocks: ClocksOf) -> HTMLResponse:
    """The same figures as programs get, drawn and in tables."""
    figures = await figures_now(store, clocks)
    totals = {stand: sum(each.stands.get(stand, 0) for each in figures.clocks) for stand in Stand}
    return page.show("sla.html", sla=figures, stands=list(Stand), totals=totals)
