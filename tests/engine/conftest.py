"""One orderops for all engine tests: api, relay and workers in this process, engine and PostgreSQL beside it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.containers import Containers
from tests.engine.shop_floor import SECRET, TOKEN, Floor, opened
from tests.flows import FLOWS_TAKEN, count
from workers.runtime.native.stack import Stack
from workers.runtime.settings import Settings


@pytest.fixture(scope="session")
def settings(engine: Stack | Containers) -> Settings:
    environment = engine.environment()
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in environment.items()}
    signed = ("shopify_secrets", "stripe_secrets", "supplier_secrets", "easypost_secrets", "aftership_secrets")
    ours = {**dict.fromkeys(signed, SECRET), "api_tokens": TOKEN, "settling_seconds": 2, "database_seconds": 15}
    return Settings.model_validate({**values, **ours})


@pytest.fixture(scope="session")
async def floor(
    engine: Stack | Containers, settings: Settings, pytestconfig: pytest.Config
) -> AsyncIterator[Floor]:
    async with opened(settings, engine.api_url, engine.management_url) as floor:
        yield floor
        await asyncio.sleep(1.5)  # the broker sends its records every second
        pytestconfig.stash[FLOWS_TAKEN] = await count(floor.app.database)
