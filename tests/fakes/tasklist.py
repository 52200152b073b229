"""The OpenSearch of a Tasklist that imports its forms only after it was asked for them some times."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson


@dataclass
class FakeSearch:
    """There is no index the first time, then as many forms as `has`, and all of them when asked `behind` times."""

    behind: int
    has: int = 0
    url: str = ""
    asked: int = 0

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, object]]:
        """What was imported of the forms asked for."""
        self.asked += 1
        if self.asked == 1 or path != "/tasklist-form-8.4.0_/_search":
            return 404, {"error": "no such index"}
        wanted: list[str] = orjson.loads(body)["query"]["terms"]["id"]
        imported = wanted if self.asked > self.behind else wanted[: self.has]
        return 200, {"hits": {"hits": [{"_source": {"id": key}} for key in imported]}}


@contextmanager
def running_search(behind: int, has: int = 0) -> Iterator[FakeSearch]:
    """One for as long as the block lasts."""
    search = FakeSearch(behind, has)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, content = search.answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            raw = orjson.dumps(content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        search.url = f"http://127.0.0.1:{server.server_port}"
        yield search
        server.shutdown()
