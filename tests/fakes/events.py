from tests.fakes.faults import Faults
from workers.ports.events import Event, PublishedEvent
from workers.runtime.errors import EffectConflict


class FakeEventBus(Faults):
    """Implements ports.events.EventBus."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, Event] = {}

    async def publish(self, event: Event) -> PublishedEvent:
        self._begin("publish")
        known = self.events.setdefault(event.key, event)
        self._end("publish")
        if known != event:
            raise EffectConflict(f"The event bus already has another event under key {event.key}.")
        return PublishedEvent(f"EV-{event.key}", event.key)

    async def find(self, key: str) -> PublishedEvent | None:
        self._begin("find")
        return PublishedEvent(f"EV-{key}", key) if key in self.events else None
