"""Questions to customers behind signed links: answered once, and not after they expired or were closed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.db import Database
from workers.casefile.models import CustomerRequest


class RequestKind(StrEnum):
    """What is asked."""

    ADDRESS = "address"
    REFUND_OR_WAIT = "refund_or_wait"


class RequestState(StrEnum):
    """What a page says of a request."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"
    EXPIRED = "expired"


def state_of(request: CustomerRequest, now: datetime) -> RequestState:
    """Where a request stands at `now`."""
    if request.answered_at is not None:
        return RequestState.ANSWERED
    if request.closed_at is not None:
        return RequestState.CLOSED
    return RequestState.EXPIRED if now >= request.expires_at else RequestState.OPEN


async def answer(session: AsyncSession, request_id: str) -> bool:
    """Use up an open request in the caller's transaction; False when it was used, closed or expired before.

    Two answers at once: the second waits for the first and gets False.
    """
    used = await session.execute(
        update(CustomerRequest)
        .where(
            CustomerRequest.id == request_id,
            CustomerRequest.answered_at.is_(None),
            CustomerRequest.closed_at.is_(None),
            CustomerRequest.expires_at > func.now(),
        )
        .values(answered_at=func.now())
        .returning(CustomerRequest.id)
    )
    return used.scalar_one_or_none() is not None


class CustomerRequests:
    """Opens and closes requests, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self, request_id: str, *, case_id: str, kind: RequestKind, facts: Mapping[str, Any], lasts: timedelta
    ) -> CustomerRequest:
        """Open a request, or return it as it is when it was opened before. Idempotent by id."""
        async with self._database.transaction() as session:
            await session.execute(
                insert(CustomerRequest)
                .values(
                    id=request_id,
                    case_id=case_id,
                    kind=kind,
                    facts=dict(facts),
                    expires_at=func.now() + lasts,
                )
                .on_conflict_do_nothing()
            )
            return await session.get_one(CustomerRequest, request_id)

    async def close(self, request_id: str) -> None:
        """The answer came another way. Idempotent; an answered request stays answered."""
        async with self._database.transaction() as session:
            await session.execute(
                update(CustomerRequest)
                .where(CustomerRequest.id == request_id, CustomerRequest.closed_at.is_(None))
                .values(closed_at=func.now())
            )

    async def close_all(self, case_id: str) -> None:
        """Nothing is asked about this case any more. Idempotent."""
        async with self._database.transaction() as session:
            await session.execute(
                update(CustomerRequest)
                .where(CustomerRequest.case_id == case_id, CustomerRequest.closed_at.is_(None))
                .values(closed_at=func.now())
            )

    async def get(self, request_id: str) -> CustomerRequest | None:
        """The request, or None."""
        async with self._database.sessions() as session:
            return await session.get(CustomerRequest, request_id)
