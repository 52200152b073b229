"""A bridge in a program of its own, without an engine: what is sent to it, and how it dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from workers.runtime.native.ports import free_base_port

ENGINE = httpx.BasicAuth("zeebe", "records-password")
NDJSON = {"Content-Type": "application/json"}


@dataclass
class Running:
    """One `orderops bridge`."""

    process: "subprocess.Popen[bytes]"
    url: str

    def kill(self) -> None:
        """SIGKILL, and it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def start(database_url: str, log: Path) -> Running:
    """Start the program on a free port; returns when it answers."""
    port = free_base_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ORDEROPS_")},
        "ORDEROPS_DATABASE_URL": database_url,
        "ORDEROPS_LINK_SECRET": "links",
        "ORDEROPS_RECORDS_PASSWORD": "records-password",
        "ORDEROPS_BRIDGE_PORT": str(port),
        "ORDEROPS_ZEEBE_GRPC": "127.0.0.1:9",
        "ORDEROPS_ZEEBE_REST": "http://127.0.0.1:9",
        "ORDEROPS_LOG_FORMAT": "json",
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.cli", "bridge"], env=environment, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    bridge = Running(process, url)
    try:
        _until(lambda: _answers(f"{url}/livez"), log)
    except AssertionError:
        bridge.kill()
        raise
    return bridge


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
