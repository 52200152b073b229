"""Who answers 429 with a Retry-After gets no call from anybody in this process before it is over."""

import asyncio
import time
from datetime import timedelta

import pytest
from pydantic import PostgresDsn, SecretStr

from tests.fakes.mailer import FakeMailer
from tests.fakes.suppliers import FakeSuppliers
from workers.adapters.gate import gated
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_world import MockWorld
from workers.runtime.bootstrap import assemble
from workers.runtime.errors import NeedsHuman, RateLimited, Unavailable
from workers.runtime.outside import mocked_outside
from workers.runtime.settings import Settings

LINES, GERMANY = (), "DE"


class BusySuppliers(FakeSuppliers):
    """Answers so many questions with 429, and counts all."""

    def __init__(self, limits: int, error: Exception | None = None) -> None:
        super().__init__()
        self.limits, self.asked = limits, 0
        self.error = error or RateLimited("slow down", timedelta(seconds=0.3))

    async def get_offers(self, *question: object) -> tuple[()]:
        self.asked += 1
        if self.asked <= self.limits:
            raise self.error
        return ()


async def test_after_a_429_no_job_calls_that_system_before_the_time_is_over() -> None:
    inner = BusySuppliers(limits=1)
    suppliers = gated(inner)
    began = time.monotonic()
    with pytest.raises(RateLimited):
        await suppliers.get_offers("1", LINES, GERMANY)
    for order in "23":
        with pytest.raises(RateLimited) as refused:
            await suppliers.get_offers(order, LINES, GERMANY)
        assert refused.value.retry_after is not None
        assert 0 < refused.value.retry_after.total_seconds() <= 0.3
        assert not refused.value.burns_retry
    with pytest.raises(RateLimited):
        await suppliers.find_order("cj", "orderops-1")  # another question to the same system waits, too
    assert inner.asked == 1
    await asyncio.sleep(0.3 - (time.monotonic() - began) + 0.01)
    assert await suppliers.get_offers("2", LINES, GERMANY) == ()
    assert inner.asked == 2


async def test_two_answers_with_429_keep_it_closed_for_the_longer_of_both() -> None:
    inner = BusySuppliers(limits=1, error=RateLimited("slow down", timedelta(seconds=30)))
    suppliers = gated(inner)
    with pytest.raises(RateLimited):
        await suppliers.get_offers("1", LINES, GERMANY)
    with pytest.raises(RateLimited) as refused:
        await suppliers.get_offers("2", LINES, GERMANY)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > timedelta(seconds=29)


async def test_other_systems_are_called_meanwhile() -> None:
    suppliers, mailer = gated(BusySuppliers(limits=1)), gated(FakeMailer())
    with pytest.raises(RateLimited):
        await suppliers.get_offers("1", LINES, GERMANY)
    assert await mailer.find("nobody's") is None


async def test_a_refusal_without_a_time_closes_nothing() -> None:
    inner = BusySuppliers(limits=1, error=Unavailable("answered 503"))
    suppliers = gated(inner)
    with pytest.raises(Unavailable):
        await suppliers.get_offers("1", LINES, GERMANY)
    assert await suppliers.get_offers("1", LINES, GERMANY) == ()


async def test_every_outside_system_that_is_wired_has_its_gate(database_url: str) -> None:
    settings = Settings(
        database_url=PostgresDsn(database_url),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
    )
    async with MockWorld(database_url) as world, assemble(settings, mocked_outside(world)) as app:
        await misbehave(world, "payments.get_charge", Kind.RATE_LIMITED, times=1, value=1)
        await misbehave(world, "shop.get_order", Kind.RATE_LIMITED, times=1, value=1)
        [shop] = {vars(job.handler.__self__)["_shop"] for job in app.processes[0].jobs}  # type: ignore[attr-defined]
        for question in (app.payments.get_charge, shop.get_order):
            for _ in range(2):  # the second time by the gate
                with pytest.raises(RateLimited):
                    await question("nobody-knows-it")
        await asyncio.sleep(1.01)
        for question in (app.payments.get_charge, shop.get_order):
            with pytest.raises(NeedsHuman):
                await question("nobody-knows-it")
