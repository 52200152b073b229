"""The same news again and again, and answers of the engine that got lost: one instance, on a real broker."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor
from workers.adapters.mock_shop import MockShop
from workers.casefile.db import Database
from workers.casefile.inbox import Arrival, accept
from workers.casefile.models import InboxRow
from workers.casefile.record_models import Record
from workers.runtime.engine import Engine
from workers.runtime.errors import EngineUnavailable
from workers.runtime.relay import Relay

pytestmark = pytest.mark.engine

TIME_TO_LIVE = timedelta(hours=1)


async def instances_after(floor: Floor, before: int) -> int:
    """How many instances of fulfillment the engine has started since it told of `before`, a later one included.

    Records come in the order of what happened: with that later order's case closed, all that went before is known.
    """
    assert await floor.ends(await floor.pay(an_order())) == "supplied"
    return await instances(floor) - before - 1


async def instances(floor: Floor) -> int:
    """How many instances of fulfillment the engine has told of."""
    query = select(func.count()).where(
        Record.process == "fulfillment",
        Record.element_type == "PROCESS",
        Record.intent == "ELEMENT_ACTIVATED",
    )
    async with floor.app.database.sessions() as session:
        return int(await session.scalar(query) or 0)


class TestTheSameWebhookAgain:
    """The clock stays where it was moved: set back, the engine keeps its records until it is there again."""

    async def test_alone_the_engine_starts_another_once_the_message_is_forgotten(self, floor: Floor) -> None:
        """Its message id deduplicates only as long as the message lives."""
        order = an_order()
        order_id = await MockShop(floor.world).seed_order(order)
        before = await instances(floor)

        async def publish() -> None:
            await floor.app.engine.publish_message(
                "order_paid",
                order_id,
                message_id=f"alone:{order_id}",
                ttl=TIME_TO_LIVE,
                variables={"shopify_order_id": order_id},
            )

        await publish()
        assert await floor.ends(order_id) == "supplied"
        await publish()
        assert await instances_after(floor, before) == 1
        await floor.travel(hours=2)
        async with asyncio.timeout(60):
            while await instances(floor) < before + 3:
                await publish()
                await asyncio.sleep(0.5)

    async def test_at_once_after_the_end_after_its_time_to_live_and_two_days_later_it_is_one_instance(
        self, floor: Floor
    ) -> None:
        before, order = await instances(floor), an_order()
        case_id = await floor.pay(order, times=5)
        assert await floor.ends(case_id) == "supplied"
        for later in (timedelta(), timedelta(hours=2), timedelta(hours=48)):
            await floor.travel(hours=later.total_seconds() / 3600)
            answers = await asyncio.gather(*(floor.deliver("orders-paid", order) for _ in range(5)))
            assert {(answer.status_code, answer.json()["duplicate"]) for answer in answers} == {(200, True)}
        assert await instances_after(floor, before) == 1
        assert len(await floor.bought(case_id)) == 1


class LosesAnswers:
    """The engine behind a line that takes every message there, and loses the first answers on their way back."""

    def __init__(self, engine: Engine, lost: int) -> None:
        self._engine = engine
        self.lost = lost
        self.took = asyncio.Event()

    async def publish_message(self, *told: str, **more: Any) -> None:
        await self._engine.publish_message(*told, **more)
        self.took.set()
        if self.lost > 0:
            self.lost -= 1
            raise EngineUnavailable("The answer got lost.")


class NeverAnswers(LosesAnswers):
    """The same line, on which the relay waits for its answer until it is killed."""

    async def publish_message(self, *told: str, **more: Any) -> None:
        await super().publish_message(*told, **more)
        await asyncio.Event().wait()


@pytest.fixture
async def order_id(floor: Floor, database: Database) -> str:
    """A paid order in the inbox of a relay of the test's own."""
    order_id = await MockShop(floor.world).seed_order(an_order())
    async with database.transaction() as session:
        await session.execute(delete(InboxRow))
        arrival = Arrival(
            source="test",
            process="fulfillment",
            message_name="order_paid",
            correlation_key=order_id,
            time_to_live_ms=int(TIME_TO_LIVE.total_seconds() * 1000),
            variables={"shopify_order_id": order_id},
            dedupe_key=f"order_paid:{order_id}:{uuid4()}",
            body_sha256=sha256(order_id.encode()).digest(),
            trace_id="trace",
        )
        await accept(session, arrival)
    return order_id


class TestAnAnswerThatGotLost:
    async def test_the_relay_publishes_again_and_it_is_one_instance(
        self, floor: Floor, database: Database, order_id: str
    ) -> None:
        before, line = await instances(floor), LosesAnswers(floor.app.engine, lost=3)
        await Relay(database, line).drain()
        assert line.lost == 0
        assert await floor.ends(order_id) == "supplied"
        assert await instances_after(floor, before) == 1

    async def test_a_relay_killed_before_it_marked_the_row_leaves_it_to_the_next(
        self, floor: Floor, database: Database, order_id: str
    ) -> None:
        before, line = await instances(floor), NeverAnswers(floor.app.engine, lost=0)
        killed = asyncio.create_task(Relay(database, line).drain())
        await line.took.wait()
        killed.cancel()
        with suppress(asyncio.CancelledError):
            await killed
        await Relay(database, floor.app.engine).drain()
        async with database.sessions() as session:
            assert await session.scalar(select(InboxRow.published_at)) is not None
        assert await floor.ends(order_id) == "supplied"
        assert await instances_after(floor, before) == 1
