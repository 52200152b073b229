"""What is started is watched, started again, and never outlives who started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.runtime.errors import UserError
from workers.runtime.native.children import Child, Program
from workers.runtime.native.config import StackConfig
from workers.runtime.native.processes import Identity, wait_gone
from workers.runtime.native.state import Component, State, stop_instance
from workers.runtime.native.supervisor import Supervisor

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
STARTER = """
import sys, time
from pathlib import Path
from workers.runtime.native.children import Child, Program
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = Child(Program(name="sleeper", command=sleep, log=Path(sys.argv[1])))
print(child.pid, child.leash_pid, flush=True)
time.sleep(600)
"""


def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestTheLeash:
    def test_a_program_ends_when_its_starter_is_killed(self, tmp_path: Path) -> None:
        starter = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
        )
        with starter:
            assert starter.stdout
            pids = [int(pid) for pid in starter.stdout.readline().split()]
            identities = [Identity.of(pid) for pid in pids]
            starter.kill()
        assert wait_gone(identities, 10) == []

    def test_one_that_will_not_end_is_made_to(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        child = Child(Program(name="stubborn", command=STUBBORN, log=log, stop_seconds=0.2))
        eventually(lambda: "deaf" in log.read_text())
        identity = Identity.of(child.pid)
        child.stop()
        assert not identity.alive()

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a program to its parent's life")
    def test_a_program_ends_when_even_the_leash_is_killed(self, tmp_path: Path) -> None:
        child = Child(Program(name="sleeper", command=SLEEPER, log=tmp_path / "log"))
        identity = Identity.of(child.pid)
        os.kill(child.leash_pid, signal.SIGKILL)
        assert wait_gone([identity], 10) == []
        child.stop()

    def test_one_that_lets_others_go_first_does_so_among_sessions_too(self, tmp_path: Path) -> None:
        """Linux weighs whole sessions against each other, and each program here has its own."""
        child = Child(Program(name="sleeper", command=SLEEPER, log=tmp_path / "log", niceness=7))
        session = Path(f"/proc/{child.pid}/autogroup")
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 7
        if session.exists():
            assert session.read_text().endswith("nice 7\n")
        child.stop()


class TestTheSupervisor:
    def test_what_ends_on_its_own_is_started_again(self, supervisor: Supervisor, tmp_path: Path) -> None:
        supervisor.start(Program(name="sleeper", command=SLEEPER, log=tmp_path / "log"))
        supervisor.wait_ready("sleeper")
        first = supervisor.pid("sleeper")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: supervisor.state.components["sleeper"].restarts == 1)
        assert supervisor.pid("sleeper") != first

    def test_what_is_killed_on_purpose_stays_away_as_long_as_wished_and_is_never_given_up(
        self, supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workers.runtime.native.supervisor.RESTARTS", 0)
        supervisor.start(Program(name="sleeper", command=SLEEPER, log=tmp_path / "log"))
        supervisor.wait_ready("sleeper")
        first, began = supervisor.pid("sleeper"), time.monotonic()
        assert supervisor.kill("sleeper", 0.7)
        eventually(lambda: supervisor.state.components["sleeper"].state == "restarting")
        assert not supervisor.kill("sleeper", 0)
        eventually(lambda: supervisor.state.components["sleeper"].restarts == 1)
        assert time.monotonic() - began >= 0.7
        assert supervisor.pid("sleeper") != first

    def test_one_that_keeps_ending_is_given_up(
        self, supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workers.runtime.native.supervisor.RESTARTS", 1)
        program = Program(
            name="short", command=[sys.executable, "-S", "-c", "raise SystemExit(3)"], log=tmp_path / "log"
        )
        supervisor.start(program)
        supervisor.wait_ready("short")
        eventually(lambda: supervisor.state.components["short"].state == "failed")

    def test_a_failed_start_shows_the_end_of_the_log(self, supervisor: Supervisor, tmp_path: Path) -> None:
        command = [sys.executable, "-S", "-c", "raise SystemExit('no such thing')"]
        supervisor.start(
            Program(name="short", command=command, log=tmp_path / "log", ready=lambda: False, ready_seconds=10)
        )
        with pytest.raises(UserError, match=r"stopped while starting.*\nno such thing"):
            supervisor.wait_ready("short")


class TestStaleState:
    def test_a_process_that_only_has_the_number_is_not_touched(self, tmp_path: Path) -> None:
        """The instance died long ago, and its processes' numbers belong to somebody else now."""
        with subprocess.Popen(SLEEPER) as somebody:
            try:
                stale = Identity(somebody.pid, Identity.of(somebody.pid).created - 1000)
                config = StackConfig(instance="stale", home=tmp_path)
                config.state_dir.mkdir(parents=True)
                parts = {"broker-1": Component("broker-1", "ready", program=stale, leash=stale)}
                State(stale, "keeper", components=parts).save(config.state_dir)
                assert stop_instance(config) is False
                assert somebody.poll() is None
                assert not (config.state_dir / "state.json").exists()
            finally:
                somebody.kill()

    def test_what_a_dead_keeper_left_is_ended(self, tmp_path: Path) -> None:
        with subprocess.Popen(SLEEPER) as left:
            config = StackConfig(instance="left", home=tmp_path)
            config.state_dir.mkdir(parents=True)
            gone = Identity(left.pid, 1.0)
            parts = {"worker": Component("worker", "ready", program=Identity.of(left.pid))}
            State(gone, "keeper", components=parts).save(config.state_dir)
            assert stop_instance(config) is True
            assert left.wait(5) < 0
