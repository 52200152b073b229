"""The effect journal: whatever changes the outside world happens once, however often its job runs.

    intent recorded → provider called with our key → result recorded → job completed

A worker killed between any two of these leaves a row that the next attempt settles: `done` is answered from the
row; `intended` and `unknown` are settled by asking the provider, never by trying blindly again. A session-level
advisory lock, held from before the intent until after the result, keeps two workers with the same job from being
at one effect together; it dies with its connection, so a killed worker blocks nobody.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from workers.casefile.cases import Entry
from workers.casefile.db import POOL_SECONDS, Database
from workers.casefile.direct import Direct, Statement
from workers.casefile.effect_statements import (
    INTEND,
    INTEND_AGAIN,
    LOCK,
    MARK,
    MARK_WITH_ENTRY,
    READ,
    TIMES,
    UNLOCK,
)
from workers.casefile.models import Effect, EffectState
from workers.runtime import tracing
from workers.runtime.errors import (
    BusinessOutcome,
    EffectConflict,
    EffectInProgress,
    EffectStopped,
    NeedsHuman,
    OutcomeUnknown,
    Retryable,
    Unavailable,
)
from workers.runtime.metrics import EFFECTS

NOTHING_HAPPENED = (BusinessOutcome, NeedsHuman, Unavailable)
"""Raised by an adapter when the provider surely did nothing; an EffectConflict is none of these."""

SETTLING = timedelta(seconds=30)
"""How long after its intent an effect may still begin to exist at a provider that does not know it yet.

Adapters wait at most 2 s for an answer; the rest is for a provider that works on after we gave up. An adapter that
waits longer than 10 s needs a longer time here: ORDEROPS_SETTLING_SECONDS.
"""

SHARES = 4
"""One kind of effect may take this part of the connections: a provider that hangs holds up its own only."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Intent(Generic[Result]):
    """What is to happen once.

    `request` is what the result depends on: the same key with another request is a conflict once it is done.
    `call` does it; `find` asks the provider whether the recorded request was executed; `entry` is what follows
    from its result in the case file, written together with it. `harmless_twice` says that doing it again changes
    nothing more, so that nobody has to wait before.
    """

    key: str
    kind: str
    case_id: str
    request: Mapping[str, Any]
    result_type: type[Result]
    call: Callable[[], Awaitable[Result]]
    find: Callable[[Mapping[str, Any]], Awaitable[Result | None]]
    entry: Callable[[Result], Entry] | None = None
    harmless_twice: bool = False


class Journal:
    """Runs effects once per key."""

    def __init__(self, database: Database, settling: timedelta = SETTLING) -> None:
        self._database = database
        self._settling = settling
        most = max(1, database.connections // SHARES)
        self._rooms = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(most))
        """By kind of effect: those that may be at it, each with a connection that it keeps while it waits."""

    async def once(self, intent: Intent[Result]) -> Result:
        """Make the effect happen unless it has, and return its result either way.

        Raises what `call` raises; EffectInProgress while another worker or the provider may be at it;
        EffectConflict when it was done with another request; EffectStopped when it was stopped; OutcomeUnknown
        when it may have happened and the provider has to be asked on the next attempt.

        An effect that may have happened is called again only after a provider was asked that had all the time it
        could need (SETTLING) and still does not know it. Our key at the provider is a second safeguard that
        nothing here relies on: it may have expired, another provider knows nothing of it, some have no keys.
        """
        async with self._alone(intent.kind, INTEND, _row_of(intent, EffectState.INTENDED)) as (connection, new):
            if not new:
                effect = await _found(connection, intent.key)
                known = await self._settled(connection, intent, effect)
                if known is not None:
                    return _checked(known, intent, effect)
                await _intend_again(connection, intent)
            return await _execute(connection, intent)

    async def settle(self, intent: Intent[Result]) -> Result | None:
        """What became of an effect that may have happened, asking the provider; None when it did not happen.

        Changes nothing outside, and the intent's request does not matter. Idempotent. Raises EffectInProgress
        while a worker is at it, EffectStopped when it was stopped.
        """
        async with self._alone(intent.kind, LOCK, {"key": intent.key}) as (connection, _):
            effect = await _read(connection, intent.key)
            if effect is None:
                return None
            return await _settle(connection, intent, effect)

    async def stop(self, intent: Intent[Result]) -> Result | None:
        """Keep the effect from ever happening; if it has happened, return its result instead.

        The intent's request does not matter. Idempotent. Raises EffectInProgress while a worker is at it, and
        while the provider may still execute a request whose worker was killed or lost its lock: nothing that
        was stopped may be executed afterwards.
        """
        async with self._alone(intent.kind, INTEND, _row_of(intent, EffectState.STOPPED)) as (connection, new):
            if new:
                return None
            effect = await _found(connection, intent.key)
            if effect.state == EffectState.STOPPED:
                return None
            known = await self._settled(connection, intent, effect)
            if known is None:
                await _mark(connection, intent, EffectState.STOPPED)
            return known

    async def _settled(self, connection: Direct, intent: Intent[Result], effect: Effect) -> Result | None:
        """The result, or None when it surely did not happen and will not; raises EffectInProgress before that.

        The time is taken before the provider is asked: what begins to exist in between would be overlooked.
        """
        may_come = effect.state != EffectState.NOT_EXECUTED and not intent.harmless_twice
        wait = await self._time_left(connection, intent.key) if may_come else timedelta(0)
        known = await _settle(connection, intent, effect)
        if known is None and wait > timedelta(0):
            raise EffectInProgress(intent.key, retry_after=wait)
        return known

    async def _time_left(self, connection: Direct, key: str) -> timedelta:
        """How long the provider may still execute what it was asked for, by the database's clock."""
        [times] = await connection.rows(TIMES, {"key": key})
        left: timedelta = times.intended_at + self._settling - times.now
        return left

    @asynccontextmanager
    async def _room(self, kind: str) -> AsyncIterator[None]:
        """One of the rooms of this kind; Retryable, burning nothing, when none gets free for a while."""
        room = self._rooms[kind]
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await room.acquire()
        except TimeoutError:
            raise Retryable(f"too many effects wait for their answer ({kind})", burns_retry=False) from None
        try:
            yield
        finally:
            room.release()

    @asynccontextmanager
    async def _alone(
        self, kind: str, locking: Statement, values: Mapping[str, Any]
    ) -> AsyncIterator[tuple[Direct, bool]]:
        """Hold the effect's lock, taken by `locking`; says whether the effect's row is new by it."""
        async with self._room(kind), self._database.direct() as connection:
            try:
                [row] = await connection.rows(locking, values)
            except BaseException:
                await connection.invalidate()  # a lock that was taken outlives the statement that failed
                raise
            if not row.ours:
                raise EffectInProgress(values["key"])
            try:
                yield connection, row.new
            finally:
                try:
                    await connection.rows(UNLOCK, {"key": values["key"]})
                except BaseException:
                    await connection.invalidate()  # the lock dies with the connection
                    raise


def _results(intent: Intent[Result]) -> TypeAdapter[Result]:
    result_type: Any = intent.result_type  # mypy takes a class for unhashable
    return _adapter(result_type)


@cache
def _adapter(result_type: Any) -> TypeAdapter[Any]:
    """Made once for each type: making one takes longer than PostgreSQL takes for an effect."""
    return TypeAdapter(result_type)


def _row_of(intent: Intent[Any], state: EffectState) -> dict[str, Any]:
    return {
        "key": intent.key,
        "kind": intent.kind,
        "case_id": intent.case_id,
        "state": state,
        "request": dict(intent.request),
    }


async def _found(connection: Direct, key: str) -> Effect:
    effect = await _read(connection, key)
    assert effect is not None  # noqa: S101  # rows of effects are never deleted
    return effect


async def _read(connection: Direct, key: str) -> Effect | None:
    found = await connection.rows(READ, {"key": key})
    return Effect(**found[0]._asdict()) if found else None


async def _settle(connection: Direct, intent: Intent[Result], effect: Effect) -> Result | None:
    """The result of an effect that is done, asking the provider if that is not known; None when it is not."""
    if effect.state == EffectState.STOPPED:
        raise EffectStopped(f"effect {intent.key} was stopped before it happened")
    if effect.state == EffectState.DONE:
        return _results(intent).validate_python(effect.result)
    if effect.state == EffectState.NOT_EXECUTED:
        return None
    with tracing.call(f"{intent.kind} find", intent.key):
        found = await intent.find(effect.request)
    if found is not None:
        await _done(connection, intent, found)
    return found


def _checked(known: Result, intent: Intent[Result], effect: Effect) -> Result:
    """The result of an earlier attempt, if that attempt asked for the same thing."""
    if effect.request != dict(intent.request):
        raise EffectConflict(f"effect {intent.key} was done before with another request")
    return known


async def _intend_again(connection: Direct, intent: Intent[Any]) -> None:
    await connection.rows(INTEND_AGAIN, {"of": intent.key, "request": dict(intent.request)})


async def _execute(connection: Direct, intent: Intent[Result]) -> Result:
    try:
        with tracing.call(f"{intent.kind} call", intent.key):
            result = await intent.call()
    except EffectConflict:  # the provider has something under our key: to be asked about before anything else
        await _mark(connection, intent, EffectState.UNKNOWN)
        raise
    except NOTHING_HAPPENED:
        await _mark(connection, intent, EffectState.NOT_EXECUTED)
        raise
    except Exception as error:
        await _mark(connection, intent, EffectState.UNKNOWN)
        if isinstance(error, OutcomeUnknown):
            raise
        raise OutcomeUnknown(f"effect {intent.key} ended with {type(error).__name__}") from error
    await _done(connection, intent, result)
    return result


async def _done(connection: Direct, intent: Intent[Result], result: Result) -> None:
    answer = _results(intent).dump_python(result, mode="json")
    await _mark(connection, intent, EffectState.DONE, answer, intent.entry and intent.entry(result))


async def _mark(
    connection: Direct,
    intent: Intent[Any],
    state: EffectState,
    result: dict[str, Any] | None = None,
    entry: Entry | None = None,
) -> None:
    EFFECTS.labels(intent.kind, state).inc()
    marked = {"of": intent.key, "new_state": state, "new_result": result}
    if entry is None:
        await connection.rows(MARK, marked)
    else:
        await connection.rows(MARK_WITH_ENTRY, marked | entry.values())
