"""The effect journal: once per key, whatever happens in between."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from workers.casefile.cases import Entry
from workers.casefile.db import POOL_SECONDS, Database
from workers.casefile.journal import SETTLING, Intent, Journal
from workers.casefile.models import Effect, EffectState, TimelineEntry
from workers.runtime.errors import (
    BusinessOutcome,
    EffectConflict,
    EffectInProgress,
    EffectStopped,
    OutcomeUnknown,
    Retryable,
    Unavailable,
)


class Codes(StrEnum):
    SOLD_OUT = "SOLD_OUT"


@dataclass(frozen=True)
class Purchase:
    id: str
    supplier: str


@dataclass
class Provider:
    """A provider with books of its own, which fails the way it is told to."""

    books: list[Purchase] = field(default_factory=list)
    before: Exception | None = None
    after: Exception | None = None
    slow: float = 0
    slow_to_find: float = 0
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    async def buy(self, supplier: str) -> Purchase:
        await asyncio.sleep(self.slow)
        if self.before:
            raise self.before
        self.books.append(Purchase(f"po-{len(self.books) + 1}", supplier))
        if self.after:
            raise self.after
        return self.books[-1]

    async def find(self, request: Mapping[str, Any]) -> Purchase | None:
        self.asked.append(request)
        found = self._find(request)
        await asyncio.sleep(self.slow_to_find)
        return found

    def _find(self, request: Mapping[str, Any]) -> Purchase | None:
        return next((purchase for purchase in self.books if purchase.supplier == request["supplier"]), None)


class Buyer:
    """The same effect again and again, as jobs do it."""

    def __init__(self, journal: Journal, database: Database) -> None:
        self.key = f"test:{uuid4()}"
        self.provider = Provider()
        self.journal = journal
        self.database = database

    def intent(self, supplier: str = "cj") -> Intent[Purchase]:
        return Intent(
            key=self.key,
            kind="test",
            case_id=self.key,
            request={"supplier": supplier},
            result_type=Purchase,
            call=lambda: self.provider.buy(supplier),
            find=self.provider.find,
            entry=lambda purchase: Entry(self.key, "bought", "bought", f"Bought as {purchase.id}", {}),
        )

    async def buy(self, supplier: str = "cj") -> Purchase:
        return await self.journal.once(self.intent(supplier))

    async def let_time_pass(self, how_long: timedelta) -> None:
        """The effect was intended so much earlier."""
        async with self.database.transaction() as session:
            earlier = update(Effect).where(Effect.key == self.key)
            await session.execute(earlier.values(intended_at=Effect.intended_at - how_long))

    async def state(self) -> str:
        async with self.database.sessions() as session:
            return (await session.get_one(Effect, self.key)).state

    async def entries(self) -> int:
        async with self.database.sessions() as session:
            query = select(TimelineEntry).where(TimelineEntry.case_id == self.key)
            return len((await session.scalars(query)).all())


@pytest.fixture
def buyer(database: Database) -> Buyer:
    return Buyer(Journal(database), database)


async def test_an_effect_happens_once_and_gives_the_same_result_again(buyer: Buyer) -> None:
    first = await buyer.buy()
    assert await buyer.buy() == first
    assert len(buyer.provider.books) == 1
    assert await buyer.entries() == 1


async def test_two_workers_at_once_buy_once(buyer: Buyer) -> None:
    """The second is told that the effect is in progress, and finds the result on its next attempt."""
    buyer.provider.slow = 0.2
    results = await asyncio.gather(*(buyer.buy() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Purchase) for result in results) == 1
    assert sum(isinstance(result, EffectInProgress) for result in results) == 4
    assert len(buyer.provider.books) == 1


async def test_a_provider_that_hangs_leaves_the_connections_to_the_others(database_url: str) -> None:
    """Each effect keeps a connection while it waits: of one kind only so many do, the rest wait without."""
    database = Database(database_url, pool=4)
    journal = Journal(database)
    slow, quick = Buyer(journal, database), Buyer(journal, database)
    slow.provider.slow = 60
    intents = [replace(slow.intent(), key=f"{slow.key}-{number}", kind="slow") for number in range(10)]
    hanging = [asyncio.create_task(journal.once(intent)) for intent in intents]
    await asyncio.sleep(0.2)
    try:
        async with asyncio.timeout(2):
            await asyncio.gather(
                *(journal.once(replace(quick.intent(), key=f"{quick.key}-{n}")) for n in range(10))
            )
        given_up, _ = await asyncio.wait(hanging, timeout=POOL_SECONDS + 1)
    finally:
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await database.close()
    assert len(quick.provider.books) == 10
    errors = [task.exception() for task in given_up]
    assert len(errors) == 9, "one is at it, the others are tried again later"
    assert all(isinstance(error, Retryable) and not error.burns_retry for error in errors)


async def test_a_lost_answer_is_settled_by_asking(buyer: Buyer) -> None:
    buyer.provider.after = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    assert await buyer.state() == EffectState.UNKNOWN
    buyer.provider.after = None
    assert (await buyer.buy()).id == "po-1"
    assert len(buyer.provider.books) == 1
    assert await buyer.entries() == 1


async def test_an_unexpected_exception_counts_as_a_lost_answer(buyer: Buyer) -> None:
    buyer.provider.after = ZeroDivisionError()
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    buyer.provider.after = None
    await buyer.buy()
    assert len(buyer.provider.books) == 1


async def test_a_worker_killed_after_the_call_leaves_an_intent_that_is_settled_by_asking(buyer: Buyer) -> None:
    """A cancelled task stands for the kill: nothing of ours runs after the provider acted."""
    buyer.provider.after = asyncio.CancelledError()  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await buyer.buy()
    assert await buyer.state() == EffectState.INTENDED
    buyer.provider.after = None
    await buyer.buy()
    assert len(buyer.provider.books) == 1


async def test_a_worker_killed_before_the_call_leaves_an_intent_that_is_made_good(buyer: Buyer) -> None:
    buyer.provider.before = asyncio.CancelledError()  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await buyer.buy()
    buyer.provider.before = None
    with pytest.raises(EffectInProgress):
        await buyer.buy()
    await buyer.let_time_pass(SETTLING)
    await buyer.buy()
    assert len(buyer.provider.books) == 1
    assert buyer.provider.asked == [{"supplier": "cj"}] * 2


async def test_what_the_provider_executes_late_is_found_and_not_done_again(buyer: Buyer) -> None:
    """It did not know the order when it was asked first: called again then, it would have had two."""
    buyer.provider.before = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    buyer.provider.before = None
    with pytest.raises(EffectInProgress) as waits:
        await buyer.buy()
    assert waits.value.retry_after is not None
    assert timedelta(seconds=20) < waits.value.retry_after <= SETTLING
    buyer.provider.books.append(Purchase("po-late", "cj"))
    assert (await buyer.buy()).id == "po-late"
    assert [purchase.id for purchase in buyer.provider.books] == ["po-late"]


async def test_what_begins_to_exist_while_the_provider_is_asked_is_not_overlooked(buyer: Buyer) -> None:
    """Its time is over when its answer is there, but was not when it was asked."""
    buyer.journal = Journal(buyer.database, settling=timedelta(seconds=0.5))
    buyer.provider.before = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    buyer.provider.before, buyer.provider.slow_to_find = None, 0.6
    with pytest.raises(EffectInProgress):
        await buyer.buy()
    buyer.provider.books.append(Purchase("po-late", "cj"))
    await buyer.buy()
    assert len(buyer.provider.books) == 1


async def test_what_may_be_done_twice_without_harm_is_done_again_at_once(buyer: Buyer) -> None:
    buyer.provider.before = OutcomeUnknown("time-out")
    harmless = replace(buyer.intent(), harmless_twice=True)
    with pytest.raises(OutcomeUnknown):
        await buyer.journal.once(harmless)
    buyer.provider.before = None
    assert (await buyer.journal.once(harmless)).id == "po-1"


async def test_another_supplier_is_asked_only_when_the_first_can_no_longer_execute(buyer: Buyer) -> None:
    """It knows nothing of the first one's key."""
    buyer.provider.before = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy("cj")
    buyer.provider.before = None
    with pytest.raises(EffectInProgress):
        await buyer.buy("aliexpress")
    await buyer.let_time_pass(SETTLING)
    assert (await buyer.buy("aliexpress")).supplier == "aliexpress"
    assert buyer.provider.asked[-1] == {"supplier": "cj"}


@pytest.mark.parametrize("refusal", [Unavailable("503"), BusinessOutcome(Codes.SOLD_OUT, "sold out")])
async def test_after_a_refusal_the_effect_may_be_asked_of_another(buyer: Buyer, refusal: Exception) -> None:
    buyer.provider.before = refusal
    with pytest.raises(type(refusal)):
        await buyer.buy("cj")
    assert await buyer.state() == EffectState.NOT_EXECUTED
    buyer.provider.before = None
    assert (await buyer.buy("aliexpress")).supplier == "aliexpress"
    assert buyer.provider.asked == []


async def test_a_conflict_at_the_provider_is_not_taken_for_nothing_done(buyer: Buyer) -> None:
    """It has something under our key, so the next attempt has to ask what."""
    buyer.provider.before = EffectConflict("another order under our reference")
    with pytest.raises(EffectConflict):
        await buyer.buy()
    assert await buyer.state() == EffectState.UNKNOWN
    buyer.provider.books.append(Purchase("po-0", "cj"))
    stopped = await buyer.journal.stop(buyer.intent())
    assert stopped == Purchase("po-0", "cj")


async def test_an_unknown_outcome_at_one_supplier_is_asked_there_before_another_is_tried(buyer: Buyer) -> None:
    buyer.provider.after = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy("cj")
    buyer.provider.after = None
    with pytest.raises(EffectConflict):
        await buyer.buy("aliexpress")
    assert [purchase.supplier for purchase in buyer.provider.books] == ["cj"]


async def test_a_done_effect_with_another_request_is_a_conflict(buyer: Buyer) -> None:
    await buyer.buy("cj")
    with pytest.raises(EffectConflict):
        await buyer.buy("aliexpress")


async def test_a_stopped_effect_never_happens(buyer: Buyer) -> None:
    assert await buyer.journal.stop(buyer.intent()) is None
    with pytest.raises(EffectStopped):
        await buyer.buy()
    assert await buyer.journal.stop(buyer.intent()) is None
    assert buyer.provider.books == []


async def test_stopping_after_it_happened_gives_the_result(buyer: Buyer) -> None:
    bought = await buyer.buy()
    assert await buyer.journal.stop(buyer.intent()) == bought


async def test_stopping_an_unknown_outcome_asks_first(buyer: Buyer) -> None:
    buyer.provider.after = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    stopped = await buyer.journal.stop(buyer.intent())
    assert stopped == buyer.provider.books[0]
    assert await buyer.entries() == 1


async def test_stopping_while_a_worker_is_at_it_waits(buyer: Buyer) -> None:
    buyer.provider.slow = 0.3
    buying = asyncio.create_task(buyer.buy())
    await asyncio.sleep(0.1)
    with pytest.raises(EffectInProgress):
        await buyer.journal.stop(buyer.intent())
    bought = await buying
    assert await buyer.journal.stop(buyer.intent()) == bought


@pytest.mark.parametrize(
    ("trouble", "state"),
    [(asyncio.CancelledError(), EffectState.INTENDED), (OutcomeUnknown("time-out"), EffectState.UNKNOWN)],
)
async def test_what_the_provider_may_still_execute_is_not_stopped(
    buyer: Buyer, trouble: BaseException, state: EffectState
) -> None:
    """The request left, the provider does not know the order yet, and then it executes."""
    buyer.provider.before = trouble  # type: ignore[assignment]
    with pytest.raises(type(trouble)):
        await buyer.buy()
    with pytest.raises(EffectInProgress) as waits:
        await buyer.journal.stop(buyer.intent())
    assert waits.value.retry_after is not None
    assert timedelta(seconds=20) < waits.value.retry_after <= SETTLING
    assert await buyer.state() == state
    bought = Purchase("po-1", "cj")
    buyer.provider.books.append(bought)
    assert await buyer.journal.stop(buyer.intent()) == bought
    assert await buyer.entries() == 1


async def test_what_the_provider_can_no_longer_execute_is_stopped(buyer: Buyer) -> None:
    buyer.journal = Journal(buyer.database, settling=timedelta(milliseconds=1))
    buyer.provider.before = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    assert await buyer.journal.stop(buyer.intent()) is None
    assert await buyer.state() == EffectState.STOPPED


async def test_what_the_provider_refused_is_stopped_at_once(buyer: Buyer) -> None:
    buyer.provider.before = Unavailable("503")
    with pytest.raises(Unavailable):
        await buyer.buy()
    assert await buyer.journal.stop(buyer.intent()) is None
    assert await buyer.state() == EffectState.STOPPED


async def test_settling_asks_and_changes_nothing(buyer: Buyer) -> None:
    assert await buyer.journal.settle(buyer.intent()) is None
    buyer.provider.after = OutcomeUnknown("time-out")
    with pytest.raises(OutcomeUnknown):
        await buyer.buy()
    assert await buyer.journal.settle(buyer.intent()) == buyer.provider.books[0]
    assert await buyer.state() == EffectState.DONE


async def test_an_intent_that_cannot_be_written_keeps_nobody_from_the_next_attempt(
    buyer: Buyer, database_url: str
) -> None:
    """The lock is taken in the statement that fails, and outlives it: it has to die with its connection."""
    unwritable = replace(buyer.intent(), kind=None)  # type: ignore[arg-type]  # PostgreSQL refuses the row
    with pytest.raises(IntegrityError):
        await buyer.journal.once(unwritable)
    elsewhere = Database(database_url, pool=1)
    try:
        await Journal(elsewhere).once(buyer.intent())
    finally:
        await elsewhere.close()
    assert len(buyer.provider.books) == 1
