"""How support stands to what was promised, for programs."""

from datetime import UTC, datetime

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ClocksOf, StoreOf
from api.schemas.common import problems
from api.schemas.sla import SlaInfo, sla_info
from api.store import Store
from workers.casefile.sla_figures import Figures, figures
from workers.casefile.ticket_clocks import TicketClocks

router = APIRouter(tags=["Tickets"])


@router.get("/sla", summary="Clocks, automation and overrides", responses=problems("unauthorized", "forbidden"))
async def show_sla(store: StoreOf, clocks: ClocksOf) -> SlaInfo:
    """Clocks of the tickets that are not closed; what was answered without a person, and what people changed, in
    the last 30 days."""
    return sla_info(await figures_now(store, clocks))


async def figures_now(store: Store, clocks: TicketClocks) -> Figures:
    """The figures as of now."""
    now = datetime.now(UTC)

    async def read(session: AsyncSession) -> Figures:
        return await figures(session, await clocks.outlooks_in(session), now)

    return await store.run(read)
