"""Small programs under supervision, and a web server that can break in the ways real ones do."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workers.runtime.native.state import State, own_identity
from workers.runtime.native.supervisor import Supervisor


@dataclass
class Mirror:
    """Serves one file. `cut_after` breaks the first answer off, `ranges` is whether it can continue a download."""

    content: bytes
    cut_after: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        end, self.cut_after = self.cut_after, None
        handler.wfile.write(self.content[start:end])
        handler.close_connection = True


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    served = Mirror(bytes(range(256)) * 4000)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}/file.tar.gz"
        yield served
        server.shutdown()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(State(own_identity(), "foreground"), tmp_path)
    yield supervisor
    supervisor.stop()
