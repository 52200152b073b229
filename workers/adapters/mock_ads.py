"""The mocked advertising platform: campaigns in books of their own."""

from sqlalchemy import case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import Update

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_support_books import CampaignRow
from workers.adapters.mock_world import MockWorld
from workers.ports.ads import Campaign
from workers.runtime.errors import NeedsHuman


class MockAds:
    """Implements ports.ads.Ads. A behaviour's target may be a product or a key. `seed_campaigns` starts some."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def campaigns_of(self, product: str) -> tuple[Campaign, ...]:
        """All campaigns of a product, in the order of their ids."""

        async def execute(_: Misbehaviour) -> tuple[Campaign, ...]:
            return await self._of(product)

        return await perform(self._world, _call("campaigns_of", product), execute)

    async def pause_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        """Hold those that run or are held already, and give those that this key holds."""
        held = CampaignRow.holds.contains([key])
        holds = case((held, CampaignRow.holds), else_=func.array_append(CampaignRow.holds, key))
        mine = update(CampaignRow).where(CampaignRow.product == product, or_(~CampaignRow.paused, held))
        campaigns = await self._change("pause_campaigns", product, key, mine.values(holds=holds))
        return tuple(campaign for campaign in campaigns if key in campaign.paused_by)

    async def resume_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        """Hold them no longer, and give those that nobody holds."""
        holds = func.array_remove(CampaignRow.holds, literal(key))
        mine = update(CampaignRow).where(CampaignRow.product == product)
        campaigns = await self._change("resume_campaigns", product, key, mine.values(holds=holds))
        return tuple(campaign for campaign in campaigns if campaign.running)

    async def seed_campaigns(self, product: str, *names: str, paused: bool = False) -> tuple[Campaign, ...]:
        """Start campaigns for a product, or put them back as they were first; `paused`: people stopped them."""
        for name in names:
            fresh = {"name": name, "product": product, "paused": paused, "holds": []}
            statement = insert(CampaignRow).values(id=f"{product}/{name}", **fresh)
            seeded = statement.on_conflict_do_update(index_elements=[CampaignRow.id], set_=fresh)
            await self._world.row(seeded.returning(CampaignRow))
        return await self._of(product)

    async def _change(self, operation: str, product: str, key: str, statement: Update) -> tuple[Campaign, ...]:
        async def execute(misbehaviour: Misbehaviour) -> tuple[Campaign, ...]:
            if await misbehaviour.strikes(Kind.REFUSED):
                raise NeedsHuman(f"The advertising platform changes nothing about {product}.")
            await self._world.rows(statement.returning(CampaignRow))
            return await self._of(product)

        return await perform(self._world, _call(operation, product, key), execute)

    async def _of(self, product: str) -> tuple[Campaign, ...]:
        theirs = select(CampaignRow).where(CampaignRow.product == product).order_by(CampaignRow.id)
        return tuple(to_campaign(row) for row in await self._world.rows(theirs))


def to_campaign(row: CampaignRow) -> Campaign:
    """As we see it."""
    running = not row.paused and not row.holds
    return Campaign(row.id, row.name, row.product, running, tuple(row.holds))


def _call(operation: str, product: str, key: str = "") -> Call:
    return Call(f"ads.{operation}", key or product, frozenset({product, key} - {""}))
