"""An api on a database of the test's choice, its callers, and what they were answered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import orjson
from pydantic import PostgresDsn, SecretStr
from sqlalchemy import func, select

from api.main import create_app, create_bridge
from api.paypal import PayPal
from tests.api.conftest import (
    BEARER,
    EASYPOST_SECRET,
    SECRET,
    TOKEN,
    WEBHOOK_ID,
    client_of,
    new_order_id,
    order,
    sign,
)
from tests.api.fake_engine import FakeEngine
from tests.faults.routes import people, programs, webhooks
from workers.adapters.mock_certificates import MockCertificates
from workers.adapters.mock_world import MockWorld
from workers.casefile.models import InboxRow
from workers.casefile.requests import RequestKind
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.engine import Engine
from workers.runtime.outside import mocked_outside
from workers.runtime.settings import Settings


@dataclass
class Shop:
    """The api, and what its callers were answered."""

    app: Assembled
    http: httpx.AsyncClient
    bridge: httpx.AsyncClient
    certificates: MockCertificates
    """What PayPal signs with."""
    seconds: list[float] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        return await self.timed(self.http.request(method, path, **how))

    async def timed(self, answering: Awaitable[httpx.Response]) -> httpx.Response:
        began = time.monotonic()
        answer = await answering
        self.seconds.append(time.monotonic() - began)
        return answer

    async def pay(self, order_id: int | None = None) -> httpx.Response:
        """The shop's webhook for an order, a new one if none is named."""
        order_id = order_id or new_order_id()
        raw = orjson.dumps(order(order_id))
        headers = {"Content-Type": "application/json", "X-Shopify-Hmac-Sha256": sign(raw)}
        answer = await self.ask("POST", "/webhooks/shopify/orders-paid", content=raw, headers=headers)
        (self.acknowledged if answer.is_success else self.refused).add(order_id)
        return answer

    async def start(self, order_id: int, key: str) -> httpx.Response:
        """An API caller's command."""
        headers = {**BEARER, "Idempotency-Key": key}
        body = {"shopify_order_id": str(order_id)}
        return await self.ask("POST", "/processes/fulfillment/instances", json=body, headers=headers)

    async def every_route(self) -> list[httpx.Response]:
        """Everything that needs the database, all at once."""
        link = self.app.links.url_for("1-choice", RequestKind.REFUND_OR_WAIT)
        asked = (*programs(self.http), *people(self.http), *webhooks(self.http, self.certificates))
        return await asyncio.gather(
            *map(self.timed, asked),
            *(self.pay() for _ in range(10)),
            *(self.start(new_order_id(), str(new_order_id())) for _ in range(10)),
            self.ask("GET", link),
            self.ask("POST", link, data={"choice": "wait"}),
        )

    async def rows(self, order_id: int) -> int:
        """How often an order lies in the inbox."""
        return (await self.stored({order_id})).get(str(order_id), 0)

    async def stored(self, orders: Iterable[int]) -> dict[str, int]:
        """How often each of these orders lies in the inbox, of those that do."""
        mine = InboxRow.correlation_key.in_([str(order_id) for order_id in orders])
        query = select(InboxRow.correlation_key, func.count()).where(mine).group_by(InboxRow.correlation_key)
        async with self.app.database.sessions() as session:
            return {row[0]: row[1] for row in await session.execute(query)}


@asynccontextmanager
async def open_shop(url: str, world_url: str, pool: int = 20) -> AsyncIterator[Shop]:
    """An api whose outside world has books elsewhere; its relay publishes to a fake engine."""
    secret = (SecretStr(SECRET),)
    settings = Settings(
        database_url=PostgresDsn(url),
        database_pool=pool,
        shopify_secrets=secret,
        stripe_secrets=secret,
        paypal_webhook_ids=(WEBHOOK_ID,),
        supplier_secrets=secret,
        easypost_secrets=(SecretStr(EASYPOST_SECRET),),
        aftership_secrets=secret,
        zendesk_secrets=secret,
        mail_secrets=secret,
        chat_secrets=secret,
        api_tokens=(SecretStr(TOKEN),),
        link_secret=SecretStr("link-secret"),
        records_password=SecretStr("records-password"),
        public_url="http://testserver",
        settling_seconds=2,
    )
    async with MockWorld(world_url) as world, assemble(settings, mocked_outside(world)) as parts:
        app = replace(parts, engine=cast(Engine, FakeEngine()))
        certificates, program = MockCertificates(), create_app(app)
        program.state.paypal = PayPal(certificates)
        async with client_of(program) as http, client_of(create_bridge(app)) as bridge:
            yield Shop(app, http, bridge, certificates)
