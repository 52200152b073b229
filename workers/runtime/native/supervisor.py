"""Starts programs, watches them, starts again what ends on its own, and stops all in reverse order."""

import os
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import psutil

from workers.runtime.errors import UserError
from workers.runtime.native.children import Child, Program, last_lines
from workers.runtime.native.processes import Identity
from workers.runtime.native.state import Component, State

RESTARTS = 5
RESTARTS_SECONDS = 60


class Stopped(Exception):
    """The stack is being stopped while it starts."""


class Supervisor:
    """The children of one instance. Every change is written to the instance's state file."""

    def __init__(self, state: State, state_dir: Path) -> None:
        self.state = state
        self._state_dir = state_dir
        self._children: dict[str, Child] = {}
        self._lock = threading.RLock()
        self._down: dict[str, float] = {}
        """Killed on purpose: for how many seconds each stays away."""
        self.stopping = threading.Event()

    def start(self, program: Program) -> None:
        """Starts a program; `wait_ready` waits for it and has it watched."""
        with self._lock:
            if self.stopping.is_set():
                raise Stopped
            child = Child(program)
            self._children[program.name] = child
            part = self.state.components.setdefault(program.name, Component(program.name))
            part.address, part.log, part.state = program.address, str(program.log), "starting"
            part.program, part.leash = _identity(child.pid), _identity(child.leash_pid)
            self.state.save(self._state_dir)

    def wait_ready(self, name: str) -> None:
        """Waits until it is ready, and from then on starts it again whenever it ends.

        Raises UserError with the end of its log when it ends or takes too long, Stopped when all is being stopped.
        """
        child = self._children[name]
        self._await(child)
        self._set(name, "ready")
        threading.Thread(target=self._watch, args=(name,), name=f"watch-{name}", daemon=True).start()

    def run(self, program: Program) -> None:
        """Runs a program to its end; raises UserError with the end of its log when that is not a success."""
        self.start(program)
        child = self._children[program.name]
        deadline = time.monotonic() + program.ready_seconds
        while child.running():
            if self.stopping.wait(0.05):
                raise Stopped
            if time.monotonic() > deadline:
                raise _failed(program, f"did not end within {program.ready_seconds:.0f} s")
        if code := child.wait():
            raise _failed(program, f"failed with code {code}")
        self._set(program.name, "done")

    def pid(self, name: str) -> int:
        """The process of a component."""
        return self._children[name].pid

    def kill(self, name: str, down_seconds: float) -> bool:
        """Kills a component as a crash would (SIGKILL), and starts it again only after so many seconds.

        False when it is not running at the moment; nothing happens then.
        """
        child = self._children[name]
        if not child.running():
            return False
        self._down[name] = down_seconds
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        return True

    def stop(self) -> None:
        """Stops everything, last started first. Harmless to repeat."""
        self.stopping.set()
        with self._lock:
            for name, child in reversed(self._children.items()):
                child.stop()
                if self.state.components[name].state != "done":
                    self._set(name, "stopped")

    def _await(self, child: Child) -> None:
        program = child.program
        deadline = time.monotonic() + program.ready_seconds
        while not program.ready():
            if not child.running():
                raise _failed(program, "stopped while starting")
            if time.monotonic() > deadline:
                raise _failed(program, f"was not ready within {program.ready_seconds:.0f} s")
            if self.stopping.wait(0.1):
                raise Stopped

    def _watch(self, name: str) -> None:
        """Starts the component again after each end, with a growing pause, at most 5 times a minute.

        What was killed on purpose does not count: it says nothing about the program.
        """
        ends: deque[float] = deque(maxlen=RESTARTS)
        while True:
            self._children[name].wait()
            if self.stopping.is_set():
                return
            if (down := self._down.pop(name, None)) is not None:
                self._set(name, "restarting")
                if self.stopping.wait(down) or not self._restart(name):
                    return
                continue
            if len(ends) == RESTARTS and time.monotonic() - ends[0] < RESTARTS_SECONDS:
                self._set(name, "failed")
                return
            recent = sum(time.monotonic() - one < RESTARTS_SECONDS for one in ends)
            ends.append(time.monotonic())
            self._set(name, "restarting")
            if self.stopping.wait(0.5 * 2**recent) or not self._restart(name):
                return

    def _restart(self, name: str) -> bool:
        """Starts it again; False when everything is being stopped."""
        self._children[name].stop()
        try:
            self.start(self._children[name].program)
            self.state.components[name].restarts += 1
            self._await(self._children[name])
            self._set(name, "ready")
        except Stopped:
            return False
        except UserError:  # it ended again or hangs; the watch goes on and counts
            self._children[name].stop()
        return True

    def _set(self, name: str, state: str) -> None:
        with self._lock:
            self.state.components[name].state = state
            self.state.save(self._state_dir)


def _identity(pid: int) -> Identity | None:
    try:
        return Identity.of(pid)
    except psutil.NoSuchProcess:  # it has ended already; waiting for it will tell
        return None


def _failed(program: Program, what: str) -> UserError:
    return UserError(
        f"The {program.name} {what}. The end of its log:\n{last_lines(program.log)}",
        hint=f"The whole log is {program.log}.",
    )
