"""A PostgreSQL and programs of ours beside it, without an engine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from workers.casefile import migrate
from workers.runtime.native.children import Child, Program
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.postgres import prepare_postgres

ENGINE = httpx.BasicAuth("zeebe", "records-password")
TOKEN = "scale-token"
NDJSON = {"Content-Type": "application/json"}


@contextmanager
def running_postgres(folder: Path) -> Iterator[tuple[str, int]]:
    """Its address, migrated, and its process id."""
    postgres = prepare_postgres(folder / "pg")
    server = Child(
        Program(name="postgres", command=postgres.command, user=postgres.user, log=folder / "postgres.log")
    )
    try:
        _until(postgres.answers, folder / "postgres.log")
        migrate.upgrade(postgres.url)
        yield postgres.url, server.pid
    finally:
        server.stop()


@dataclass
class Running:
    """One `orderops api` or `orderops bridge`."""

    process: "subprocess.Popen[bytes]"
    url: str

    def kill(self) -> None:
        """SIGKILL, and it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM; returns when it has ended."""
        self.process.terminate()
        self.process.wait(20)


def start(name: str, database_url: str, log: Path) -> Running:
    """Start the program on a free port; returns when it answers."""
    port = free_base_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ORDEROPS_")},
        "ORDEROPS_DATABASE_URL": database_url,
        "ORDEROPS_LINK_SECRET": "links",
        "ORDEROPS_RECORDS_PASSWORD": "records-password",
        "ORDEROPS_API_TOKENS": TOKEN,
        "ORDEROPS_API_PORT": str(port),
        "ORDEROPS_BRIDGE_PORT": str(port),
        "ORDEROPS_ZEEBE_GRPC": "127.0.0.1:9",
        "ORDEROPS_ZEEBE_REST": "http://127.0.0.1:9",
        "ORDEROPS_LOG_FORMAT": "json",
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.cli", name], env=environment, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    _until(lambda: _answers(f"{url}/livez"), log)
    return Running(process, url)


@contextmanager
def running(name: str, database_url: str, log: Path) -> Iterator[Running]:
    """The same until the end of the block."""
    program = start(name, database_url, log)
    try:
        yield program
    finally:
        program.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _until(ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline, log.read_text()[-2_000:]
        time.sleep(0.05)
