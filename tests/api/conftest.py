"""The application on a real PostgreSQL, with an engine that is faked; over ASGI, or over a real socket."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import httpx
import orjson
import pytest
from fastapi import FastAPI
from pydantic import AnyHttpUrl, PostgresDsn, SecretStr
from sqlalchemy import func, select

from api.main import create_app, create_bridge
from api.server import Server
from tests.api.fake_engine import FakeEngine
from tests.api.ui_data import deploy_forms
from workers.casefile.db import Database
from workers.casefile.models import InboxRow
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.engine import Engine
from workers.runtime.listening import listen
from workers.runtime.settings import Settings

SECRET, OLD_SECRET, TOKEN = "new-secret", "old-secret", "token-of-a-program"
WEBHOOK_ID, OLD_WEBHOOK_ID = "1JE4291016473214C", "0EH40505U7160970P"
EASYPOST_SECRET = "sécret"
"""EasyPost signs with its decomposed form."""
BEARER = {"Authorization": f"Bearer {TOKEN}"}

_order_ids = itertools.count(uuid.uuid4().int % 10**12 + 10**12)


def new_order_id() -> int:
    return next(_order_ids)


def order(order_id: int, **changes: Any) -> dict[str, Any]:
    """A webhook's body as Shopify sends it, cut down."""
    body = {
        "id": order_id,
        "name": "#1001",
        "email": "someone@example.com",
        "currency": "EUR",
        "total_price": "54.90",
        "financial_status": "paid",
        "cancelled_at": None,
        "line_items": [{"id": 1, "sku": "LAMP-01", "quantity": 1, "price": "54.90"}],
        "unheard_of": {"by": ["us"]},
    }
    return body | changes


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


@pytest.fixture(scope="session")
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=PostgresDsn(database_url),
        database_seconds=15,  # machines are busy; how soon a caller is told that there is none, tests/faults ask
        shopify_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        stripe_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        paypal_webhook_ids=(WEBHOOK_ID, OLD_WEBHOOK_ID),
        supplier_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        easypost_secrets=(SecretStr(EASYPOST_SECRET),),
        aftership_secrets=(SecretStr(SECRET),),
        zendesk_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        mail_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        chat_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        api_tokens=(SecretStr("another-token"), SecretStr(TOKEN)),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
        public_url="http://testserver",
        operate_url=AnyHttpUrl("http://operate.example/"),
        tasklist_url=AnyHttpUrl("http://tasklist.example"),
    )


@pytest.fixture(scope="session")
async def wired(settings: Settings) -> AsyncIterator[Assembled]:
    async with assemble(settings) as assembled:
        await deploy_forms(assembled.database)
        yield assembled


@pytest.fixture
def engine_seen() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def assembled(wired: Assembled, engine_seen: FakeEngine) -> Assembled:
    return replace(wired, engine=cast(Engine, engine_seen))


@pytest.fixture
def app(assembled: Assembled) -> FastAPI:
    return create_app(assembled)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def bridge_app(assembled: Assembled) -> FastAPI:
    return create_bridge(assembled)


@pytest.fixture
async def bridge(bridge_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """As the engine talks to it; no relay runs."""
    async with client_of(bridge_app) as client:
        yield client


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """Host and port of a real server, for tests of what arrives on the wire."""
    started = asyncio.Event()
    with listen("127.0.0.1", 0, "api") as listening:
        server = Server(app, started.set)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await asyncio.wait_for(started.wait(), 10)
        yield listening.getsockname()[:2]
        server.should_exit = True
        await task


Post = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def post_webhook(client: httpx.AsyncClient) -> Post:
    """Posts a body (bytes, or a value to encode), signed unless told otherwise."""

    async def post(
        body: Any, topic: str = "orders-paid", signature: str | None = None, **headers: str
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", "X-Shopify-Hmac-Sha256": signature or sign(raw)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        encoded = {name.encode(): value.encode("latin-1") for name, value in sent.items()}
        return await client.post(f"/webhooks/shopify/{topic}", content=raw, headers=encoded)

    return post


async def inbox_rows(database: Database, correlation_key: str) -> list[InboxRow]:
    async with database.sessions() as session:
        mine = select(InboxRow).where(InboxRow.correlation_key == correlation_key)
        rows = await session.scalars(mine.order_by(InboxRow.id))
        return list(rows)


async def inbox_size(database: Database) -> int:
    async with database.sessions() as session:
        return await session.scalar(select(func.count()).select_from(InboxRow)) or 0


def assert_problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """A complete problem with nothing internal in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems#{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["trace_id"] == answer.headers["x-trace-id"]
    assert problem["trace_id"] in answer.headers["traceparent"]
    for internal in ("Traceback", "psycopg", "sqlalchemy", "pydantic", "site-packages"):
        assert internal not in answer.text
    return problem
