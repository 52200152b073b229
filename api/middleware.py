"""Around every request: a trace id, headers that make browsers careful, one log line, and no naked 500."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from opentelemetry.trace import Span
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Problem, as_problem
from workers.runtime import tracing
from workers.runtime.logs import places
from workers.runtime.metrics import HTTP_DURATION

log = structlog.get_logger(__name__)

AnswerError = Callable[[Request, Exception], Awaitable[Response]]

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Others are counted as one: whoever invents methods must not make metrics without end."""

WATCHED = frozenset({"/livez", "/metrics", "/readyz"})

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


class Surroundings:
    """ASGI middleware; the outermost of ours."""

    def __init__(self, app: ASGIApp, answer_error: AnswerError) -> None:
        self._app = app
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever is raised below becomes an answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = _traceparent(scope)
        with tracing.NOTHING if _uninteresting(scope["path"]) else tracing.request(caller) as span:
            trace_id = tracing.trace_id(span) or (caller[3:35] if caller else secrets.token_hex(16))
            scope.setdefault("state", {})["trace_id"] = trace_id
            started, answered = time.perf_counter(), _Answered(send, trace_id)
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                await self._serve(scope, receive, answered)
                _tell(scope, answered.status, time.perf_counter() - started, span)

    async def _serve(self, scope: Scope, receive: Receive, send: "_Answered") -> None:
        try:
            if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                raise Problem("bad-request", "The address contains NUL.")  # noqa: TRY301  # answered like the others
            await self._app(scope, receive, send)
        except Exception as error:  # the last line: what nobody foresaw becomes a 500 with a trace id
            if as_problem(error).kind.status == 500:
                log.error("http.failed", error=type(error).__name__, places=places(error))  # noqa: TRY400  # no values
            if send.status is None:
                answer = await self._answer_error(Request(scope), error)
                await answer(scope, receive, send)


class _Answered:
    """Passes messages on, adds the headers, and remembers the status."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace_id = trace_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Trace-Id"] = self._trace_id
            headers["traceparent"] = tracing.carried() or f"00-{self._trace_id}-{secrets.token_hex(8)}-01"
        await self._send(message)


def _traceparent(scope: Scope) -> str | None:
    """What the caller sent, when it is a proper one."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (found := _TRACEPARENT.fullmatch(value.decode("latin-1"))):
            return found.group()
    return None


def _uninteresting(path: str) -> bool:
    """Asked for all the time, by those who watch and by the engine with its records."""
    return path in WATCHED or path.startswith("/_")


def _tell(scope: Scope, status: int | None, seconds: float, span: Span) -> None:
    """One line a request, under the route's pattern: addresses may hold tokens, which are not for logs."""
    route: Any = scope.get("route")
    pattern = getattr(route, "path", None) or "unknown"
    method = scope["method"] if scope["method"] in METHODS else "other"
    HTTP_DURATION.labels(method, pattern, str(status)).observe(seconds)
    span.update_name(f"{method} {pattern}")
    tracing.outcome(str(status), well=status is not None and status < 500)
    quiet = status is not None and status < 400 and _uninteresting(pattern)
    (log.debug if quiet else log.info)(
        "http.request", method=method, route=pattern, status=status, ms=round(seconds * 1000, 1)
    )
