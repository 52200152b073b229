"""A person's data in whatever is sent to us gets into neither logs nor traces."""

import asyncio
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import orjson
import pytest

from api.people import Role
from api.routes.login import FORM_COOKIE
from tests.api.conftest import BEARER, SECRET, new_order_id, order, sign
from tests.api.test_commands import ORDEROPS, environment
from tests.api.test_customers import ADDRESS, FORM
from tests.api.ticket_senders import a_mail, commented, from_chat, from_mail, from_zendesk, opened, said
from tests.fakes.collector import Collector, running_collector
from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.requests import RequestKind
from workers.runtime import passwords
from workers.runtime.bootstrap import Assembled
from workers.runtime.links import Links
from workers.runtime.native.ports import free_base_port

CANARY = "Kanarie{:04}"
RECORDS = httpx.BasicAuth("zeebe", "records-password")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@asynccontextmanager
async def program(who: str, env: dict[str, str], folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program of ours, its engine away; every word of it in the file `<who>.log`."""
    with (folder / f"{who}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(ORDEROPS, who, env=env, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout
        await asyncio.wait_for(process.stdout.readline(), 60)
        base_url = f"http://127.0.0.1:{env[f'ORDEROPS_{who.upper()}_PORT']}"
        async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.fixture
def env(database_url: str, collector: Collector) -> dict[str, str]:
    watched = {"ORDEROPS_LOG_FORMAT": "json", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    ports = {"ORDEROPS_BRIDGE_PORT": str(free_base_port())}
    signed = {f"ORDEROPS_{who}_SECRETS": SECRET for who in ("SHOPIFY", "ZENDESK", "MAIL", "CHAT")}
    return environment(database_url, free_base_port()) | watched | ports | signed


@pytest.fixture
async def api(env: dict[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with program("api", env, tmp_path) as client:
        yield client


@pytest.fixture
async def bridge(env: dict[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with program("bridge", env, tmp_path) as client:
        yield client


async def webhooks(api: httpx.AsyncClient, canary: str) -> list[httpx.Response]:
    """Good, unsigned, of the wrong form, and no JSON at all."""
    person = {
        "email": f"{canary}@example.com",
        "phone": canary,
        "shipping_address": {"name": canary, "city": canary},
    }
    bodies = [order(new_order_id(), **person), order(new_order_id(), id=canary, **person),
              order(new_order_id(), currency=[canary]), [canary], {canary: canary}]  # fmt: skip
    raws = [*(orjson.dumps(body) for body in bodies), f'{{"{canary}": 1, "{canary}": NaN'.encode()]
    answers = []
    for raw in raws:
        for signature in (sign(raw), canary):
            headers = {
                "X-Shopify-Hmac-Sha256": signature,
                "Content-Type": "application/json",
                "User-Agent": canary,
            }
            answers.append(await api.post("/webhooks/shopify/orders-paid", content=raw, headers=headers))
    return answers


async def written(api: httpx.AsyncClient, canary: str) -> list[httpx.Response]:
    """What a customer writes, by every channel: taken, unsigned, and from an address that is none."""
    address = f"{canary}@example.com"
    person = {"name": canary, "email": address}
    answers = []
    for secret in (SECRET, canary):
        ticket = opened(subject=canary, description=canary, requester=person)
        answers += [
            await from_zendesk(api, ticket, secret),
            await from_zendesk(api, commented(ticket, body=canary), secret),
            await from_mail(
                api, a_mail(subject=canary, body_plain=canary, **{"from": f"{canary} <{address}>"}), secret
            ),
            await from_mail(api, a_mail(**{"from": canary, "sender": canary}), secret),
            await from_chat(api, said(text=canary, **person), secret),
            await from_chat(api, said(text=canary, email=canary), secret),
        ]
    asked = {**person, "subject": canary, "text": canary}
    for changes in ({}, {canary: canary}, {"email": canary}):
        headers = {**BEARER, "Idempotency-Key": f"{canary}{len(changes)}"}
        answers.append(await api.post("/tickets", json=asked | changes, headers=headers))
    return answers


async def calls(api: httpx.AsyncClient, canary: str) -> list[httpx.Response]:
    """Fields that are not ours, values that will not do, names in addresses."""
    headers = {**BEARER, "Idempotency-Key": canary, "traceparent": canary}
    start = "/processes/fulfillment/instances"
    return [
        await api.post(start, json={"shopify_order_id": canary}, headers=headers),
        await api.post(start, json={"shopify_order_id": "1", canary: canary}, headers=headers),
        await api.post(f"/processes/fulfillment/messages/{canary}", json={"name": canary}, headers=headers),
        await api.get(f"/cases/{canary}", headers={"Authorization": f"Bearer {canary}"}),
        await api.get("/inbox", params={"state": canary}, headers=BEARER),
        await api.get(f"/customers/{canary}", params={"mail": f"{canary}@example.com"}),
        await api.request(canary.upper(), "/livez"),
    ]


async def records(bridge: httpx.AsyncClient, canary: str) -> list[httpx.Response]:
    """The engine's records with something in them that nobody foresaw."""
    record = {"partitionId": 99, "position": canary, "recordType": canary, "value": {"email": canary}}
    lines = b"\n".join(orjson.dumps(each) for each in ({"index": {"_id": canary}}, record))
    return [await bridge.post("/_bulk", content=lines, headers={"Content-Type": "application/json"}, auth=RECORDS)]


async def pages(api: httpx.AsyncClient, canary: str, assembled: Assembled) -> None:
    """A customer's page: opened, filled in wrongly in several ways, then rightly; and a link that is none."""
    case_id = str(new_order_id())
    request_id, kind = f"{case_id}-{RequestKind.ADDRESS.value}", RequestKind.ADDRESS
    facts = {**ADDRESS, "name": canary, "problems": [canary], "order_number": "#1"}
    await assembled.requests.open(request_id, case_id=case_id, kind=kind, facts=facts, lasts=timedelta(days=1))
    path = httpx.URL(Links(assembled.settings.link_secret, "http://x").url_for(request_id, kind)).raw_path.decode()
    filled = {**ADDRESS, "name": canary, "street": f"{canary} 5", "city": canary}
    headers = {**FORM, "Origin": str(api.base_url)}
    assert canary in (await api.get(path)).text
    for wrong in ({**filled, "country": canary}, {**filled, canary: canary}, {"choice": canary}):
        assert (await api.post(path, content=urlencode(wrong), headers=headers)).status_code == 422
    elsewhere = {**FORM, "Origin": f"https://{canary}.example"}
    assert (await api.post(path, content=urlencode(filled), headers=elsewhere)).status_code == 403
    assert (await api.post(path, content=urlencode(filled), headers=headers)).status_code == 200
    assert (await api.get(f"{path}{canary}")).status_code == 404


async def logins(api: httpx.AsyncClient, canary: str, database: Database) -> None:
    """A log-in: forged, with a name that is none, with a wrong password, rightly, and what comes after it."""
    api.cookies.clear()
    known, password = f"u{uuid4().hex[:9]}", f"{canary} {canary}"
    hashed = await asyncio.to_thread(passwords.hashed, password)
    await database.run(lambda session: people.add_user(session, known, canary, [Role.AUDITOR], hashed))
    page = await api.get("/login", params={"next": f"/{canary}"})
    [token] = re.findall(r'name="csrf" value="(\w+)"', page.text)
    headers = FORM | {"Cookie": f"{FORM_COOKIE}={page.cookies[FORM_COOKIE]}", "X-Forwarded-For": known}
    good = {"csrf": token, "name": known, "password": password, "next": f"/{canary}"}
    for changes, status in (
        ({"csrf": canary}, 403),
        ({"name": canary.lower()}, 401),
        ({"name": password}, 401),
        ({"password": canary}, 401),
        ({"next": f"//{canary}"}, 400),
        ({}, 303),
    ):
        answer = await api.post("/login", content=urlencode(good | changes), headers=headers)
        assert answer.status_code == status, changes
    [cookie] = [f"{name}={value}" for name, value in answer.cookies.items() if name.startswith("session-")]
    headers = {"Cookie": cookie, "X-CSRF-Token": canary}
    assert (await api.get("/logout", headers=headers)).status_code == 200
    assert (await api.get(f"/cases/{canary}", headers=headers)).status_code == 404
    assert (await api.post("/logout", headers=headers)).status_code == 403


async def test_no_canary_gets_into_logs_or_traces_and_no_value_into_a_problem(
    api: httpx.AsyncClient,
    bridge: httpx.AsyncClient,
    collector: Collector,
    assembled: Assembled,
    database: Database,
    tmp_path: Path,
    full: bool,
) -> None:
    """Every way to say something to api and bridge, with a person's data in it."""
    canaries = [CANARY.format(number) for number in range(1_000 if full else 16)]
    answers: list[httpx.Response] = []
    at_once = asyncio.Semaphore(4)

    async def say(canary: str) -> None:
        async with at_once:
            for way, program in ((webhooks, api), (written, api), (calls, api), (records, bridge)):
                answers.extend(await way(program, canary))
            await pages(api, canary, assembled)

    await asyncio.gather(*(say(canary) for canary in canaries))
    for canary in canaries[:16]:
        await logins(api, canary, database)
    statuses = {answer.status_code for answer in answers}
    assert {200, 202, 400, 401, 404, 422, 500} <= statuses, statuses
    types = "application/problem+json"
    problems: list[dict[str, Any]] = [each.json() for each in answers if each.headers["content-type"] == types]
    echoed = [problem for problem in problems if "Kanarie" in str(problem | {"instance": ""})]
    assert [problem for problem in echoed if problem["status"] != 422 or not problem["errors"]] == []
    for _ in range(50):
        if any(span.name.startswith("POST /c/") for _, span in collector.spans):
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)  # the last batch
    logged = "".join((tmp_path / f"{who}.log").read_text() for who in ("api", "bridge"))
    traced = "\n".join(str(span) for _, span in collector.spans)
    assert logged.count("http.request") >= len(answers)
    assert traced.count("trace_id") >= len(answers)
    assert logged.count("access.logged_in") == logged.count('"who":"nobody"') // 2 == 16
    leaks = {
        where: [line[:500] for line in text.splitlines() if "kanarie" in line.lower()][:3]
        for where, text in {"logs": logged, "traces": traced}.items()
    }
    assert leaks == {"logs": [], "traces": []}
    print(f"canaries found of {len(canaries)}: {leaks}")  # noqa: T201  # the figure
