"""What the tests of both payment providers' webhooks need."""

import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson

from tests.api.conftest import inbox_rows
from workers.casefile.db import Database

JSON = {"Content-Type": "application/json"}
numbers = itertools.count(uuid.uuid4().int % 10**12)

Send = Callable[..., Awaitable[httpx.Response]]


def new_dispute() -> str:
    return f"dp_{next(numbers)}"


def raw_of(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


async def told(database: Database, dispute_id: str) -> list[str]:
    return [row.message_name for row in await inbox_rows(database, dispute_id)]
