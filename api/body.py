"""Reading a request's body with limits on size, time, type and encoding, before anything looks into it."""

import asyncio
import contextlib
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from api import strict_json
from api.errors import Problem, invalid

Model = TypeVar("Model", bound=BaseModel)

MEGABYTE = 1024 * 1024
MULTIPART = "multipart/form-data"
MAX_SECONDS = 10.0
MAX_DISCARDED = 8 * MEGABYTE
DISCARD_SECONDS = 1.0

_CLOSE = {"Connection": "close"}  # the rest of the body is not read, so the connection cannot be used again


async def read(request: Request, *, types: frozenset[str], limit: int = MEGABYTE) -> bytes:
    """The whole body, or a problem as soon as it is clear that it will not do: 408, 413, 415."""
    _check_type(request, types)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        await _discard(request)
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    break
    except TimeoutError:
        message = f"The body did not arrive within {MAX_SECONDS:.0f} s."
        raise Problem("too-slow", message, headers=_CLOSE) from None
    except ClientDisconnect:
        raise Problem("bad-request", "The connection was closed before the body had arrived.") from None
    if len(body) > limit:
        await _discard(request)
        raise _too_large(limit)
    return bytes(body)


async def read_json(request: Request) -> tuple[bytes, Any]:
    """The body as it came and what it says."""
    body = await read(request, types=frozenset({"application/json"}))
    return body, strict_json.parse(body)


def fit(model: type[Model], value: Any) -> Model:
    """Parsed JSON as a model; 422 naming every field that will not do."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error) from None


def _check_type(request: Request, types: frozenset[str]) -> None:
    content_type, _, parameter = request.headers.get("content-type", "").lower().partition(";")
    boundary = content_type.strip() == MULTIPART and parameter.strip().startswith("boundary=")
    charset = "" if boundary else parameter.strip().removeprefix("charset=").strip('"')
    if content_type.strip() not in types or charset not in {"", "utf-8"}:
        wanted = " or ".join(sorted(types))
        raise Problem("wrong-type", f"The content type must be {wanted}, in UTF-8.", headers=_CLOSE)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("wrong-type", "The body must come uncompressed.", headers=_CLOSE)


async def _discard(request: Request) -> None:
    """Let what is on its way arrive, within limits: a connection closed on unread data loses the answer as well.
    A sender that asks before it sends is not waited for."""
    if "expect" in request.headers:
        return
    discarded = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_SECONDS):
            while discarded < MAX_DISCARDED:
                message = await request.receive()
                discarded += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _too_large(limit: int) -> Problem:
    return Problem("too-large", f"The body is larger than {limit // 1024} kB.", headers=_CLOSE)
