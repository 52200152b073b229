"""What fault tests kill and freeze is their own: a broker with one orderops on it, and a PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.engine.shop_floor import SECRET, TOKEN, Floor, opened
from tests.faults.mortal_postgres import MortalPostgres, mortal_postgres
from tests.faults.own_broker import OwnBroker
from workers.runtime.native.camunda import Records
from workers.runtime.native.ports import HOST, StackPorts, free_base_port
from workers.runtime.settings import Settings


@pytest.fixture(scope="package")
def ports() -> StackPorts:
    return StackPorts(free_base_port())


@pytest.fixture(scope="package")
async def broker(scratch: Path, ports: StackPorts) -> AsyncIterator[OwnBroker]:
    records = Records(url=f"http://{HOST}:{ports.bridge}", password="records", bulk=100)
    broker = OwnBroker(scratch / "own-broker", ports, records)
    try:
        await broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="package")
def own_database(database_url: str) -> str:
    """A database that no other test empties, on the session's server."""
    name = f"faults_{uuid4().hex}"
    server = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    return make_url(database_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="package")
async def floor(broker: OwnBroker, own_database: str, ports: StackPorts) -> AsyncIterator[Floor]:
    api_url = f"http://{HOST}:{ports.api}"
    settings = Settings.model_validate(
        {
            "database_url": own_database,
            "zeebe_grpc": broker.grpc_address,
            "zeebe_rest": broker.rest_url,
            "api_host": HOST,
            "api_port": ports.api,
            "bridge_port": ports.bridge,
            "public_url": api_url,
            "link_secret": "links",
            "records_password": "records",
            "shopify_secrets": SECRET,
            "api_tokens": TOKEN,
        }
    )
    async with opened(settings, api_url, broker.management_url) as floor:
        yield floor


@pytest.fixture(scope="session")
def one_mortal_postgres(scratch: Path) -> Iterator[MortalPostgres]:
    with mortal_postgres(scratch / "mortal") as postgres:
        yield postgres


@pytest.fixture
def postgres(one_mortal_postgres: MortalPostgres) -> Iterator[MortalPostgres]:
    """A PostgreSQL to freeze and kill; it runs again afterwards, whatever the test left it in."""
    yield one_mortal_postgres
    one_mortal_postgres.revive()
