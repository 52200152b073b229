"""The same orderops as in tests/engine, on the engine of Camunda 8.8."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from sqlalchemy.engine import make_url

from api.main import create_app
from tests.compat.engine88 import Engine88, running_engine88
from tests.decisions.conftest import evaluate  # noqa: F401  # a fixture
from tests.engine.shop_floor import SECRET, TOKEN, Floor
from workers.adapters.mock_world import MockWorld
from workers.casefile import migrate
from workers.casefile.models import Task
from workers.casefile.records import Projection
from workers.runtime import bootstrap
from workers.runtime.deploy import resources
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.native.ports import HOST, free_base_port
from workers.runtime.settings import Settings


@dataclass
class Floor88(Floor):
    """Time passes in the engine itself; there is no management port."""

    engine88: Engine88 = field(kw_only=True)

    async def travel(self, **how_far: float) -> None:
        """Let the engine's time pass; timers that become due fire."""
        step = timedelta(**how_far)
        await asyncio.to_thread(self.engine88.travel, step)
        self.travelled += step

    async def complete(self, task: Task, variables: dict[str, Any]) -> httpx.Response:
        """As far as gRPC reaches: up to the open task."""
        pytest.skip("reached its user task on 8.8; the engine in memory has no REST side to complete it over")


@pytest.fixture(scope="session")
def engine88(scratch: Path) -> Iterator[Engine88]:
    """The engine of Camunda 8.8, without anything deployed."""
    with running_engine88(scratch / "engine88.log") as engine:
        yield engine


@pytest.fixture(scope="session")
def engine(engine88: Engine88) -> Engine88:
    """For fixtures of other folders that only need the engine's gRPC address."""
    return engine88


@pytest.fixture(scope="session")
def settings(engine88: Engine88, database_url: str) -> Settings:
    """Our own database, since the records of another engine may be counted in the session's."""
    database = make_url(database_url)
    with psycopg.connect(_libpq(database_url), autocommit=True) as connection:
        connection.execute("CREATE DATABASE compat")
    return Settings(
        settling_seconds=2,
        database_seconds=15,
        database_url=database.set(database="compat").render_as_string(hide_password=False),
        zeebe_grpc=engine88.grpc_address,
        zeebe_rest=f"http://{HOST}:9",
        api_port=free_base_port(),
        shopify_secrets=SECRET,
        api_tokens=TOKEN,
        link_secret="links",
        records_password="records",
    )


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
async def floor(engine88: Engine88, settings: Settings) -> AsyncIterator[Floor88]:
    """Api, relay and worker host in this process."""
    url = str(settings.database_url)
    await asyncio.to_thread(migrate.upgrade, url)
    stop = asyncio.Event()
    async with MockWorld(url) as world, bootstrap.assemble(settings) as app:
        server = uvicorn.Server(uvicorn.Config(create_app(app), port=settings.api_port, log_level="warning"))
        relaying = asyncio.create_task(app.relay.run())
        jobs = [job for process in app.processes for job in process.jobs]
        await app.engine.deploy(resources())
        host = Host(jobs, GrpcJobGateway(app.engine.channel))
        at_work = asyncio.gather(
            server.serve(),
            host.run(stop),
            _pass_on_records(engine88, app.projection, stop),
        )
        base_url = f"http://{HOST}:{settings.api_port}"
        async with httpx.AsyncClient(base_url=base_url) as http:
            yield Floor88(app, world, http, management_url="", host=host, engine88=engine88)
        stop.set()
        server.should_exit = True
        relaying.cancel()
        await at_work


async def _pass_on_records(engine: Engine88, projection: Projection, stop: asyncio.Event) -> None:
    """What the exporter of a real broker does."""
    reached = -1
    while not stop.is_set():
        if records := await asyncio.to_thread(engine.records, reached):
            await projection.take_in(records)
            reached = records[-1]["position"]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.1)
