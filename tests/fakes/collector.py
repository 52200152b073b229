"""A collector of traces: takes OTLP over HTTP and keeps the spans, or does not answer at all."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """`spans` are those that arrived, with the service each came from. While it `hangs`, nothing is answered."""

    url: str = ""
    spans: list[tuple[str, Span]] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=threading.Event)
    hanging: int = 0
    """Requests that have got no answer."""

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in group.resource.attributes}
            found = [span for scope in group.scope_spans for span in scope.spans]
            self.spans += [(names["service.name"], span) for span in found]

    def of_trace(self, trace_id: str) -> list[tuple[str, Span]]:
        """The spans of one trace."""
        return [(service, span) for service, span in list(self.spans) if span.trace_id.hex() == trace_id]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """One for as long as the block lasts."""
    collector = Collector()
    collector.goes_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not collector.goes_on.is_set():
                collector.hanging += 1
                collector.goes_on.wait()
                return
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            collector.goes_on.set()
            server.shutdown()
