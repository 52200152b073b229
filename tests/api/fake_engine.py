"""An engine that keeps what was asked of it, for tests of the HTTP side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from workers.runtime.engine import Topology
from workers.runtime.errors import EngineConflict, EngineNotFound, OrderopsError


@dataclass
class FakeEngine:
    """User tasks as the engine has them: `open_tasks` maps a key to its assignee."""

    open_tasks: dict[int, str | None] = field(default_factory=dict)
    assigned: list[tuple[int, str]] = field(default_factory=list)
    completed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    resolved: list[tuple[int, int | None]] = field(default_factory=list)
    published: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    away: OrderopsError | None = None

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        *,
        message_id: str,
        ttl: timedelta,
        variables: Mapping[str, Any],
        within: timedelta,
        insisting: bool = True,
    ) -> None:
        self._answer()
        self.published.append((name, correlation_key, message_id, dict(variables)))

    async def assign_user_task(self, key: int, assignee: str, *, allow_override: bool = False) -> None:
        self._answer(key)
        if self.open_tasks[key] not in {None, assignee} and not allow_override:
            raise EngineConflict("assigned already")
        self.open_tasks[key] = assignee
        self.assigned.append((key, assignee))

    async def unassign_user_task(self, key: int) -> None:
        self._answer(key)
        self.open_tasks[key] = None

    async def complete_user_task(self, key: int, variables: Mapping[str, Any]) -> None:
        self._answer(key)
        del self.open_tasks[key]
        self.completed.append((key, dict(variables)))

    async def resolve_incident(self, key: int, job_key: int | None) -> None:
        self._answer()
        self.resolved.append((key, job_key))

    async def topology(self, within: timedelta) -> Topology:
        self._answer()
        return Topology("8.6.0", brokers=1, brokers_expected=1, partitions=1, partitions_led=1)

    def _answer(self, key: int | None = None) -> None:
        if self.away:
            raise self.away
        if key is not None and key not in self.open_tasks:
            raise EngineNotFound("no such task")
