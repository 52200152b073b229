"""A gate before each outside system: who was asked for fewer calls makes none at all until the time is over.

Without it each job would keep the Retry-After of its own call only, and the calls of all the others would go on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from workers.runtime.errors import RateLimited

Port = TypeVar("Port")


def gated(port: Port) -> Port:
    """The same port behind a gate of its own, for this process."""
    return cast(Port, _Gate(port))


class _Gate:
    """Passes on every call, except while the other side wants none."""

    def __init__(self, port: object) -> None:
        self._port = port
        self._opens = 0.0
        """On the event loop's clock."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not iscoroutinefunction(found):
            return found

        async def passed(*arguments: Any, **named: Any) -> Any:
            return await self._pass(lambda: found(*arguments, **named))

        return passed

    async def _pass(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Raises RateLimited with the time that is left, without a call, while the gate is closed."""
        now = asyncio.get_running_loop().time
        if (left := self._opens - now()) > 0:
            name = type(self._port).__name__
            raise RateLimited(f"{name} wants no calls yet", timedelta(seconds=left))
        try:
            return await call()
        except RateLimited as limited:
            wait = limited.retry_after or timedelta(0)
            self._opens = max(self._opens, now() + wait.total_seconds())
            raise
