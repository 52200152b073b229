"""What tests share: one PostgreSQL and, for those that need it, one engine for the whole session."""

import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina.instrumentation

from tests.casefile.history import History
from tests.casefile.own_database import own_database
from tests.containers import Containers, containers_stack
from tests.flows import (
    pytest_collection_finish,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from tests.spread import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from workers.casefile import migrate
from workers.casefile.db import Database
from workers.runtime.errors import UserError
from workers.runtime.native.children import Child, Program
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import StackPorts, free_base_port
from workers.runtime.native.postgres import prepare_postgres
from workers.runtime.native.stack import Stack, running_stack
from workers.runtime.settings import load_settings

os.environ.pop("COLUMNS", None)  # tables are as wide as a test says, not as the terminal is
stamina.instrumentation.set_on_retry_hooks([])  # its default warns on every retry, and warnings are errors here
__all__ = [  # hooks of pytest's
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_xdist_make_scheduler",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the fault tests last."""
    parser.addoption("--full", action="store_true", help="fault tests at their full length: make faults")


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether faults last as long as the figures say, instead of only long enough to be felt."""
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder of this session's, with a short path: a unix socket's name has room for about a hundred letters."""
    with tempfile.TemporaryDirectory(prefix="orderops-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real orders, or a skip that says so."""
    folder = Path(os.environ.get("ORDEROPS_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: ORDEROPS_DATA points to {folder}, which is not there")
    return folder


@pytest.fixture(scope="session")
def database_url(scratch: Path) -> Iterator[str]:
    """A migrated PostgreSQL of this session's."""
    postgres = prepare_postgres(scratch / "pg")
    server = Child(
        Program(name="postgres", command=postgres.command, user=postgres.user, log=scratch / "postgres.log")
    )
    try:
        deadline = time.monotonic() + 30
        while not postgres.answers():
            assert time.monotonic() < deadline, (scratch / "postgres.log").read_text()
            time.sleep(0.05)
        migrate.upgrade(postgres.url)
        yield postgres.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the session's PostgreSQL."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def own(database_url: str) -> AsyncIterator[Database]:
    """A database of this module's own in the same PostgreSQL."""
    async with own_database(database_url) as database:
        yield database


@pytest.fixture
async def history(own: Database, tmp_path: Path) -> History:
    """Nothing has happened in it yet."""
    history = History(own, tmp_path / "anchors.jsonl")
    await history.forget()
    return history


@pytest.fixture(scope="session")
def engine(scratch: Path) -> Iterator[Stack | Containers]:
    """A real broker with a controlled clock, and a PostgreSQL beside it; its records go to our bridge's port.

    Native, or in containers with ORDEROPS_ENGINE=containers.
    """
    base_port = free_base_port()
    ports = StackPorts(base_port)
    if os.environ.get("ORDEROPS_ENGINE") == "containers":
        try:
            with containers_stack(ports, secrets.token_urlsafe()) as stack:
                yield stack
        except UserError as error:
            pytest.exit(f"{error} {error.hint}", returncode=2)
        return
    config = StackConfig(
        instance="tests",
        short_lived=True,
        home=scratch,
        base_port=base_port,
        apps=False,
        controlled_clock=True,
        heap="768m",
        records_url=f"http://127.0.0.1:{ports.bridge}",
        records_bulk=10,
    )
    with running_stack(config) as native:
        yield native


@pytest.fixture(scope="session")
def native_engine(engine: Stack | Containers) -> Stack:
    """The engine, for tests that look at its processes or kill them."""
    if isinstance(engine, Containers):
        pytest.skip("looks at processes of the native engine; ORDEROPS_ENGINE=containers has none")
    return engine


@pytest.fixture
def stack_settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    """Commands find the session's PostgreSQL."""
    for name, text in {"DATABASE_URL": database_url, "LINK_SECRET": "x", "RECORDS_PASSWORD": "x"}.items():
        monkeypatch.setenv(f"ORDEROPS_{name}", text)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()
