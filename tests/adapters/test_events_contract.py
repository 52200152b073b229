"""What every event bus adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeEventBus
from workers.adapters.mock_events import MockEventBus
from workers.adapters.mock_world import MockWorld
from workers.ports.events import Event, EventBus
from workers.runtime.errors import EffectConflict


@pytest.fixture(params=["mock", "fake"])
def bus(request: pytest.FixtureRequest, world: MockWorld) -> EventBus:
    return FakeEventBus() if request.param == "fake" else MockEventBus(world)


@pytest.fixture
def event(unique: str) -> Event:
    return Event(f"placed:{unique}", "supplier_order_placed", {"shopify_order_id": unique, "cost": 2_500})


async def test_one_key_is_published_once(bus: EventBus, event: Event) -> None:
    published = await bus.publish(event)
    assert published.key == event.key
    assert await bus.publish(event) == published
    assert await bus.find(event.key) == published


async def test_what_was_not_published_is_not_found(bus: EventBus, event: Event) -> None:
    assert await bus.find(event.key) is None


async def test_a_key_stands_for_one_event_only(bus: EventBus, event: Event) -> None:
    await bus.publish(event)
    with pytest.raises(EffectConflict, match=event.key):
        await bus.publish(replace(event, name="order_failed"))
