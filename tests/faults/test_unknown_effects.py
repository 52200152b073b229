"""Answers that got lost, and a provider that has forgotten our key: settled by asking, each effect once.

Judged by the outside world's own books, where everything that is done twice stands twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import PostgresDsn, SecretStr
from sqlalchemy import select, update

from tests.api.conftest import new_order_id
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_books import EventRow, MailRow, PostingRow, SupplierOrderRow
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.casefile.journal import SETTLING
from workers.casefile.models import Effect, EffectState
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.mail import Mail
from workers.ports.values import Money
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.errors import BusinessOutcome, EffectInProgress, OutcomeUnknown, Unavailable
from workers.runtime.outside import Outside, mocked_outside
from workers.runtime.settings import Settings

COST = Money(2_497, "EUR")
A_DAY_AND_AN_HOUR = timedelta(hours=25)
SILENT = (OutcomeUnknown, BusinessOutcome)
"""What a job says when it does not know; the supplier's silence is drawn in the diagram."""


@dataclass(frozen=True)
class Deed:
    """One kind of effect: its job, how the provider is called without a journal, and where it stands."""

    job: str
    operation: str
    find: str
    arguments: dict[str, Any]
    blindly: Callable[[Outside, str], Awaitable[Any]]
    books: Callable[[str], Any]


BOUGHT = {"supplier_order_id": "cj-1", "cost": COST.minor, "currency": COST.currency}

DEEDS = {
    "supplier order": Deed(
        job="fulfillment.place_supplier_order",
        operation="supplier.place_order",
        find="supplier.find_order",
        arguments={"supplier": "cj", "agreed_cost": COST.minor, "currency": COST.currency},
        blindly=lambda to, order: to.suppliers.place_order("cj", f"orderops-{order}", LINES, ADDRESS, COST),
        books=lambda order: select(SupplierOrderRow).where(
            SupplierOrderRow.reference.startswith(f"orderops-{order}")
        ),
    ),
    "posting": Deed(
        job="fulfillment.book_cost_of_goods",
        operation="ledger.book",
        find="ledger.find",
        arguments=BOUGHT,
        blindly=lambda to, order: to.ledger.book(Posting(f"cogs:{order}", "COGS", COST, order, "cj-1")),
        books=lambda order: select(PostingRow).where(PostingRow.order_id == order),
    ),
    "event": Deed(
        job="fulfillment.publish_supplier_order_placed",
        operation="events.publish",
        find="events.find",
        arguments={**BOUGHT, "supplier": "cj"},
        blindly=lambda to, order: to.events.publish(
            Event(f"supplier_order_placed:{order}", "supplier_order_placed", {"shopify_order_id": order, **BOUGHT})
        ),
        books=lambda order: select(EventRow).where(EventRow.payload["shopify_order_id"].astext == order),
    ),
    "mail": Deed(
        job="fulfillment.ask_for_address",
        operation="mail.send",
        find="mail.find",
        arguments={"address_round": 1, "address_problems": ["missing_postcode"]},
        blindly=lambda to, order: to.mailer.send(
            Mail(
                f"mail:{order}-address-1",
                "ada@example.com",
                "fulfillment_ask_for_address",
                {"order_number": f"#{order}", "link": "http://x/c/1", "problems": "", "expires_on": "1 May"},
                order,
            )
        ),
        books=lambda order: select(MailRow).where(MailRow.order_id == order),
    ),
}


class Trial:
    """One effect of one new order, at a provider that may misbehave."""

    def __init__(self, deed: Deed, app: Assembled, world: MockWorld, outside: Outside) -> None:
        self.deed, self._app, self.world, self._outside = deed, app, world, outside
        self.order = str(new_order_id())
        self._jobs = {job.type: job.handler for process in app.processes for job in process.jobs}

    async def begin(self) -> None:
        await MockShop(self.world).seed_order(shopify_order(self.order))
        await self._jobs["fulfillment.get_order"](shopify_order_id=self.order)

    async def misbehave(self, kind: Kind, times: int | None = None) -> None:
        await misbehave(self.world, self.deed.operation, kind, self.order, times=times)

    async def do(self) -> None:
        """Its job, as the engine hands it out again and again."""
        await self._jobs[self.deed.job](shopify_order_id=self.order, **self.deed.arguments)

    async def blindly(self) -> None:
        """The provider is called with the same key and no journal, or executes late what it was asked for."""
        await self.deed.blindly(self._outside, self.order)

    async def books(self) -> Sequence[Any]:
        return await self.world.rows(self.deed.books(self.order))

    async def effect(self) -> Effect:
        async with self._app.database.sessions() as session:
            [effect] = await session.scalars(select(Effect).where(Effect.case_id == self.order))
            return effect

    async def change(self, **values: Any) -> None:
        async with self._app.database.transaction() as session:
            await session.execute(update(Effect).where(Effect.case_id == self.order).values(**values))

    async def let_time_pass(self, how_long: timedelta) -> None:
        await self.change(intended_at=Effect.intended_at - how_long)


@pytest.fixture(params=DEEDS)
async def trial(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Trial]:
    settings = Settings(
        database_url=PostgresDsn(database_url),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
    )
    async with MockWorld(database_url, latency=timedelta(0), timeout=timedelta(milliseconds=20)) as world:
        outside = mocked_outside(world)
        async with assemble(settings, outside) as app:
            trial = Trial(DEEDS[request.param], app, world, outside)
            await trial.begin()
            yield trial


lost = pytest.mark.parametrize("trouble", [Kind.ANSWER_LOST, Kind.ERROR_AFTER])


@lost
async def test_the_trap_a_blind_retry_does_it_twice(trial: Trial, trouble: Kind) -> None:
    """The provider has executed and has forgotten our key: what it did not answer it does again."""
    await trial.misbehave(trouble, times=1)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    with pytest.raises(OutcomeUnknown):
        await trial.blindly()
    await trial.blindly()
    assert len(await trial.books()) == 2


@lost
async def test_with_the_journal_it_is_unknown_then_found_and_there_once(trial: Trial, trouble: Kind) -> None:
    await trial.misbehave(trouble, times=1)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    with pytest.raises(SILENT):
        await trial.do()
    assert (await trial.effect()).state == EffectState.UNKNOWN
    for _ in range(3):
        await trial.do()
    effect = await trial.effect()
    assert (effect.state, effect.attempts) == (EffectState.DONE, 1)
    [row] = await trial.books()
    assert row.requests == 1


@pytest.mark.parametrize("left", [EffectState.UNKNOWN, EffectState.INTENDED])
async def test_an_incident_resolved_25_hours_later_asks_first(trial: Trial, left: EffectState) -> None:
    """Whether its worker lost the answer or was killed: the provider's key has expired, its books have not."""
    await trial.misbehave(Kind.ANSWER_LOST, times=1)
    with pytest.raises(SILENT):
        await trial.do()
    await trial.change(state=left)
    await trial.let_time_pass(A_DAY_AND_AN_HOUR)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    await trial.do()
    assert (await trial.effect()).state == EffectState.DONE
    assert len(await trial.books()) == 1


async def test_while_it_cannot_be_asked_nothing_is_done(trial: Trial) -> None:
    """It stays unknown; nobody guesses."""
    await trial.misbehave(Kind.ANSWER_LOST, times=1)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    with pytest.raises(SILENT):
        await trial.do()
    await trial.let_time_pass(A_DAY_AND_AN_HOUR)
    key = f"orderops-{trial.order}" if trial.deed.find == "supplier.find_order" else (await trial.effect()).key
    await misbehave(trial.world, trial.deed.find, Kind.UNAVAILABLE, key, times=2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await trial.do()
        assert (await trial.effect()).state == EffectState.UNKNOWN
    await trial.do()
    assert len(await trial.books()) == 1


async def test_what_was_executed_late_is_found_and_not_done_again(trial: Trial) -> None:
    """Asked at once, the provider did not know it yet, and it would not have recognised our key either."""
    await trial.misbehave(Kind.TIMEOUT, times=1)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    with pytest.raises(SILENT):
        await trial.do()
    with pytest.raises(EffectInProgress):
        await trial.do()
    await trial.blindly()
    await trial.do()
    assert (await trial.effect()).state == EffectState.DONE
    assert len(await trial.books()) == 1


async def test_what_never_arrived_is_done_once_the_provider_had_its_time(trial: Trial) -> None:
    await trial.misbehave(Kind.TIMEOUT, times=1)
    await trial.misbehave(Kind.KEY_FORGOTTEN)
    with pytest.raises(SILENT):
        await trial.do()
    with pytest.raises(EffectInProgress):
        await trial.do()
    assert await trial.books() == []
    await trial.let_time_pass(SETTLING)
    for _ in range(2):
        await trial.do()
    assert len(await trial.books()) == 1
