"""PostgreSQL away: the api says so within a second, what it acknowledged is there, and it goes on by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest
from sqlalchemy import select, text

from tests.api.conftest import new_order_id
from tests.api.test_records import ENGINE, NDJSON, bulk, task_created
from tests.fakes.publisher import FakePublisher
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.shop import Shop, open_shop
from workers.casefile.db import DATABASE_AWAY, PromptConnection
from workers.casefile.models import Task
from workers.runtime.relay import Relay

AT_ONCE_S = 1.0
"""What a caller waits at most while PostgreSQL is away."""
ROUNDS = 3
"""So many tries it has on a machine that has other things to do."""
PAGES = ("/c/", "/ui", "/login", "/logout")
"""Their answers are for people."""
NOISE_S = 1.5
"""What a machine that has other things to do may add now and then."""


@pytest.fixture
async def shop(postgres: MortalPostgres, database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(postgres.url("unix"), database_url) as shop:
        yield shop


async def until(true: Callable[[], Awaitable[bool]], within: float = 15) -> float:
    """Wait until the coroutine says true; how long it took."""
    began = time.monotonic()
    while not await true():
        assert time.monotonic() - began < within, "it did not come back"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def assert_away(shop: Shop, seconds: float) -> None:
    """For so long nothing but 503 comes, within a second: judged by the best of three rounds."""
    ends, longest = time.monotonic() + seconds, list[float]()
    while time.monotonic() < ends or (len(longest) < ROUNDS and min(longest) >= AT_ONCE_S):
        shop.seconds = []
        for answer in await shop.every_route():
            assert answer.status_code == 503, (answer.request.url, answer.text)
            assert int(answer.headers["retry-after"]) > 0
            if not answer.request.url.path.startswith(PAGES):
                assert answer.headers["content-type"] == "application/problem+json"
        longest.append(max(shop.seconds))
        assert (await shop.ask("GET", "/livez")).status_code == 200
    seconds_each = ", ".join(f"{each:.2f} s" for each in longest)
    print(f"rounds of {len(shop.seconds)} questions, their longest answers: {seconds_each}")  # noqa: T201  # figures
    assert min(longest) < AT_ONCE_S, longest
    readiness = await shop.ask("GET", "/readyz")
    assert readiness.status_code == 503
    assert "database" in readiness.json()["detail"]


async def paid(shop: Shop, order_id: int | None = None) -> bool:
    """Whether the shop's webhook was accepted."""
    return (await shop.pay(order_id)).status_code == 200


def _well(answer: httpx.Response) -> bool:
    """Done, or refused for a reason of its own: there is no such task, nobody has this session or name."""
    of_nobody = {303, 401, 429} if answer.request.url.path.startswith(PAGES) else set[int]()
    return answer.status_code in {200, 202, 404} | of_nobody


async def assert_back(shop: Shop) -> None:
    """It takes orders again by itself, what it acknowledged is there once, and what it refused may come again."""

    async def works() -> bool:
        return all(_well(answer) for answer in await shop.every_route())

    print(f"back after {await until(works):.2f} s")  # noqa: T201  # figures
    at_once = asyncio.Semaphore(20)  # senders heed Retry-After: after 30 s there are hundreds

    async def again(order_id: int) -> None:
        async with at_once:
            await until(partial(paid, shop, order_id))

    await asyncio.gather(*(again(order_id) for order_id in shop.refused - shop.acknowledged))
    assert shop.refused <= shop.acknowledged
    assert await shop.stored(shop.acknowledged) == dict.fromkeys(map(str, shop.acknowledged), 1)
    shop.refused.clear()
    shop.acknowledged.clear()


@pytest.mark.parametrize("way", ["unix", "tcp"])
async def test_a_frozen_postgres_a_killed_one_and_one_that_refuses(
    way: str, postgres: MortalPostgres, database_url: str, full: bool
) -> None:
    """503 within a second whatever it does, and all is well again without help."""
    seconds = 30 if full else 2
    async with open_shop(postgres.url(way), database_url) as shop:
        await assert_back(shop)
        postgres.freeze()
        await assert_away(shop, seconds)
        postgres.thaw()
        await assert_back(shop)
        postgres.kill()
        await assert_away(shop, seconds)
        await asyncio.to_thread(postgres.start)
        await assert_back(shop)
        postgres.freeze()  # and then it dies: what waited for it learns of that
        await assert_away(shop, 0.5)
        postgres.kill()
        await asyncio.to_thread(postgres.start)
        await assert_back(shop)


@pytest.mark.parametrize("trouble", ["frozen", "killed", "killed after it froze"])
async def test_a_command_in_flight_is_neither_lost_nor_doubled(
    shop: Shop, postgres: MortalPostgres, trouble: str
) -> None:
    """Each was asked once, at another moment of its way, and then again with its key until it was accepted."""
    await until(partial(paid, shop))
    orders = {str(number): number for number in (new_order_id() for _ in range(12))}
    first = []
    for number, (key, order_id) in enumerate(orders.items()):
        first.append(asyncio.create_task(shop.start(order_id, key)))
        await asyncio.sleep(0.002 * number % 0.01)
    if "froze" in trouble:
        postgres.freeze()
        await asyncio.sleep(0.3)
    if "killed" in trouble:
        postgres.kill()
        await asyncio.to_thread(postgres.start)
    else:
        postgres.thaw()
    answers = await asyncio.gather(*first)
    assert {answer.status_code for answer in answers} <= {202, 503}

    for (key, order_id), answer in zip(orders.items(), answers, strict=True):

        async def accepted(key: str = key, order_id: int = order_id) -> bool:
            return (await shop.start(order_id, key)).status_code == 202

        await until(accepted)
        assert await shop.rows(order_id) == 1
        again = await shop.start(order_id, key)
        assert again.headers["idempotency-replayed"] == "true"
        if answer.status_code == 202:
            assert again.json()["id"] == answer.json()["id"]


async def test_records_that_could_not_be_taken_in_are_sent_again(shop: Shop, postgres: MortalPostgres) -> None:
    """The broker keeps what is not answered 200; each record counts once."""
    key = new_order_id()
    batch = bulk(task_created(key))
    await until(partial(paid, shop))
    postgres.kill()
    answer = await shop.bridge.post("/_bulk", content=batch, headers=NDJSON, auth=ENGINE)
    assert answer.status_code == 503
    await asyncio.to_thread(postgres.start)

    async def taken_in() -> bool:
        return (await shop.bridge.post("/_bulk", content=batch, headers=NDJSON, auth=ENGINE)).status_code == 200

    await until(taken_in)
    assert await taken_in()
    async with shop.app.database.sessions() as session:
        assert len((await session.scalars(select(Task).where(Task.key == key))).all()) == 1


async def test_a_statement_that_gets_no_answer_is_given_up(shop: Shop, postgres: MortalPostgres) -> None:
    """Those who have no deadline of their own (jobs, the relay, records) do not wait for ever either."""
    async with shop.app.database.connection() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, PromptConnection)
        driver.patience = 0.3
        postgres.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(DATABASE_AWAY):
                await connection.execute(text("SELECT 1"))
            assert time.monotonic() - began < 0.3 + NOISE_S
        finally:
            postgres.thaw()
    await shop.app.database.ping()


async def test_relays_publish_by_themselves_what_came_in_around_an_outage(
    shop: Shop, postgres: MortalPostgres
) -> None:
    """Each once, as the engine's message ids tell."""
    publisher = FakePublisher()
    running = asyncio.create_task(Relay(shop.app.database, publisher).run())
    try:
        for trouble in (postgres.freeze, postgres.kill):
            await until(partial(paid, shop))
            trouble()
            await asyncio.sleep(0.5)
            if postgres.child is None:
                await asyncio.to_thread(postgres.start)
            else:
                postgres.thaw()
            await until(partial(paid, shop))

        async def published() -> bool:
            return all(
                any(str(order_id) in each for each in publisher.published) for order_id in shop.acknowledged
            )

        await until(published)
        assert not running.done()
    finally:
        running.cancel()
