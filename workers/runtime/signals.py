"""Being told to stop."""

import asyncio
import os
import signal
import threading

HARD_STOP_SECONDS = 30.0
"""However stuck a shutdown is, it ends then."""


def told_to_stop(hard_stop_seconds: float = HARD_STOP_SECONDS) -> asyncio.Event:
    """Set by SIGTERM or SIGINT, which also start the clock that ends a shutdown that hangs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        end_within(hard_stop_seconds)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal)
    return stop


def end_within(seconds: float = HARD_STOP_SECONDS) -> None:
    """End this process with code 1 after that time, however it hangs."""
    hard_stop = threading.Timer(seconds, os._exit, args=(1,))
    hard_stop.daemon = True
    hard_stop.start()
