"""What the engine is told about a job, and the telling."""

import random
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import grpc

from workers.casefile.db import DATABASE_AWAY
from workers.runtime.calls import ATTEMPT_SECONDS, ask_again, worth_retrying
from workers.runtime.encoding import UnencodableError, encode
from workers.runtime.errors import BusinessOutcome, JobError, NeedsHuman, Retryable, Unavailable
from workers.runtime.gateway import JobGateway

FIRST_WAIT = 1.0
WAIT_FACTOR = 3
LONGEST_WAIT = 60.0
OUTAGE_WAITS = 8
"""So many failures in a row of a system that surely did nothing burn no retry: some four minutes.

Else every short outage would leave as many incidents as there are cases."""
DATABASE_WAITS = 2
"""The wait for PostgreSQL grows no further than after so many failures (9 s): once it is back, all go on soon."""
LONGEST_MESSAGE = 2_000
SHORTEST_PATIENCE = 1.0
FORESEEN = (JobError, *DATABASE_AWAY)
"""What a handler may raise without being broken: its summary line says enough."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Done, with these variables."""

    variables: bytes


@dataclass(frozen=True, slots=True)
class Fail:
    """Not done. Tried again while `retries` are left, but not before `back_off` is over; 0 makes an incident."""

    message: str
    retries: int
    back_off: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Throw:
    """An outcome the diagram knows."""

    code: str
    message: str
    variables: bytes


Answer = Complete | Fail | Throw


class Delivery(StrEnum):
    """How the engine took an answer."""

    ACCEPTED = "accepted"
    GONE = "gone"
    """Somebody else has finished the job, or its element was left: nothing to do."""
    REFUSED = "refused"
    """The engine will never take this answer."""
    LOST = "lost"
    """The job's time was over before the engine answered; it hands the job out again."""


class Failures:
    """How often each job has failed here lately: the engine counts retries, and some failures burn none."""

    def __init__(self, most: int = 10_000) -> None:
        self._counts: OrderedDict[int, int] = OrderedDict()
        self._most = most

    def count(self, key: int) -> int:
        """One more failure of this job; says how many there were before."""
        before = self._counts.pop(key, 0)
        self._counts[key] = before + 1
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return before

    def forget(self, key: int) -> None:
        """The job is done."""
        self._counts.pop(key, None)


def answer_to(error: Exception, retries: int, failures_before: int, trace: str) -> Answer:
    """The answer to what a handler raised. An unknown exception's text may hold personal data and stays out."""
    match error:
        case BusinessOutcome():
            return _thrown(error)
        case NeedsHuman():
            return Fail(_short(str(error)), retries=0)
        case Retryable():
            left = max(retries - 1, 0) if _burns(error, failures_before) else retries
            return Fail(_short(str(error)), left, _back_off(failures_before, error.retry_after))
        case _ if isinstance(error, DATABASE_AWAY):
            return Fail("The database is away.", retries, _back_off(min(failures_before, DATABASE_WAITS), None))
    return Fail(f"{type(error).__name__} (trace {trace})", max(retries - 1, 0), _back_off(failures_before, None))


def completed(result: object) -> Answer:
    """The answer to what a handler returned; an incident when it cannot be told to the engine."""
    try:
        return Complete(encode(result))
    except UnencodableError as error:
        return _unencodable(error)


async def deliver(gateway: JobGateway, key: int, answer: Answer, within: float) -> Delivery:
    """Tell the engine, again and again with jittered back-off while the job is ours.

    A job that is gone after a repetition (finished, or standing still with the incident that we asked for) was
    answered by the attempt whose receipt got lost.
    """
    patience = max(within, SHORTEST_PATIENCE)
    try:
        await _send(gateway, key, answer, min(patience, ATTEMPT_SECONDS))
    except grpc.aio.AioRpcError as error:
        if not worth_retrying(error):
            return _refusal(error)
    else:
        return Delivery.ACCEPTED
    try:
        await ask_again(lambda limit: _send(gateway, key, answer, limit), patience)
    except grpc.aio.AioRpcError as error:
        if worth_retrying(error):
            return Delivery.LOST
        refusal = _refusal(error)
        return Delivery.ACCEPTED if refusal is Delivery.GONE else refusal
    return Delivery.ACCEPTED


async def _send(gateway: JobGateway, key: int, answer: Answer, limit: float) -> None:
    match answer:
        case Complete():
            await gateway.complete(key, answer.variables, limit)
        case Throw():
            await gateway.throw(key, answer.code, answer.message, answer.variables, limit)
        case Fail():
            await gateway.fail(key, answer.retries, answer.message, limit)


def _refusal(error: grpc.aio.AioRpcError) -> Delivery:
    gone = error.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
    return Delivery.GONE if gone else Delivery.REFUSED


def _thrown(outcome: BusinessOutcome) -> Answer:
    try:
        variables = encode(outcome.variables)
    except UnencodableError as error:
        return _unencodable(error)
    return Throw(outcome.code.value, _short(str(outcome)), variables)


def _unencodable(error: UnencodableError) -> Fail:
    """The effect has happened and a retry gives the same result, so a person must look."""
    return Fail(
        f"The work was done but its result cannot be stored: {error}. Correct the handler, then retry: it finds "
        "its effect done and does not repeat it.",
        retries=0,
    )


def _burns(error: Retryable, failures_before: int) -> bool:
    outage = isinstance(error, Unavailable) and failures_before < OUTAGE_WAITS
    return error.burns_retry and not outage


def _back_off(failures_before: int, at_least: timedelta | None) -> timedelta:
    """1 s, 3 s, 9 s … 1 min, half of it jitter; never earlier than asked for, and jittered upwards there."""
    wait = min(FIRST_WAIT * WAIT_FACTOR ** min(failures_before, 10), LONGEST_WAIT)
    seconds = wait * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
    floor = at_least.total_seconds() if at_least else 0.0
    if floor >= seconds:
        seconds = floor * random.uniform(1.0, 1.1) + 0.05  # noqa: S311
    return timedelta(seconds=seconds)


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
