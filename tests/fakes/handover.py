from workers.common import Handover
from workers.runtime.jobs import Message, MessagePayload


class FakeHandover(Handover):
    """Keeps what was told instead of storing it: once per message and key, as the inbox does."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str, str], MessagePayload] = {}
        """By process, message and correlation key."""

    async def tell(self, process: str, message: Message, payload: MessagePayload) -> None:
        key = str(getattr(payload, message.correlation_key))
        self.told.setdefault((process, message.name.value, key), payload)
