"""Sends spans to a collector (OTLP over HTTP): in batches, from a thread, and dropped when they are too many.

Whether the collector answers changes nothing for anybody else: what it does not take is forgotten, memory is
bounded by the queue, and the end of a process waits for it only a moment. Loaded by those who trace only.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from workers.runtime import tracing
from workers.runtime.health import Link
from workers.runtime.metrics import SPANS

QUEUE = 2_048
BATCH = 512
"""Spans, of a few kB each."""
SEND_SECONDS = 3.0
LAST_SECONDS = 1.0
"""How long the end of the process waits for what is left to be sent."""


class Exporter(SpanExporter):
    """OpenTelemetry's own, which logs once per change instead of per batch, and counts."""

    def __init__(self, endpoint: str, seconds: float = SEND_SECONDS) -> None:
        """`seconds` is how long one batch may take."""
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._link = Link("traces", "collector")
        self._inner = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=seconds)
        self._over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, for a few seconds at most."""
        result = SpanExportResult.FAILURE if self._over else self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._link.succeeded()
        elif not self._over:
            self._link.failed("not taken")
        SPANS.labels("sent" if result is SpanExportResult.SUCCESS else "lost").inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Send no more, and stop trying what is under way."""
        if not self._over:
            self._over = True
            self._inner.shutdown()  # type: ignore[no-untyped-call]  # theirs


class Batches(BatchSpanProcessor):
    """Sends what has ended to the collector at this address."""

    def __init__(self, endpoint: str) -> None:
        self._exporter = Exporter(endpoint)
        super().__init__(
            self._exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH, schedule_delay_millis=1_000
        )

    def shutdown(self) -> None:
        """Send what is left, for a moment."""
        last = Thread(target=super().shutdown, daemon=True)
        last.start()
        last.join(LAST_SECONDS)
        self._exporter.shutdown()


@contextmanager
def tracing_to(processor: SpanProcessor, service: str) -> Iterator[None]:
    """Trace for as long as the block lasts; the processor gets every span that ends."""
    resource = Resource.create({"service.name": service})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracing.use(provider.get_tracer("orderops"))
    try:
        yield
    finally:
        tracing.use(None)
        provider.shutdown()
