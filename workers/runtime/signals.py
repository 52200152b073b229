"""Being told to stop."""

import asyncio
import os
import signal
import threading
from types import FrameType

HARD_STOP_SECONDS = 30.0
"""However stuck a shutdown is, it ends then."""


def told_to_stop(hard_stop_seconds: float = HARD_STOP_SECONDS) -> asyncio.Event:
    """Set by SIGTERM or SIGINT, which also start the clock that ends a shutdown that hangs.

    The clock is started by the signal itself, not by the event loop: what hangs may be the loop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        end_within(hard_stop_seconds)
        loop.call_soon_threadsafe(stop.set)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, on_signal)
    return stop


def end_within(seconds: float = HARD_STOP_SECONDS) -> None:
    """End this process with code 1 after that time, however it hangs."""
    hard_stop = threading.Timer(seconds, os._exit, args=(1,))
    hard_stop.daemon = True
    hard_stop.start()
