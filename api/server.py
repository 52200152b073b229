"""The HTTP server: uvicorn, patient with slow clients for ten seconds and no longer."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""How long a connection may take to send a request's head; for bodies see api/body.py."""
HEAD_BYTES = 64 * 1024
"""How long a request's head may be."""
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


class PromptProtocol(HttpToolsProtocol):
    """Closes a connection that does not send the whole head of its next request in time, or sends one without end.

    uvicorn has a time limit between requests, which the first byte ends, and none for a head that arrives byte by
    byte, nor for the rest of a body whose request was answered; its parser has no limit for a head's size.
    """

    _patience: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it to the same thing
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless this is still a head and more than one may be."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")
        if self._patience is None and self._owes_a_head:
            self._start_clock()

    def on_headers_complete(self) -> None:
        """What follows is the body, or the next head."""
        super().on_headers_complete()
        self._head_bytes = 0
        self._stop_clock()

    def on_body(self, body: bytes) -> None:
        """This was no head."""
        super().on_body(body)
        self._head_bytes = 0

    @property
    def _owes_a_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_clock(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
