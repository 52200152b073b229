"""Traces, logs, incidents and metrics of a whole stack in processes of its own: one trace per order, nobody's data
in any of them, and nothing changes when nobody collects."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import and_, func, select

from tests.engine.orders import an_order
from tests.engine.shop_floor import Floor
from tests.fakes.collector import Collector, running_collector
from tests.faults.somebody import (
    CALLER,
    WAYS,
    Somebody,
    Way,
    asks_by_mail,
    complains_at_helpdesk,
    disputes,
    fine,
    is_hurt,
    sends_back,
    unsupplied,
    wants_advice,
)
from workers.adapters.mock_books import MailRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.models import Case, Incident
from workers.casefile.record_models import Instance
from workers.runtime import bootstrap
from workers.runtime.gateway import GrpcJobGateway
from workers.runtime.host import Host
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.stack import Stack, running_stack
from workers.runtime.settings import Settings

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1_800)]

CANARY = "Kanarie{:05}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True)
class Watched:
    """A running stack, its shop floor, and who collects its traces."""

    stack: Stack
    floor: Floor
    collector: Collector

    def paths(self, trace_id: str, name: str) -> list[list[str]]:
        """The names from each span of this name up to the one that is below the caller's."""
        spans = {span.span_id: span for _, span in self.collector.of_trace(trace_id)}

        def up(from_span: Span) -> list[str]:
            if from_span.parent_span_id.hex() == CALLER:
                return [from_span.name]
            above = spans.get(from_span.parent_span_id)
            return [from_span.name, *(up(above) if above else ["nobody"])]

        return [up(span) for span in spans.values() if span.name == name]

    def logged(self) -> str:
        """Every word of every component, PostgreSQL and the broker included."""
        return "\n".join(path.read_text(errors="replace") for path in self.stack.config.logs_dir.glob("*.log"))


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def stack(collector: Collector, scratch: Path) -> Iterator[Stack]:
    environment = {"ORDEROPS_OTLP_ENDPOINT": collector.url, "ORDEROPS_LOG_FORMAT": "json"}
    config = StackConfig(
        instance="telemetry",
        home=scratch,
        base_port=free_base_port(),
        heap="512m",
        short_lived=True,
        environment=environment,
    )
    with running_stack(config) as stack:
        yield stack


@pytest.fixture(scope="module")
async def watched(stack: Stack, collector: Collector) -> AsyncIterator[Watched]:
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in stack.environment().items()}
    settings = Settings.model_validate(values)
    async with (
        MockWorld(str(settings.database_url)) as world,
        bootstrap.assemble(settings) as app,
        httpx.AsyncClient(base_url=stack.api_url, trust_env=False, timeout=30) as http,
    ):
        secret = settings.shopify_secrets[0].get_secret_value()
        nobody = Host([], GrpcJobGateway(app.engine.channel))  # the stack's own worker does the jobs
        token = settings.api_tokens[0].get_secret_value()
        floor = Floor(app, world, http, stack.management_url, nobody, secret=secret, token=token, patience=300)
        yield Watched(stack, floor, collector)


async def until(look: Any, what: str, seconds: float = 180) -> Any:
    """Wait for what is asynchronous between processes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found := (await found if asyncio.iscoroutine(found) else found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


async def test_one_trace_leads_from_the_webhook_to_the_suppliers_call(watched: Watched) -> None:
    """The caller's trace id is the same in answer, spans of both programs, and logs."""
    answer_trace = await watched.floor.pay(an_order(), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert await watched.floor.ends(answer_trace) == "supplied"

    def all_there() -> bool:
        names = {span.name for _, span in watched.collector.of_trace(TRACE)}
        called = {"supplier_order call", "fulfillment.place_supplier_order", "posting call"}
        return {"POST /webhooks/shopify/{topic}", "publish order_paid", *called} <= names

    await until(all_there, "the spans, which each program sends when it likes")
    spans = watched.collector.of_trace(TRACE)
    assert {service for service, _ in spans} == {"orderops-api", "orderops-bridge", "orderops-worker"}
    assert watched.paths(TRACE, "supplier_order call") == [
        [
            "supplier_order call",
            "fulfillment.place_supplier_order",
            "publish order_paid",
            "POST /webhooks/shopify/{topic}",
        ]
    ]
    for component in ("api", "bridge", "worker"):
        assert TRACE in (watched.stack.config.logs_dir / f"{component}.log").read_text(), component


async def test_health_and_metrics_of_all_programs(watched: Watched) -> None:
    """Each type of job is heard of, and what has been done is counted."""
    async with httpx.AsyncClient(trust_env=False) as http:
        ready = (await http.get(f"{watched.stack.worker_url}/readyz")).json()
        metrics = (await http.get(f"{watched.stack.worker_url}/metrics")).text
    assert ready["status"] == "ok"
    types = {job.type for process in watched.floor.app.processes for job in process.jobs}
    assert set(ready["job_types"]) == types
    assert all(f'orderops_jobs_total{{outcome="completed",type="{each}"}}' in metrics for each in types)
    headers = {"Authorization": f"Bearer {watched.floor.token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        assert (await http.get(f"{watched.stack.bridge_url}/readyz")).json()["dependencies"]["relay"] == "ok"
        metrics = (await http.get(f"{watched.stack.bridge_url}/metrics")).text
        of_the_api = (await http.get(f"{watched.stack.api_url}/metrics")).text
    assert 'orderops_messages_total{outcome="published"}' in metrics
    assert "orderops_records_lag_seconds_count" in metrics
    assert "orderops_inbox_unpublished_rows" in of_the_api


SUPPLIED = sum(way in {fine, unsupplied, disputes, sends_back} for way in WAYS)
"""Ways whose orders are surely bought in the end."""
FULFILLED = and_(Instance.process == "fulfillment", Instance.state == "done")


@pytest.fixture(scope="module")
async def people(watched: Watched, full: bool) -> Sequence[Somebody]:
    """Each in one of the ways that go right or wrong, by turns; all that happens to them has happened."""
    number = 1_008 if full else 36
    people = [Somebody(watched.floor, each, CANARY.format(each)) for each in range(number)]
    at_once = asyncio.Semaphore(12)

    async def one(somebody: Somebody) -> None:
        async with at_once:
            await WAYS[somebody.number % len(WAYS)](somebody)

    async with asyncio.TaskGroup() as group:
        for somebody in people:
            group.create_task(one(somebody))
    return people


async def test_no_canary_gets_into_logs_incidents_or_traces(watched: Watched, people: Sequence[Somebody]) -> None:
    """Every word is looked through."""
    floor, number = watched.floor, len(people)

    async def quiet() -> bool:
        async with floor.app.database.sessions() as session:
            stopped = await session.scalar(select(func.count()).where(Case.state == "incident")) or 0
            ended = await session.scalar(select(func.count()).where(FULFILLED)) or 0
            mails = len(await floor.world.rows(select(MailRow)))
        wanted = number // len(WAYS)
        return ended >= SUPPLIED * wanted and stopped >= wanted and mails >= wanted

    await until(quiet, "the orders", 600)
    await asyncio.sleep(2)  # for the last batch of spans
    async with floor.app.database.sessions() as session:
        incidents = "\n".join((await session.scalars(select(Incident.message))).all())
    everywhere = {
        "logs": watched.logged(),
        "incidents": incidents,
        "traces": "\n".join(str(span) for _, span in list(watched.collector.spans)),
    }
    lengths = {where: len(text) for where, text in everywhere.items()}
    assert all(lengths.values()), lengths
    leaks = {
        where: [line[:600] for line in text.splitlines() if "Kanarie" in line][:3]
        for where, text in everywhere.items()
    }
    assert leaks == {"logs": [], "incidents": [], "traces": []}
    print(f"canaries found of {number}: 0; looked through {lengths} characters")  # noqa: T201  # the figure


ORDER_PAID = ("publish order_paid", "POST /webhooks/shopify/{topic}")
TICKET_CREATED = "publish ticket_created"
TRACES = [
    (disputes, "order", ("supplier_order call", "fulfillment.place_supplier_order", *ORDER_PAID)),
    (
        disputes,
        "order",
        ("fulfillment call", "tracking.create_fulfillment", "publish supplier_order_placed",
         "fulfillment.publish_supplier_order_placed", *ORDER_PAID),
    ),
    (
        disputes,
        "dispute",
        ("dispute_answer call", "chargeback.submit_evidence", "publish dispute_opened", "POST /webhooks/stripe"),
    ),
    (
        sends_back,
        "refund",
        ("refund call", "refund.execute_refund", "publish refund_requested", "POST /refunds"),
    ),
    (
        wants_advice,
        "ticket",
        ("event call", "triage.publish_ticket_triaged", TICKET_CREATED, "POST /webhooks/chat"),
    ),
    (asks_by_mail, "ticket", ("reply call", "resolution.send_reply", TICKET_CREATED, "POST /webhooks/mail")),
    (
        complains_at_helpdesk,
        "ticket",
        ("refund call", "refund.execute_refund", TICKET_CREATED, "POST /webhooks/zendesk"),
    ),
    (is_hurt, "ticket", ("alert call", "escalation.alert", TICKET_CREATED, "POST /webhooks/chat")),
    (
        is_hurt,
        "ticket",
        ("hazard.count_reports", "publish hazard_reported", "escalation.report_hazard", TICKET_CREATED,
         "POST /webhooks/chat"),
    ),
]  # fmt: skip
"""From the last step of each process, its provider's call where it has one, up to what reached us first."""


@pytest.mark.parametrize(("way", "what", "path"), TRACES, ids=[path[1] for *_, path in TRACES])
async def test_one_trace_leads_through_every_process(
    watched: Watched, people: Sequence[Somebody], way: Way, what: str, path: Sequence[str]
) -> None:
    """One process begins or calls the next, and the trace goes on."""
    one = next(one for one in people if WAYS[one.number % len(WAYS)] is way)

    def there() -> bool:
        return list(path) in watched.paths(one.trace(what), path[0])

    await until(there, f"{path} among {watched.paths(one.trace(what), path[0])}", 15)


async def test_a_collector_that_hangs_changes_nothing(watched: Watched, full: bool) -> None:
    """Orders are answered and supplied as before, memory stays where it was, and the worker ends when told to."""
    floor, orders = watched.floor, 400 if full else 15
    worker = psutil.Process(watched.stack.pid("worker"))
    before = worker.memory_info().rss
    watched.collector.goes_on.clear()
    cases = [await floor.pay(an_order()) for _ in range(orders)]
    assert {await floor.ends(case) for case in cases} == {"supplied"}
    assert watched.collector.hanging > 0, "nothing was sent, so nothing hung"
    grown = worker.memory_info().rss - before
    assert grown < 60_000_000, f"the worker grew by {grown} bytes"
    worker.terminate()
    started = time.monotonic()
    await asyncio.to_thread(worker.wait, 30)
    assert time.monotonic() - started < 20
    watched.collector.goes_on.set()
