"""Runs one program and ends it when the process that started us ends, in whatever way that happens.

The starter holds the other end of our standard input. Once it closes it, or dies and the kernel closes it, the
program's process group gets the stop signal and, after a limit, SIGKILL. Standard library only: this must start
fast and work in any state of the rest.

    python leash.py SIGNAL SECONDS USER NICENESS PROGRAM [ARGUMENT …]     USER is uid:gid, or - for the present one
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_AUTOGROUP = "/proc/self/autogroup"


def _die_with_parent() -> None:
    """On Linux the program also dies when we are killed ourselves; elsewhere the starter sees that and ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(program: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


def _stop(program: "subprocess.Popen[bytes]", number: int, limit: float) -> None:
    _signal_group(program, number)
    deadline = time.monotonic() + limit
    while program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(program, signal.SIGKILL)


def _stop_at_end_of_input(program: "subprocess.Popen[bytes]", number: int, limit: float) -> None:
    while os.read(0, 1024):
        pass
    _stop(program, number, limit)


def main(arguments: list[str]) -> int:
    """Runs the program and returns its exit code, negative for a signal as subprocess has it."""
    number, limit, user = signal.Signals[arguments[0]], float(arguments[1]), arguments[2]
    _yield(int(arguments[3]))
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    program = subprocess.Popen(
        arguments[4:],
        stdin=subprocess.DEVNULL,
        stdout=2,
        process_group=0,
        user=None if user == "-" else int(user.split(":")[0]),
        group=None if user == "-" else int(user.split(":")[1]),
        extra_groups=None if user == "-" else [],
        preexec_fn=_default_signals,  # noqa: PLW1509  # no thread has been started yet
    )
    os.write(1, b"%d\n" % program.pid)
    threading.Thread(target=_stop_at_end_of_input, args=(program, number, limit), daemon=True).start()
    code = program.wait()
    _signal_group(program, signal.SIGKILL)
    return code


def _yield(niceness: int) -> None:
    """Let others go first; what we start inherits it.

    Where Linux groups processes by session (sched(7), autogroup), niceness counts within a session only, and
    between them that of the session. Linux takes one change in 100 ms of those who may not do everything.
    """
    os.nice(niceness)
    for _ in range(20):
        try:
            with open(_AUTOGROUP, "w") as session:  # noqa: PTH123  # pathlib takes a while to import
                session.write(str(niceness))
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:  # no Linux, or no such groups
            return
        else:
            return


def _default_signals() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)
    _die_with_parent()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) % 256)
