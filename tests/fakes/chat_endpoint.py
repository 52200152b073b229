"""A chat endpoint on a real socket that answers, or misbehaves, as the test says."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class ChatEndpoint:
    """What it is to answer next, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.body: bytes | None = None
        """Instead of a proper answer with `content`."""
        self.content: object = {}
        self.usage: object = {"prompt_tokens": 400, "completion_tokens": 100}
        self.seconds = 0.0
        """Before the answer."""
        self.drip = 0.0
        """Between its bytes."""
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []

    @property
    def answer(self) -> bytes:
        """The body of its answer."""
        if self.body is not None:
            return self.body
        text = self.content if isinstance(self.content, str) else json.dumps(self.content)
        return json.dumps({"choices": [{"message": {"content": text}}], "usage": self.usage}).encode()


@contextmanager
def listening() -> Iterator[ChatEndpoint]:
    """The endpoint on a free port of this machine."""
    endpoint = ChatEndpoint()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            endpoint.keys.append(self.headers.get("Authorization", ""))
            time.sleep(endpoint.seconds)
            self.send_response(endpoint.status)
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._write()

        def _write(self) -> None:
            try:
                for at in range(0, len(endpoint.answer), 1 if endpoint.drip else 65_536):
                    self.wfile.write(endpoint.answer[at : at + (1 if endpoint.drip else 65_536)])
                    time.sleep(endpoint.drip)
            except OSError:
                pass  # who asked has gone

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class calls it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
