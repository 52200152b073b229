"""Traces, logs, incidents and metrics of a whole stack in processes of its own: one trace per order, nobody's data
in any of them, and nothing changes when nobody collects."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psutil
import pytest
from sqlalchemy import and_, func, select

from tests.engine.shop_floor import Floor, an_order
from tests.fakes.collector import Collector, running_collector
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

pytestmark = pytest.mark.engine

CANARY = "Kanarie{:05}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True)
class Watched:
    """A running stack, its shop floor, and who collects its traces."""

    stack: Stack
    floor: Floor
    collector: Collector

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
        yield Watched(stack, Floor(app, world, http, stack.management_url, nobody, secret=secret), collector)


async def until(look: Any, what: str, seconds: float = 60) -> Any:
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
        return {"POST /webhooks/shopify/{topic}", "supplier_order call", "posting call"} <= names

    await until(all_there, "the spans")
    spans = watched.collector.of_trace(TRACE)
    assert {service for service, _ in spans} == {"orderops-api", "orderops-bridge", "orderops-worker"}
    by_id = {span.span_id: span for _, span in spans}
    [call] = [span for _, span in spans if span.name == "supplier_order call"]
    path = [call.name]
    while (parent := by_id.get(call.parent_span_id)) is not None:
        path.append(parent.name)
        call = parent
    assert path == [
        "supplier_order call",
        "fulfillment.place_supplier_order",
        "publish order_paid",
        "POST /webhooks/shopify/{topic}",
    ]
    assert call.parent_span_id.hex() == "00f067aa0ba902b7"
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
    token = watched.floor.app.settings.api_tokens[0].get_secret_value()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        assert (await http.get(f"{watched.stack.bridge_url}/readyz")).json()["dependencies"]["relay"] == "ok"
        metrics = (await http.get(f"{watched.stack.bridge_url}/metrics")).text
        of_the_api = (await http.get(f"{watched.stack.api_url}/metrics")).text
    assert 'orderops_messages_total{outcome="published"}' in metrics
    assert "orderops_records_lag_seconds_count" in metrics
    assert "orderops_inbox_unpublished_rows" in of_the_api


def person(canary: str, **changes: Any) -> dict[str, Any]:
    """An order whose every personal field holds the canary."""
    address = {
        **an_order()["shipping_address"],
        "name": f"{canary} A", "address1": f"{canary}-Straße 5", "address2": canary, "phone": f"+49 {canary}",
        "company": canary,
    }  # fmt: skip
    more = {
        "email": f"{canary}@example.com", "contact_email": f"{canary}@example.com", "phone": canary,
        "note": canary,
        "customer": {"first_name": canary, "last_name": canary, "email": f"{canary}@example.com"},
        "billing_address": address, "shipping_address": address,
    }  # fmt: skip
    return an_order(**(more | changes))


async def fine(floor: Floor, canary: str) -> None:
    """Supplied, with mails."""
    await floor.pay(person(canary))


async def wrong_address(floor: Floor, canary: str) -> None:
    """Asked, answered wrongly, then answered with another wrong address."""
    order = person(canary)
    order["shipping_address"] |= {"zip": "1011", "city": canary}
    case = await floor.pay(order)
    path = await floor.link_in_mail(case, "fulfillment_ask_for_address")
    form = {"name": canary, "street": f"{canary} 7", "street2": "", "postcode": "10115", "city": canary,
            "region": "", "country": canary}  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for country in (canary, "DE"):
        await floor.http.get(path)
        await floor.http.post(path, content=urlencode(form | {"country": country}), headers=headers)
    await floor.http.post(path, content=f"{canary}={canary}", headers=headers)
    await floor.http.get(f"{path}{canary}")


async def unreadable(floor: Floor, canary: str) -> None:
    """An incident: the shop's order makes no sense."""
    await floor.pay(person(canary, created_at=f"yesterday, {canary}"))


async def unreachable(floor: Floor, canary: str) -> None:
    """No mail can be sent to this."""
    await floor.pay(person(canary, email=f"{canary} at example", contact_email=canary))


async def unsupplied(floor: Floor, canary: str) -> None:
    """A supplier that fails in the middle of it."""
    order = person(canary)
    await floor.misbehave("supplier.place_order", "error_after", str(order["id"]), times=1)
    await floor.pay(order)


async def bad_input(floor: Floor, canary: str) -> None:
    """Everything that the api refuses, and addresses with a person's data in them."""
    for spoilt in (person(canary, id=canary), person(canary, currency=[canary]), [canary], {canary: canary}):
        await floor.deliver("orders-paid", spoilt)  # type: ignore[arg-type]  # that it is none is the point
    raw = f'{{"email": "{canary}", "email": NaN'.encode()
    await floor.http.post("/webhooks/shopify/orders-paid", content=raw, headers={"X-Shopify-Hmac-Sha256": canary})
    await floor.http.get(f"/customers/{canary}", params={"mail": f"{canary}@example.com"})
    await floor.http.get(f"/c/{canary}")
    token = floor.app.settings.api_tokens[0].get_secret_value()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": canary}
    for body in ({"shopify_order_id": canary}, {"shopify_order_id": "1", canary: canary}):
        await floor.http.post("/processes/fulfillment/instances", json=body, headers=headers)
    await floor.http.post(f"/processes/fulfillment/messages/{canary}", json={"name": canary}, headers=headers)
    await floor.http.get(f"/cases/{canary}", headers={"Authorization": f"Bearer {canary}"})


FULFILLED = and_(Instance.process == "fulfillment", Instance.state == "done")
WAYS = (fine, wrong_address, unreadable, unreachable, unsupplied, bad_input)


async def test_no_canary_gets_into_logs_incidents_or_traces(watched: Watched, full: bool) -> None:
    """Orders of people, in every way that goes right or wrong; then every word is looked through."""
    floor, number = watched.floor, 1_000 if full else 24
    canaries = [CANARY.format(each) for each in range(number)]
    at_once = asyncio.Semaphore(8)

    async def one(index: int) -> None:
        async with at_once:
            await WAYS[index % len(WAYS)](floor, canaries[index])

    await asyncio.gather(*(one(index) for index in range(number)))

    async def quiet() -> bool:
        async with floor.app.database.sessions() as session:
            stopped = await session.scalar(select(func.count()).where(Case.state == "incident")) or 0
            ended = await session.scalar(select(func.count()).where(FULFILLED)) or 0
            mails = len(await floor.world.rows(select(MailRow)))
        wanted = number // len(WAYS)
        return ended >= wanted and stopped >= wanted and mails >= wanted

    await until(quiet, "the orders", 600 if full else 60)
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
