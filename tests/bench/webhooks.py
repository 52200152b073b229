"""Paid orders and their webhooks: signed beforehand and sent with as little CPU as possible.

A general HTTP client takes about 1.5 ms of CPU per request, which on two cores would be measured along.
"""

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from sqlalchemy.dialects.postgresql import insert

from tests.engine.orders import an_order
from workers.adapters.mock_books import ShopOrderRow
from workers.casefile.db import Database

PATH = "/webhooks/shopify/orders-paid"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An order's webhook, ready to be sent."""

    case_id: str
    request: bytes


class Door:
    """Our api's webhook door, through a few connections that are kept open."""

    def __init__(self, url: str, connections: int = 8) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._places = asyncio.Semaphore(connections)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def deliver(self, delivery: Delivery) -> int:
        """The answer's status. Repeated once when the api had closed an idle connection; harmless, as always."""
        async with self._places:
            if self._idle:
                try:
                    return await self._send(self._idle.pop(), delivery.request)
                except (ConnectionError, asyncio.IncompleteReadError):
                    self.close()
            return await self._send(await asyncio.open_connection(self._host, self._port), delivery.request)

    async def _send(self, way: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> int:
        reader, writer = way
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        self._idle.append(way)
        return int(head[9:12])

    def close(self) -> None:
        """Close what is open."""
        while self._idle:
            self._idle.pop()[1].close()


async def new_orders(database: Database, secret: str, count: int) -> list[Delivery]:
    """Put so many orders into the shop, with good addresses and in stock, and sign their webhooks."""
    orders = [an_order() for _ in range(count)]
    rows = [{"id": str(order["id"]), "body": order} for order in orders]
    async with database.transaction() as session:
        await session.execute(insert(ShopOrderRow), rows)
    return [Delivery(str(order["id"]), _request(orjson.dumps(order), secret)) for order in orders]


def _request(body: bytes, secret: str) -> bytes:
    signature = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Shopify-Hmac-Sha256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
