"""Idempotency-Key: the same request twice is done once, and answered the same."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import Problem
from workers.casefile.models import ApiRequest

Work = Callable[[AsyncSession], Awaitable[dict[str, Any]]]


async def _key(
    idempotency_key: Annotated[
        str | None, Header(description="Made up by the caller, 1 to 255 characters; the same for a repetition.")
    ] = None,
) -> str:
    key = idempotency_key or ""
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Problem("idempotency-key", "Send an Idempotency-Key header of 1 to 255 printable ASCII characters.")
    return key


IdempotencyKey = Annotated[str, Depends(_key)]


@dataclass(frozen=True, slots=True)
class Once:
    """A request as its repetition is recognised: who, under which key, asking for what."""

    caller: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, caller: str, key: str, path: str, body: bytes) -> "Once":
        """Path and body make the fingerprint: neither may change under a key."""
        return cls(caller, key, hashlib.sha256(path.encode() + b"\n" + body).digest())

    async def answer(self, session: AsyncSession, work: Work) -> tuple[dict[str, Any], bool]:
        """Do `work` in the session's transaction, or return its stored answer; True when it was stored.

        409 while the same key is at work elsewhere, 422 when the key was used for something else.
        """
        locked = await session.scalar(select(func.pg_try_advisory_xact_lock(self._lock())))
        if not locked:
            raise Problem("in-flight", "Ask again in a moment.", headers={"Retry-After": "1"})
        stored = await session.get(ApiRequest, (self.caller, self.key))
        if stored is not None:
            if stored.request_sha256 != self.fingerprint:
                raise Problem("key-reused", "Use a new key for a new request.")
            return stored.response, True
        response = await work(session)
        session.add(
            ApiRequest(
                caller=self.caller,
                idempotency_key=self.key,
                request_sha256=self.fingerprint,
                response=response,
            )
        )
        return response, False

    def _lock(self) -> int:
        digest = hashlib.sha256(f"{self.caller}|{self.key}".encode()).digest()
        return int.from_bytes(digest[:8], signed=True)
