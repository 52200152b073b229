"""How support stands to what was promised, for programs."""

from fastapi import APIRouter

from api.deps import StoreOf
from api.schemas.common import problems
from api.schemas.sla import SlaInfo, sla_info
from workers.casefile import sla_board

router = APIRouter(tags=["Tickets"])


@router.get("/sla", summary="Clocks, automation and overrides", responses=problems("unauthorized", "forbidden"))
async def show_sla(store: StoreOf) -> SlaInfo:
    """Clocks of the tickets that are not closed; what was answered without a person, and what people changed, in
    the last 30 days. As of `at`: figures are drawn some seconds after something happened."""
    return sla_info(await store.run(sla_board.shown))
