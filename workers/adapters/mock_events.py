"""The mocked event bus: events in books of their own, one per key."""

from sqlalchemy import select

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import EventRow
from workers.adapters.mock_world import MockWorld
from workers.ports.events import Event, PublishedEvent


class MockEventBus:
    """Implements ports.events.EventBus. A behaviour's target may be an event's name, its key or the order's id."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def publish(self, event: Event) -> PublishedEvent:
        """Publish once per key. Raises EffectConflict when the key stands for another event."""
        wanted = {"name": event.name, "payload": dict(event.payload)}

        async def execute(misbehaviour: Misbehaviour) -> EventRow:
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(EventRow, event.key, wanted, forgotten=forgotten)

        about = frozenset({event.key, event.name, str(event.payload.get("shopify_order_id", ""))})
        row = await perform(self._world, Call("events.publish", event.key, about), execute)
        row.must_be(wanted, "event")
        return _to_event(row)

    async def find(self, key: str) -> PublishedEvent | None:
        """The event published under this key, or None."""

        async def execute(_: Misbehaviour) -> EventRow | None:
            return await self._world.row(select(EventRow).where(EventRow.key == key))

        row = await perform(self._world, Call("events.find", key, frozenset({key})), execute)
        return _to_event(row) if row else None


def _to_event(row: EventRow) -> PublishedEvent:
    return PublishedEvent(f"EV-{row.number}", row.key)
