"""`make up` and `make down`: whatever a full stack began is gone, and so is whatever it wrote."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.native.test_instances import processes
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import HOST, StackPorts, free_base_port
from workers.runtime.native.processes import wait_gone
from workers.runtime.native.state import State, stop_instance

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def config(scratch: Path) -> Iterator[StackConfig]:
    config = StackConfig(instance="down", home=scratch, base_port=free_base_port(), full=True)
    yield config
    stop_instance(config)


def orderops(config: StackConfig, *arguments: str) -> None:
    """As make calls it."""
    run = subprocess.run(
        [sys.executable, "-m", "workers.runtime.cli", *arguments, "--instance", config.instance],
        env={**os.environ, "ORDEROPS_HOME": str(config.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_down_leaves_nothing_of_a_full_stack(config: StackConfig, full: bool) -> None:
    if not full:
        pytest.skip("a second full stack beside the first takes minutes and 3 GB: run it with --full")
    orderops(config, "up", "--full", "--base-port", str(config.base_port), "--heap", "512m")
    state = State.load(config.state_dir)
    assert state is not None
    assert {"postgres", "broker-1", "search", "webapps", "api"} <= set(state.components)
    everybody = processes(state)
    lasting = [part for part in state.components.values() if part.state != "done"]
    assert all(one.alive() for part in lasting for one in part.identities())
    orderops(config, "down", "--delete")
    assert wait_gone(everybody, 0) == []
    assert not config.state_dir.exists()
    assert config.base_port is not None
    for port, name in StackPorts(config.base_port).named(full=True).items():
        with socket.socket() as probe:
            assert probe.connect_ex((HOST, port)) != 0, f"{name} still listens at {port}"
