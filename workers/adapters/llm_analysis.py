"""Ticket analysis by an OpenAI-compatible chat endpoint; the local one answers whenever it cannot."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
from pydantic import SecretStr, ValidationError

from workers.adapters.llm_answer import Said, merged, request
from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Analysis, Ticket
from workers.runtime.metrics import ANALYSES, ANALYSIS_COST, ANALYSIS_SECONDS, ANALYSIS_TOKENS

MOST_BYTES = 256 * 1024
FAILURES, PAUSE_SECONDS = 3, 30.0
"""After so many failures in a row the endpoint is left alone so long: an outage shall not hold up tickets."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom to ask, for how long, and what it costs."""

    url: str
    """Up to and with /v1."""
    model: str
    key: SecretStr
    seconds: float
    price_in: float = 0.0
    price_out: float = 0.0
    """Of a million tokens, in whatever currency one counts in."""


class _NoAnswer(Exception):
    """Why there is nothing to use; one of a few words, for metrics and the case file."""


class LlmAnalysis:
    """Implements ports.analysis.TicketAnalysis; never fails, and never drops a safety signal of the rules."""

    def __init__(
        self, endpoint: Endpoint, local: LocalAnalysis, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._endpoint = endpoint
        self._local = local
        key = endpoint.key.get_secret_value()
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=endpoint.seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        self._failures = 0
        self._paused_until = 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def analyse(self, ticket: Ticket) -> Analysis:
        """What this message says, by the model; by the local analysis when that has no usable answer in time."""
        local = await self._local.analyse(ticket)
        began = time.monotonic()
        try:
            said = await self._said(ticket)
        except _NoAnswer as reason:
            ANALYSES.labels("local", str(reason)).inc()
            return replace(local, source=f"{local.source} (model: {reason})")
        finally:
            ANALYSIS_SECONDS.observe(time.monotonic() - began)
        ANALYSES.labels("model", "ok").inc()
        return merged(said, local, ticket, f"model {self._endpoint.model}")

    async def _said(self, ticket: Ticket) -> Said:
        if time.monotonic() < self._paused_until:
            raise _NoAnswer("paused")
        try:
            async with asyncio.timeout(self._endpoint.seconds):
                said = _understood(await self._asked(request(self._endpoint.model, ticket)))
        except (TimeoutError, httpx.TimeoutException):
            reason = "timeout"
        except (httpx.HTTPError, httpx.InvalidURL):
            reason = "unreachable"
        except _NoAnswer as error:
            reason = str(error)
        else:
            self._failures = 0
            return said
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures, self._paused_until = 0, time.monotonic() + PAUSE_SECONDS
        raise _NoAnswer(reason)

    async def _asked(self, body: dict[str, Any]) -> str:
        """What the model wrote, after its tokens are counted."""
        url = f"{self._endpoint.url.rstrip('/')}/chat/completions"
        async with self._client.stream("POST", url, json=body, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise _NoAnswer(
                    "rate limited" if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else "refused"
                )
            content = bytearray()
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > MOST_BYTES:
                    raise _NoAnswer("unusable")
        try:
            whole = orjson.loads(content)
            self._count(whole.get("usage") or {})
            message = whole["choices"][0]["message"]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise _NoAnswer("unusable") from error
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(text, str):
            raise _NoAnswer("unusable")
        return text

    def _count(self, usage: dict[str, Any]) -> None:
        tokens = {"in": usage.get("prompt_tokens"), "out": usage.get("completion_tokens")}
        prices = {"in": self._endpoint.price_in, "out": self._endpoint.price_out}
        for direction, number in tokens.items():
            if isinstance(number, int) and number > 0:
                ANALYSIS_TOKENS.labels(direction).inc(number)
                ANALYSIS_COST.inc(number * prices[direction] / 1_000_000)


def _understood(text: str) -> Said:
    try:
        return Said.model_validate_json(text)
    except ValidationError as error:
        raise _NoAnswer("unusable") from error
