"""What every advertising adapter and its fake must do."""

import pytest

from tests.fakes import FakeAds
from workers.adapters.mock_ads import MockAds
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_world import MockWorld
from workers.ports.ads import Ads, Campaign
from workers.runtime.errors import NeedsHuman, OutcomeUnknown


@pytest.fixture(params=["mock", "fake"])
async def ads(request: pytest.FixtureRequest, world: MockWorld, unique: str) -> Ads:
    """Three campaigns for the product `unique`, the last one paused by people."""
    if request.param == "fake":
        running = [Campaign(f"{unique}/{name}", name, unique, running=True) for name in ("search", "social")]
        return FakeAds(*running, Campaign(f"{unique}/video", "video", unique, running=False))
    mock = MockAds(world)
    await mock.seed_campaigns(unique, "search", "social")
    await mock.seed_campaigns(unique, "video", paused=True)
    return mock


async def running(ads: Ads, product: str) -> list[str]:
    return [campaign.name for campaign in await ads.campaigns_of(product) if campaign.running]


async def test_those_that_run_are_paused_and_doing_it_twice_is_the_same(ads: Ads, unique: str) -> None:
    assert await running(ads, unique) == ["search", "social"]
    for _ in range(2):
        paused = await ads.pause_campaigns(unique, "incident-1")
        assert [(each.name, each.running, each.paused_by) for each in paused] == [
            ("search", False, ("incident-1",)),
            ("social", False, ("incident-1",)),
        ]
        assert await running(ads, unique) == []


async def test_they_go_on_and_what_people_paused_stays_paused(ads: Ads, unique: str) -> None:
    await ads.pause_campaigns(unique, "incident-1")
    for _ in range(2):
        assert [each.name for each in await ads.resume_campaigns(unique, "incident-1")] == ["search", "social"]
    assert [each.name for each in await ads.campaigns_of(unique)] == ["search", "social", "video"]
    assert await running(ads, unique) == ["search", "social"]


async def test_what_two_have_paused_goes_on_after_the_second(ads: Ads, unique: str) -> None:
    await ads.pause_campaigns(unique, "incident-1")
    second = await ads.pause_campaigns(unique, "incident-2")
    assert [each.paused_by for each in second] == [("incident-1", "incident-2")] * 2
    assert await ads.resume_campaigns(unique, "incident-1") == ()
    assert len(await ads.resume_campaigns(unique, "incident-2")) == 2


async def test_a_product_without_campaigns_is_fine(ads: Ads) -> None:
    assert await ads.campaigns_of("nothing") == ()
    assert await ads.pause_campaigns("nothing", "incident-1") == ()
    assert await ads.resume_campaigns("nothing", "incident-1") == ()


async def test_an_answer_that_gets_lost_can_be_looked_up(world: MockWorld, unique: str) -> None:
    ads = MockAds(world)
    await ads.seed_campaigns(unique, "search")
    await misbehave(world, "ads.pause_campaigns", Kind.ANSWER_LOST, unique, times=1)
    with pytest.raises(OutcomeUnknown):
        await ads.pause_campaigns(unique, "incident-1")
    assert [each.paused_by for each in await ads.campaigns_of(unique)] == [("incident-1",)]


async def test_the_platform_can_refuse(world: MockWorld, unique: str) -> None:
    ads = MockAds(world)
    await ads.seed_campaigns(unique, "search")
    await misbehave(world, "ads.pause_campaigns", Kind.REFUSED, unique)
    with pytest.raises(NeedsHuman, match="changes nothing"):
        await ads.pause_campaigns(unique, "incident-1")
    assert await running(ads, unique) == ["search"]
