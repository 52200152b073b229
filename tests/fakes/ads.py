from dataclasses import replace

from tests.fakes.faults import Faults
from workers.ports.ads import Campaign


class FakeAds(Faults):
    """Implements ports.ads.Ads. Its campaigns are those it was given."""

    def __init__(self, *campaigns: Campaign) -> None:
        super().__init__()
        self.campaigns = {campaign.id: campaign for campaign in campaigns}

    async def campaigns_of(self, product: str) -> tuple[Campaign, ...]:
        self._begin("campaigns_of")
        return self._of(product)

    async def pause_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        self._begin("pause_campaigns")
        for campaign in self._of(product):
            if (campaign.running or campaign.paused_by) and key not in campaign.paused_by:
                self._hold(campaign, (*campaign.paused_by, key))
        self._end("pause_campaigns")
        return tuple(campaign for campaign in self._of(product) if key in campaign.paused_by)

    async def resume_campaigns(self, product: str, key: str) -> tuple[Campaign, ...]:
        self._begin("resume_campaigns")
        for campaign in self._of(product):
            if key in campaign.paused_by:
                self._hold(campaign, tuple(each for each in campaign.paused_by if each != key))
        self._end("resume_campaigns")
        return tuple(campaign for campaign in self._of(product) if campaign.running)

    def _of(self, product: str) -> tuple[Campaign, ...]:
        theirs = (campaign for campaign in self.campaigns.values() if campaign.product == product)
        return tuple(sorted(theirs, key=lambda campaign: campaign.id))

    def _hold(self, campaign: Campaign, paused_by: tuple[str, ...]) -> None:
        self.campaigns[campaign.id] = replace(campaign, paused_by=paused_by, running=not paused_by)
