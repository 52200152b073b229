"""The HTTP server: uvicorn, patient with slow clients for ten seconds and no longer."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a connection may take to send a request's head; for bodies see api/body.py."""
SHUTDOWN_SECONDS = 15
"""How long requests under way may go on after SIGTERM."""


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, app: FastAPI, on_started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=PromptProtocol,
            ws="none",
            loop="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="on",
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end the server and nothing else: whoever runs it closes what it opened."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class PromptProtocol(H11Protocol):
    """Closes a connection that has not sent the head of its first request in time.

    uvicorn has a time limit between requests, and none for a head that arrives byte by byte.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it to the same thing
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()
