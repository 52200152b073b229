"""The relay: publishes what lies in the inbox, until the engine has accepted it.

Any number of relays share the rows. A row is marked in the transaction that claimed it; should that be lost
after the engine had accepted the message, it is published again under the same message id, which the engine knows
as long as the message's time to live lasts.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
import structlog
from sqlalchemy import BigInteger, all_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.db import DATABASE_AWAY, Database, PromptConnection
from workers.casefile.models import InboxRow
from workers.runtime import tracing
from workers.runtime.errors import EngineBusy, EngineRefused, EngineUnavailable
from workers.runtime.health import Link
from workers.runtime.logs import places
from workers.runtime.metrics import MESSAGES, RELAY_LAG

log = structlog.get_logger()

BATCH = 100
PROBE = 8
"""Rows tried at once while the engine takes none: enough that a single bad row does not look like an outage."""
AT_ONCE = 16
"""Messages under way; a broker is busy with fewer."""
ATTEMPT = timedelta(seconds=2)
LOOK_EVERY = 1.0
"""Seconds between looks without a notification."""
LONGEST_PAUSE = 5.0
BUSY = "The engine has too much to do."
PUSHED_BACK = (0.02, 0.08)
"""Seconds of rest, from and to, when the engine has too much to do."""


class Publisher(Protocol):
    """The part of the engine that a relay needs."""

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        *,
        message_id: str,
        ttl: timedelta,
        variables: Mapping[str, Any],
        within: timedelta,
        insisting: bool,
    ) -> None:
        """Raises EngineRefused (never) for what is in the message, else EngineUnavailable (again later)."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: published, refused for good, or (with neither) to be tried again."""

    row: InboxRow
    error: str | None = None
    refused: bool = False
    busy: bool = False
    """Pushed back unread: no attempt, only a sign that it is too many at once."""

    @property
    def settled(self) -> bool:
        """Whether the row need not be tried again."""
        return self.error is None or self.refused


class Relay:
    """Runs in the api process; cancel its task to stop it."""

    def __init__(self, database: Database, engine: Publisher) -> None:
        self.link = Link("inbox", "relay")
        self._database = database
        self._engine = engine
        self._at_once = AT_ONCE
        """Messages under way: half as many when the engine pushes one back, one more each time it takes all."""
        self._arrived = asyncio.Event()
        self._resting: dict[int, float] = {}
        """Rows the engine did not take, until it does, and when they are due again."""

    async def run(self) -> None:
        """Publish for ever; neither the engine nor PostgreSQL being away ends it."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                self._arrived.clear()
                if not await self._publish_batch_or_rest():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._arrived.wait(), LOOK_EVERY)
        finally:
            listener.cancel()

    async def drain(self) -> None:
        """Publish everything that is there, however long the engine takes to accept it."""
        while True:
            claimed = await self._publish_batch()
            if not claimed and not self._resting:
                return
            await asyncio.sleep(0 if claimed else 0.02)

    async def _publish_batch_or_rest(self) -> bool:
        """Whether to look again at once: there may be more, or something failed and its pause is over already."""
        try:
            claimed = await self._publish_batch()
        except DATABASE_AWAY as error:
            self.link.failed(type(error).__name__)
            await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311  # spreads load
            return True
        except Exception as error:
            log.critical("relay.crashed", error=type(error).__name__, places=places(error))
            await asyncio.sleep(LOOK_EVERY)
            return True
        if self.link.up is False:
            await asyncio.sleep(0.2)
        return claimed > 0

    async def _publish_batch(self) -> int:
        """Claim rows, publish them side by side, and mark what became of them. Returns how many there were."""
        async with self._database.transaction() as session:
            rows = await self._claim(session)
            outcomes = await self._publish_all(rows)
            await _mark(session, outcomes)
        for outcome in outcomes:
            self._note(outcome)
        if any(outcome.settled for outcome in outcomes):
            self.link.succeeded()
        elif rows:
            self.link.failed(outcomes[0].error or "" if outcomes else BUSY)
        return len(rows)

    async def _claim(self, session: AsyncSession) -> Sequence[InboxRow]:
        """The oldest rows. Few of them were tried before, so that those that never get through (a partition may
        have no leader) do not keep new ones waiting."""
        limit = PROBE if self.link.up is False else BATCH
        now = asyncio.get_running_loop().time()
        due = sorted(row for row, until in self._resting.items() if until <= now)[: min(limit // 2, AT_ONCE)]
        query = (
            select(InboxRow)
            .where(InboxRow.published_at.is_(None), InboxRow.refused_at.is_(None))
            .where(InboxRow.id != all_(literal(list(self._resting.keys() - due), ARRAY(BigInteger))))
            .order_by(InboxRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await session.scalars(query)).all()
        for gone in set(due) - {row.id for row in rows}:  # another relay has it
            del self._resting[gone]
        return rows

    async def _publish_all(self, rows: Sequence[InboxRow]) -> list[Outcome]:
        """As many side by side as the engine takes; what it pushes back is tried again, and has no outcome if that
        takes too long. To hammer a busy engine costs it, and us, more than the messages do."""
        loop = asyncio.get_running_loop()
        ends, waiting, outcomes = loop.time() + ATTEMPT.total_seconds(), deque(rows), list[Outcome]()
        while waiting:
            wave = [waiting.popleft() for _ in range(min(len(waiting), self._at_once))]
            told = await asyncio.gather(*(self._publish(row) for row in wave))
            outcomes += [outcome for outcome in told if not outcome.busy]
            if pushed_back := [outcome.row for outcome in told if outcome.busy]:
                waiting.extendleft(reversed(pushed_back))
                self._at_once = max(self._at_once // 2, 1)
                if loop.time() > ends:
                    break
                await asyncio.sleep(random.uniform(*PUSHED_BACK))  # noqa: S311  # spreads load
            else:
                self._at_once = min(self._at_once + 1, AT_ONCE)
        return outcomes

    async def _publish(self, row: InboxRow) -> Outcome:
        try:
            with tracing.publishing(row.message_name, row.variables) as variables:
                await self._engine.publish_message(
                    row.message_name,
                    row.correlation_key,
                    message_id=row.dedupe_key,
                    ttl=timedelta(milliseconds=row.time_to_live_ms),
                    variables=variables,
                    within=ATTEMPT,
                    insisting=False,
                )
        except EngineBusy:
            return Outcome(row, BUSY, busy=True)
        except EngineRefused as error:
            return Outcome(row, str(error), refused=True)
        except EngineUnavailable as error:
            return Outcome(row, str(error))
        return Outcome(row)

    def _note(self, outcome: Outcome) -> None:
        row = outcome.row
        if not outcome.settled:
            pause = min(0.2 * 2 ** min(row.attempts, 10), LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311
            self._resting[row.id] = asyncio.get_running_loop().time() + pause
            MESSAGES.labels("put_off").inc()
            return
        self._resting.pop(row.id, None)
        say = log.bind(inbox_id=row.id, message_name=row.message_name, trace=row.trace_id)
        if outcome.refused:
            MESSAGES.labels("refused").inc()
            say.error("message.refused")
        else:
            MESSAGES.labels("published").inc()
            RELAY_LAG.observe(max((datetime.now(UTC) - row.received_at).total_seconds(), 0))
            say.info("message.published")

    async def _listen(self) -> None:
        """Set the event whenever something was committed to the inbox; without it the regular look finds it."""
        while True:
            with contextlib.suppress(psycopg.Error, *DATABASE_AWAY):
                await self._hear()
            await asyncio.sleep(LOOK_EVERY)

    async def _hear(self) -> None:
        async with self._database.engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert isinstance(driver, PromptConnection)  # noqa: S101  # Database's own
            try:
                await driver.set_autocommit(True)
                await driver.execute("LISTEN inbox")
                driver.patience = None
                async for _ in driver.notifies():
                    self._arrived.set()
            finally:
                await connection.invalidate()  # never back to the pool: it listens


async def _mark(session: AsyncSession, outcomes: Sequence[Outcome]) -> None:
    """Published rows in one statement, the others one by one with what the engine said."""
    published = [outcome.row.id for outcome in outcomes if outcome.error is None]
    attempted = InboxRow.attempts + 1
    if published:
        done = update(InboxRow).where(InboxRow.id.in_(published))
        await session.execute(done.values(published_at=func.now(), attempts=attempted, last_error=None))
    for outcome in outcomes:
        if outcome.error is not None:
            one = update(InboxRow).where(InboxRow.id == outcome.row.id)
            refused_at = func.now() if outcome.refused else None
            await session.execute(one.values(attempts=attempted, last_error=outcome.error, refused_at=refused_at))
