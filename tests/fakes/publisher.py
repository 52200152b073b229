"""An engine that keeps what was published and fails when asked to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from workers.runtime.errors import EngineRefused, EngineUnavailable


@dataclass
class FakePublisher:
    """`away` fails every message, `refused` and `troubled` those with these message ids."""

    published: list[str] = field(default_factory=list)
    variables: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    attempts: list[str] = field(default_factory=list)
    away: bool = False
    refused: set[str] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        *,
        message_id: str,
        ttl: timedelta,
        variables: Mapping[str, Any],
        within: timedelta,
    ) -> None:
        self.attempts.append(message_id)
        if message_id in self.refused:
            raise EngineRefused("The engine refused.")
        if self.away or message_id in self.troubled:
            raise EngineUnavailable("The engine did not answer.")
        self.published.append(message_id)
        self.variables[message_id] = variables
