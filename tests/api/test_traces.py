"""One trace from the webhook over the inbox, the message and the job to the provider's call."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import delete
from structlog.testing import capture_logs

from tests.api.conftest import BEARER, Post, assert_problem, inbox_rows, new_order_id, order
from tests.fakes.job_gateway import Failed, FakeJobGateway, make_job
from tests.fakes.publisher import FakePublisher
from tests.processes.bench import Bench
from workers.casefile.db import Database
from workers.casefile.models import InboxRow
from workers.runtime import tracing
from workers.runtime.dispatch import Dispatcher
from workers.runtime.errors import NeedsHuman
from workers.runtime.host import Host
from workers.runtime.jobs import CASE_URL, Job
from workers.runtime.otlp import QUEUE, Batches, Exporter, tracing_to
from workers.runtime.relay import Relay

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


class Spans:
    """What was traced."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def path(self, name: str) -> list[str]:
        """The names from this span up to the one that has no parent among them."""
        by_id = {span.context.span_id: span for span in self.all().values() if span.context}
        found, names = self.all().get(name), list[str]()
        while found is not None:
            names.append(found.name)
            found = by_id.get(found.parent.span_id) if found.parent else None
        return names


@pytest.fixture
def spans() -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    with tracing_to(SimpleSpanProcessor(exporter), "test"):
        yield Spans(exporter)


@pytest.fixture(autouse=True)
async def _empty_inbox(database: Database) -> None:
    """Rows of other tests would be published too."""
    async with database.transaction() as session:
        await session.execute(delete(InboxRow))


async def published(database: Database) -> dict[str, dict[str, Any]]:
    """Publish what is in the inbox; the variables by message id."""
    publisher = FakePublisher()
    await Relay(database, publisher).drain()
    return {message_id: dict(variables) for message_id, variables in publisher.variables.items()}


def trace_ids(spans: Spans) -> set[str]:
    return {f"{span.context.trace_id:032x}" for span in spans.all().values() if span.context}


async def test_one_trace_from_the_webhook_to_the_providers_call(
    post_webhook: Post, database: Database, spans: Spans
) -> None:
    answer = await post_webhook(order(new_order_id()), traceparent=TRACEPARENT)
    assert answer.headers["x-trace-id"] == TRACE
    [variables] = (await published(database)).values()

    bench = Bench(database)
    await bench.jobs.get_order(bench.id)
    job = Job("fulfillment.place_supplier_order", bench.jobs.place_supplier_order)
    wanted = {"shopify_order_id": bench.id, "supplier": "cj", "agreed_cost": 5000, "currency": "EUR"}
    raw = make_job(job.type, **variables | wanted)
    await Dispatcher(job, FakeJobGateway()).do(raw, 60)

    assert trace_ids(spans) == {TRACE}
    assert spans.path("supplier_order call") == [
        "supplier_order call",
        "fulfillment.place_supplier_order",
        "publish order_paid",
        "POST /webhooks/shopify/{topic}",
    ]
    outermost = spans.all()["POST /webhooks/shopify/{topic}"].parent
    assert outermost is not None
    assert f"{outermost.span_id:016x}" == CALLER


async def test_a_problem_names_the_trace_under_which_it_is_found(post_webhook: Post, spans: Spans) -> None:
    problem = assert_problem(await post_webhook(order(1), signature="wrong"), 401, "bad-signature")
    assert trace_ids(spans) == {problem["trace_id"]}


async def test_a_message_to_a_running_instance_is_linked_and_does_not_take_its_trace_over(
    post_webhook: Post, database: Database, spans: Spans
) -> None:
    order_id = new_order_id()
    cancelled = order(order_id, cancelled_at="2026-03-02T10:00:00Z")
    await post_webhook(cancelled, topic="orders-cancelled", traceparent=TRACEPARENT)
    variables, of_tracking = (await published(database)).values()
    assert set(variables) - {CASE_URL} == {"shopify_order_id", tracing.MESSAGE}
    assert set(of_tracking) == {"shopify_order_id", "heard_before", tracing.MESSAGE}

    async def handler(shopify_order_id: str) -> None: ...

    own: dict[str, Any] = {tracing.INSTANCE: f"00-{'1' * 32}-{'2' * 16}-01"}
    job = Job("test.linked", handler)
    await Dispatcher(job, FakeJobGateway()).do(make_job(job.type, **variables, **own), 60)
    done = spans.all()[job.type]
    assert done.context
    assert f"{done.context.trace_id:032x}" == "1" * 32
    assert [f"{link.context.trace_id:032x}" for link in done.links] == [TRACE]
    job = Job("test.started_by_it", handler)
    await Dispatcher(job, FakeJobGateway()).do(make_job(job.type, **variables), 60)
    assert spans.path(job.type)[-1] == "POST /webhooks/shopify/{topic}"


@pytest.mark.parametrize("rubbish", ["nonsense", 7, None, {"a": 1}, "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_rubbish_in_the_variable_begins_a_trace_of_its_own(rubbish: object, spans: Spans) -> None:
    async def handler(shopify_order_id: str) -> None: ...

    gateway = FakeJobGateway()
    job = Job("test.rubbish", handler)
    travelled: dict[str, Any] = {tracing.INSTANCE: rubbish, tracing.MESSAGE: rubbish}
    raw = make_job(job.type, shopify_order_id="1", **travelled)
    await Dispatcher(job, gateway).do(raw, 60)
    assert len(gateway.told) == 1
    assert spans.all()[job.type].parent is None


async def test_the_trace_is_in_the_incident_and_the_errors_text_is_not_in_the_trace(spans: Spans) -> None:
    async def handler(shopify_order_id: str) -> None:
        raise ValueError("Canary Street 5")

    gateway = FakeJobGateway()
    await Dispatcher(Job("test.fails", handler), gateway).do(make_job("test.fails", 1, shopify_order_id="1"), 60)
    [told] = gateway.told
    assert isinstance(told, Failed)
    assert trace_ids(spans) == {told.message.partition("trace ")[2].rstrip(")")}
    failed = spans.all()["test.fails"]
    assert failed.status.status_code is StatusCode.ERROR
    assert "Canary" not in failed.to_json()
    assert not failed.events


def hosted() -> tuple[str, ...]:
    """The variables that a host asks for on behalf of a handler that wants the order's id."""

    async def do(shopify_order_id: str) -> None:
        raise NeedsHuman("never done")

    lanes = Host([Job("test.do", do)], FakeJobGateway())._lanes
    return lanes["test.do"]._wanted.variables


async def test_variables_are_fetched_and_sent_only_while_tracing(
    post_webhook: Post, database: Database, client: httpx.AsyncClient
) -> None:
    assert hosted() == ("shopify_order_id",)
    order_id = new_order_id()
    await post_webhook(order(order_id), traceparent=TRACEPARENT)
    [row] = await inbox_rows(database, str(order_id))
    assert set(row.variables) - {CASE_URL} == {"shopify_order_id"}
    with tracing_to(SimpleSpanProcessor(InMemorySpanExporter()), "test"):
        assert hosted() == ("shopify_order_id", *tracing.VARIABLES)


async def test_callers_cannot_send_the_variable_themselves(client: httpx.AsyncClient, spans: Spans) -> None:
    body = orjson.dumps({"shopify_order_id": "77", tracing.INSTANCE: TRACEPARENT})
    headers = {**BEARER, "Idempotency-Key": "x", "Content-Type": "application/json"}
    answer = await client.post("/processes/fulfillment/instances", content=body, headers=headers)
    assert_problem(answer, 422, "invalid")


async def test_those_who_watch_and_the_engines_records_make_no_spans(
    client: httpx.AsyncClient, bridge: httpx.AsyncClient, spans: Spans
) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        await client.get(path)
        await bridge.get(path)
    await bridge.post("/_bulk")
    assert spans.all() == {}


@contextmanager
def collector(*, listens: bool) -> Iterator[str]:
    """One that refuses every connection, or takes them and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "hangs"])
class TestBackendDown:
    """Traces that nobody takes change nothing: no waiting, no growing, one line in the log."""

    def test_work_goes_on_memory_is_bounded_and_the_end_is_quick(self, listens: bool) -> None:
        raw = make_job(shopify_order_id="1")
        with collector(listens=listens) as endpoint, capture_logs() as lines:
            processor = Batches(endpoint)
            with tracing_to(processor, "test"):
                longest = 0.0
                for _ in range(QUEUE * 3):
                    began = time.perf_counter()
                    with tracing.job(raw):
                        pass
                    longest = max(longest, time.perf_counter() - began)
                waiting = len(processor._batch_processor._queue)
                ended = time.monotonic()
            took = time.monotonic() - ended
        assert longest < 2, "a span waited for the collector"
        assert 0 < waiting <= QUEUE
        assert took < 6
        assert len(lines) <= 1

    def test_it_is_logged_once_and_not_by_the_library(
        self, listens: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        spans = InMemorySpanExporter()
        with tracing_to(SimpleSpanProcessor(spans), "test"), tracing.job(make_job()):
            pass
        with collector(listens=listens) as endpoint, capture_logs() as lines, caplog.at_level(logging.DEBUG):
            exporter = Exporter(endpoint, seconds=0.5)
            for _ in range(2):
                exporter.export(spans.get_finished_spans())
        assert [line["event"] for line in lines] == ["collector.lost"]
        assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
