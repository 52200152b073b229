"""The keeper: one detached process per instance that `orderops up` leaves behind, and how `up` talks to it.

`up` writes the configuration to the keeper's input, reads what happens from its output, and in the end writes
“keep”. If the input ends before that, `up` is gone (Ctrl-C, kill -9, a crash) and the keeper stops everything.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from workers.runtime.errors import UserError
from workers.runtime.native.children import last_lines, rotate
from workers.runtime.native.config import StackConfig
from workers.runtime.native.stack import Stack
from workers.runtime.native.state import State
from workers.runtime.native.supervisor import Stopped

KEEP = "keep"


def start_keeper(config: StackConfig, report: Callable[[str], None]) -> State:
    """Starts the instance and leaves it running; returns its state when all is ready.

    Raises UserError when something does not come up, and KeyboardInterrupt; nothing runs after either.
    """
    log = config.logs_dir / "keeper.log"
    rotate(log)
    lifeline, said = _launch(log)
    with os.fdopen(said) as lines, os.fdopen(lifeline, "w", buffering=1) as starter:
        starter.write(config.to_json() + "\n")
        try:
            _follow(lines, report, log)
        except BaseException:
            starter.close()
            lines.read()  # ends when the keeper has stopped everything and ended
            raise
        starter.write(KEEP + "\n")
    state = State.load(config.state_dir)
    if state is None:
        raise UserError("The instance was stopped while it started.")
    return state


def _launch(log: Path) -> tuple[int, int]:
    """Starts the keeper; returns our ends of its input and output."""
    held, lifeline = os.pipe()
    said, answer = os.pipe()
    with log.open("ab") as errors:
        command = [sys.executable, "-m", "workers.runtime.native.keeper"]
        subprocess.run(
            command, stdin=held, stdout=answer, stderr=errors, start_new_session=True, cwd="/", check=True
        )
    os.close(held)
    os.close(answer)
    return lifeline, said


def _follow(lines: Iterable[str], report: Callable[[str], None], log: Path) -> None:
    """Reports what the keeper says until it is ready."""
    for line in lines:
        event = json.loads(line)
        if "error" in event:
            raise UserError(event["error"], hint=event["hint"])
        if "ready" in event:
            return
        report(event["step"])
    raise UserError(f"The keeper ended unexpectedly.\n{last_lines(log)}", hint=f"Its log is {log}.")


def main() -> int:
    """The keeper itself. It is nobody's child, so that nobody has to wait for it."""
    if os.fork():
        os._exit(0)
    starter = sys.stdin
    config = StackConfig.from_json(starter.readline())
    try:
        stack = Stack(config, "keeper")
        stopping = stack.supervisor.stopping
        _stop_at_signals(stopping)
        following = threading.Thread(target=_follow_starter, args=(starter, stopping), daemon=True)
        following.start()
        stack.start(lambda step: _tell(step=step))
    except UserError as error:
        _tell(error=str(error), hint=error.hint)
        return 1
    except Stopped:
        return 1
    _tell(ready=True)
    following.join()
    _let_go_of_starter()
    stopping.wait()
    stack.stop()
    return 0


def _stop_at_signals(stopping: threading.Event) -> None:
    def stop(_number: int, _frame: object) -> None:
        # from a thread of its own: the interrupted code may hold the event's lock
        threading.Thread(target=stopping.set).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _follow_starter(starter: IO[str], stopping: threading.Event) -> None:
    """Stops everything unless the starter says to keep it."""
    if starter.readline().strip() != KEEP:
        stopping.set()


def _tell(**event: object) -> None:
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


def _let_go_of_starter() -> None:
    """From now on there is nobody to read our output."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
