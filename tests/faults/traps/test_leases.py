"""Handlers slower than their job's time-out, and two workers."""

import asyncio
from collections import Counter
from datetime import timedelta

import grpc
import pytest
from structlog.testing import capture_logs

from tests.engine.small import Small, until
from tests.faults.traps.books import Books, Bought
from tests.faults.traps.gateway import MisbehavingGateway
from tests.faults.traps.workers import ours, plain
from workers.runtime.jobs import Job

pytestmark = pytest.mark.engine

TIMEOUT = timedelta(seconds=1)
SLOW = 2.5
"""Seconds that a purchase takes."""


class Buyers:
    """How often a purchase was begun."""

    def __init__(self, books: Books) -> None:
        self.begun = Counter[str]()
        self._books = books

    async def through_the_journal(self, shopify_order_id: str) -> Bought:
        self.begun[shopify_order_id] += 1
        return await self._books.buy(shopify_order_id, SLOW)

    async def straight(self, shopify_order_id: str) -> dict[str, str]:
        """As a plain worker would: nothing in between."""
        self.begun[shopify_order_id] += 1
        self._books.sold[shopify_order_id] += 1
        await asyncio.sleep(SLOW)
        return {}


async def test_plain_pyzeebe_buys_once_per_time_out(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    buyers = Buyers(books)
    job = Job(f"{small.id}.first", buyers.straight, timeout=TIMEOUT)
    async with plain(gateway.address, job), plain(gateway.address, job):
        await small.start(range(1))
        await until(lambda: books.sold["0"] >= 2)
    assert not gateway.asked("UpdateJobTimeout")


async def test_the_time_out_is_extended_while_our_handler_works(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    buyers = Buyers(books)
    job = Job(f"{small.id}.first", buyers.through_the_journal, timeout=TIMEOUT)
    async with ours(gateway.address, job), ours(gateway.address, job):
        await small.start(range(5))
        await until(lambda: completed(gateway) == 5)
    assert buyers.begun == books.sold == Counter("01234")


async def test_a_job_lost_to_another_worker_buys_once_and_the_loser_only_says_so(
    small: Small, gateway: MisbehavingGateway, books: Books
) -> None:
    """The extension never gets through, so a second handler starts. It finds the effect in progress, and its own
    answer comes when the first has long completed the job."""
    buyers = Buyers(books)
    job = Job(f"{small.id}.first", buyers.through_the_journal, timeout=TIMEOUT)
    with capture_logs() as logs, gateway.refusing("UpdateJobTimeout", code=grpc.StatusCode.UNAVAILABLE):
        async with ours(gateway.address, job), ours(gateway.address, job):
            await small.start(range(2))
            await until(lambda: completed(gateway) == 2)
            await until(lambda: any(log["event"] == "job.gone" for log in logs))
            await asyncio.sleep(2 * TIMEOUT.total_seconds())
    assert min(buyers.begun.values()) >= 2
    assert books.sold == Counter("01")
    assert completed(gateway) == 2
    assert not gateway.incidents()


def completed(gateway: MisbehavingGateway) -> int:
    """How many completions the engine has accepted."""
    return sum(call.passed for call in gateway.asked("CompleteJob"))
