"""One orderops for all engine tests: api, relay and workers in this process, engine and PostgreSQL beside it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from api.main import create_app
from tests.containers import Containers
from tests.engine.shop_floor import SECRET, TOKEN, Floor
from workers.adapters.mock_world import MockWorld
from workers.casefile import migrate
from workers.runtime import bootstrap
from workers.runtime.deploy import deploy
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.native.stack import Stack
from workers.runtime.settings import Settings


@pytest.fixture(scope="session")
def settings(engine: Stack | Containers) -> Settings:
    environment = engine.environment()
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in environment.items()}
    return Settings.model_validate({**values, "shopify_secrets": SECRET, "api_tokens": TOKEN})


@pytest.fixture(scope="session")
async def floor(engine: Stack | Containers, settings: Settings) -> AsyncIterator[Floor]:
    url = str(settings.database_url)
    await asyncio.to_thread(migrate.upgrade, url)
    stop = asyncio.Event()
    async with MockWorld(url) as world, bootstrap.assemble(settings) as app:
        server = uvicorn.Server(
            uvicorn.Config(create_app(app), host=settings.api_host, port=settings.api_port, log_level="warning")
        )
        serving = asyncio.create_task(server.serve())
        await deploy(app.engine, app.processes)
        jobs = [job for process in app.processes for job in process.jobs]
        working = asyncio.create_task(Host(jobs, GrpcJobGateway(app.engine.channel)).run(stop))
        async with httpx.AsyncClient(base_url=engine.api_url) as http:
            yield Floor(app, world, http, engine.management_url)
        stop.set()
        server.should_exit = True
        await asyncio.gather(working, serving)
