"""Whole instances: side by side, on this machine only, and gone with their keeper."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig
from workers.runtime.native.health import answers
from workers.runtime.native.jvm import COMPILE_QUICKLY
from workers.runtime.native.keeper import start_keeper
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.processes import Identity, wait_gone
from workers.runtime.native.stack import Stack
from workers.runtime.native.state import State, stop_instance

pytestmark = pytest.mark.engine


@pytest.fixture
def config(scratch: Path) -> Iterator[StackConfig]:
    config = StackConfig(instance="second", home=scratch, base_port=free_base_port(), apps=False, heap="512m")
    yield config
    stop_instance(config)


def processes(state: State) -> list[Identity]:
    return [state.owner, *(one for part in state.components.values() for one in part.identities())]


def test_a_second_instance_runs_beside_the_first_until_its_keeper_is_killed(
    engine: Stack, config: StackConfig
) -> None:
    state = start_keeper(config, lambda _: None)
    assert set(state.components) == {"broker-1", "postgres"}
    with pytest.raises(UserError, match="already running"):
        Stack(config).start()
    for management in (engine.management_url, state.urls["management"]):
        assert answers(f"{management}/actuator/health/status")
    os.kill(state.owner.pid, signal.SIGKILL)
    assert wait_gone(processes(state), 30) == []
    assert answers(f"{engine.management_url}/actuator/health/status")


def test_killing_up_before_it_is_ready_stops_what_it_began(config: StackConfig) -> None:
    arguments = ["up", "--no-apps", "--instance", config.instance, "--base-port", str(config.base_port)]
    up = subprocess.Popen(
        [sys.executable, "-m", "workers.runtime.cli", *arguments],
        env={**os.environ, "ORDEROPS_HOME": str(config.home)},
        stdout=subprocess.DEVNULL,
    )
    with up:
        deadline = time.monotonic() + 60
        while not ((state := State.load(config.state_dir)) and "postgres" in state.components):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        up.kill()
    assert wait_gone(processes(state), 40) == []


def test_nothing_listens_beyond_this_machine(native_engine: Stack) -> None:
    """Gateway, REST, management, command and internal API, and the gossip's UDP socket.

    The engine's name resolver may ask from a socket of its own, at a port that nobody is told.
    """
    broker = psutil.Process(native_engine.pid("broker-1")).net_connections("inet")
    ours = native_engine.ports.named(apps=False)
    listening = [one for one in broker if one.status == psutil.CONN_LISTEN or (one.laddr and one.laddr[1] in ours)]
    assert {one.laddr[1] for one in listening} == set(ours)
    assert {one.laddr[0].removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}, listening
    server = psutil.Process(native_engine.pid("postgres"))
    assert not [one for process in (server, *server.children()) for one in process.net_connections("inet")]


def test_a_short_lived_engine_is_compiled_quickly(native_engine: Stack) -> None:
    """This one lives for the tests."""
    options = (native_engine.state_dir / "broker-1" / "java.args").read_text()
    assert COMPILE_QUICKLY in options


def test_every_process_is_recorded_with_its_time_of_creation(native_engine: Stack) -> None:
    """That is what `down` goes by."""
    state = State.load(native_engine.state_dir)
    assert state is not None
    assert all(one.alive() for one in processes(state))
