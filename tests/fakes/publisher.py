"""An engine that keeps what was published and fails when asked to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from workers.runtime.errors import EngineBusy, EngineRefused, EngineUnavailable


@dataclass
class FakePublisher:
    """`away` fails every message, `refused` and `troubled` those with these message ids.

    Of more than `takes` at once it pushes the others back.
    """

    published: list[str] = field(default_factory=list)
    variables: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    attempts: list[str] = field(default_factory=list)
    away: bool = False
    takes: int = 1_000
    under_way: int = 0
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
        insisting: bool = True,
    ) -> None:
        self.attempts.append(message_id)
        if message_id in self.refused:
            raise EngineRefused("The engine refused.")
        if self.away or message_id in self.troubled:
            raise EngineUnavailable("The engine did not answer.")
        if self.under_way >= self.takes:
            raise EngineBusy("The engine has too much to do.")
        self.under_way += 1
        await asyncio.sleep(0.001)
        self.under_way -= 1
        self.published.append(message_id)
        self.variables[message_id] = variables
