"""The mocked alerting service and the team's chat: what was sent is kept, one per key, as people see it."""

from typing import TypeVar

from sqlalchemy import select

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import KeyedRow
from workers.adapters.mock_support_books import AlertRow, PostRow
from workers.adapters.mock_world import MockWorld
from workers.adapters.slack_text import escape, leading_to, one_line
from workers.ports.alerts import Alert, Post, Told
from workers.runtime.errors import NeedsHuman

RowT = TypeVar("RowT", bound=KeyedRow)


class MockAlerts:
    """Implements ports.alerts.Alerts. A behaviour's target may be a key, whom it is for, a level or a channel."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def push(self, alert: Alert) -> Told:
        """Call somebody once per key. Raises EffectConflict when the key stands for another alert."""
        wanted = {"to": alert.to, "message": one_line(alert.message), "level": alert.level.value}

        async def execute(misbehaviour: Misbehaviour) -> AlertRow:
            if await misbehaviour.strikes(Kind.NOT_FOUND):
                raise NeedsHuman(f"The alerting service knows nobody called {alert.to}.")
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(AlertRow, alert.key, wanted, forgotten=forgotten)

        call = _call("push", alert.key, alert.to, alert.level.value)
        row = await perform(self._world, call, execute)
        row.must_be(wanted, "alert")
        return Told(f"P-{row.number}", row.key)

    async def find_push(self, key: str) -> Told | None:
        """The push sent under this key, or None."""
        row = await self._find("find_push", AlertRow, key)
        return Told(f"P-{row.number}", row.key) if row else None

    async def post(self, post: Post) -> Told:
        """Write to the team's chat once per key. Raises EffectConflict when the key stands for another post."""
        text = escape(post.text) + (f"\n{leading_to(post.link)}" if post.link else "")
        wanted = {"channel": post.channel, "text": text}

        async def execute(misbehaviour: Misbehaviour) -> PostRow:
            if await misbehaviour.strikes(Kind.NOT_FOUND):
                raise NeedsHuman(f"There is no channel {post.channel} in the team's chat.")
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(PostRow, post.key, wanted, forgotten=forgotten)

        row = await perform(self._world, _call("post", post.key, post.channel), execute)
        row.must_be(wanted, "post")
        return Told(f"C-{row.number}", row.key)

    async def find_post(self, key: str) -> Told | None:
        """The post written under this key, or None."""
        row = await self._find("find_post", PostRow, key)
        return Told(f"C-{row.number}", row.key) if row else None

    async def _find(self, operation: str, table: type[RowT], key: str) -> RowT | None:
        async def execute(_: Misbehaviour) -> RowT | None:
            return await self._world.row(select(table).where(table.key == key))

        return await perform(self._world, _call(operation, key), execute)


def _call(operation: str, key: str, *also_about: str) -> Call:
    return Call(f"alerts.{operation}", key, frozenset({key, *also_about}))
