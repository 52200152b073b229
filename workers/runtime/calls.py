"""Calling the engine's gateway: which failures are worth another try, and the trying."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import stamina

from workers.runtime.errors import (
    EngineBusy,
    EngineConflict,
    EngineError,
    EngineNotFound,
    EngineRefused,
    EngineUnavailable,
)

Answer = TypeVar("Answer")
Call = Callable[[float], Awaitable[Answer]]
"""Takes the seconds this attempt may last."""

ATTEMPT_SECONDS = 5.0
"""Longest single attempt: an answer that takes longer got lost, as those do that a broker owes while it starts."""

FIRST_WAIT = (0.1, 0.5)
"""Seconds, shortest and longest, before the first repetition."""

REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)
"""What stays refused however often it is asked. Everything else may pass: a refused token, and UNIMPLEMENTED too,
which is how gRPC reads the HTTP 404 of a proxy that does not reach its gateway."""


TOO_LARGE = "EXCEEDED_BATCH_RECORD_SIZE"
"""Comes as UNKNOWN, and will come again."""


def worth_retrying(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    if not isinstance(error, grpc.aio.AioRpcError):
        return False
    return error.code() not in REFUSALS and TOO_LARGE not in (error.details() or "")


async def insist(call: Call[Answer], within: float, attempt: float = ATTEMPT_SECONDS) -> Answer:
    """Call until there is an answer, with jittered exponential back-off, for `within` seconds at most.

    No attempt lasts longer than `attempt`. Raises the last AioRpcError. The first attempt is bare: it nearly
    always succeeds, and is made very often.
    """
    try:
        return await call(min(within, attempt))
    except grpc.aio.AioRpcError as error:
        if not worth_retrying(error):
            raise
    return await ask_again(call, within, attempt)


async def ask_again(call: Call[Answer], within: float, attempt: float = ATTEMPT_SECONDS) -> Answer:
    """The retries of `insist`, for callers that must know whether an answer came at the first attempt.

    The first of them waits too: whoever was refused for being too many does not come again at once, all together.
    """
    wait = min(random.uniform(*FIRST_WAIT), within / 2)  # noqa: S311  # spreads load
    await asyncio.sleep(wait)
    retries = stamina.retry_context(
        on=_worth_retrying_now, attempts=None, timeout=within - wait, wait_initial=0.1, wait_max=5, wait_jitter=0.4
    )
    async for one_more in retries:
        with one_more:
            return await call(min(within, attempt))
    raise AssertionError("retries end with an answer or an error")


def _worth_retrying_now(error: Exception) -> bool:
    return worth_retrying(error)


def as_ours(error: grpc.aio.AioRpcError, doing: str) -> EngineError:
    """The same failure in our tree. `doing` says what was tried; the engine's own words follow for refusals."""
    code: grpc.StatusCode = error.code()
    if worth_retrying(error):
        return EngineUnavailable(f"The engine did not answer ({code.name}): {doing}.")
    sentence = f"The engine refused ({code.name}): {doing}. {error.details()}"
    if code is grpc.StatusCode.NOT_FOUND:
        return EngineNotFound(sentence)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return EngineConflict(sentence)
    return EngineRefused(sentence)


def as_ours_of_message(error: grpc.aio.AioRpcError, doing: str) -> EngineError:
    """The same for a message, which must not get lost: refused only for what is in it, else to be tried again."""
    code: grpc.StatusCode = error.code()
    if code is grpc.StatusCode.INVALID_ARGUMENT or TOO_LARGE in (error.details() or ""):
        return EngineRefused(f"The engine refused ({code.name}): {doing}. {error.details()}")
    kind = EngineBusy if code is grpc.StatusCode.RESOURCE_EXHAUSTED else EngineUnavailable
    return kind(f"The engine did not take it ({code.name}): {doing}.")
