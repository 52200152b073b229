"""User tasks over the engine's REST API (`/v2`, the same in 8.6 and 8.8)."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

import httpx
import orjson
import stamina

from workers.runtime.errors import EngineConflict, EngineNotFound, EngineRefused, EngineUnavailable

BUSY = frozenset({429, 500, 502, 503, 504})
REFUSED = {404: EngineNotFound, 409: EngineConflict}


class UserTasks:
    """Completes and assigns user tasks; repeats while the engine is busy or away."""

    def __init__(self, rest_url: str) -> None:
        self._base_url = f"{rest_url.rstrip('/')}/v2/user-tasks/"

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        """Made when first used: it reads every certificate there is, and workers never need it."""
        return httpx.AsyncClient(base_url=self._base_url, timeout=10.0, trust_env=False)

    async def close(self) -> None:
        """Drop the connections."""
        if "_client" in vars(self):
            await self._client.aclose()

    async def complete(self, key: int, variables: Mapping[str, Any], within: timedelta) -> None:
        """Complete the task. EngineConflict when it is gone after a repetition: an attempt whose answer got lost
        may have completed it, and so may somebody else."""
        sentence = f"User task {key} was completed meanwhile, by this request or another one: look at the task."
        body = {"variables": dict(variables)}
        await self._send("POST", f"{key}/completion", body, within, EngineConflict(sentence))

    async def assign(self, key: int, assignee: str, within: timedelta, *, allow_override: bool) -> None:
        """Give the task to somebody."""
        body = {"assignee": assignee, "allowOverride": allow_override}
        await self._send("POST", f"{key}/assignment", body, within)

    async def unassign(self, key: int, within: timedelta) -> None:
        """Take the task from whoever has it."""
        await self._send("DELETE", f"{key}/assignee", None, within)

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        within: timedelta,
        gone_after_repetition: EngineConflict | None = None,
    ) -> None:
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        retries = stamina.retry_context(on=EngineUnavailable, attempts=None, timeout=within, wait_jitter=0.4)
        async for attempt in retries:
            with attempt:
                answer = await self._attempt(method, path, content, headers)
                if answer.status_code == httpx.codes.NOT_FOUND and attempt.num > 1 and gone_after_repetition:
                    raise gone_after_repetition
                _raise_refusal(answer, f"{method} user task {path}")

    async def _attempt(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise EngineUnavailable(f"The engine's REST side did not answer ({type(error).__name__}).") from error
        if answer.status_code in BUSY:
            raise EngineUnavailable(f"The engine's REST side is busy or away ({answer.status_code}).")
        return answer


def _raise_refusal(answer: httpx.Response, doing: str) -> None:
    if answer.is_success:
        return
    kind = REFUSED.get(answer.status_code, EngineRefused)
    raise kind(f"The engine refused ({answer.status_code}): {doing}. {_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    """The engine's own sentence; it names keys and states, never variables."""
    try:
        return str(answer.json().get("detail", ""))
    except ValueError:
        return ""
