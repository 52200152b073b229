"""How often somebody may try to log in: leaky buckets, shared by all apis."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.people_models import LoginThrottle


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds `size` attempts and loses one each `leak`."""

    key: bytes
    size: int
    leak: timedelta


def of_name(name: str, address: str) -> Bucket:
    """Ten attempts at a name from one address, then one a minute: for a guesser too few, and no stranger elsewhere
    keeps its owner out."""
    tried = hashlib.sha256(name.encode()).digest() + hashlib.sha256(address.encode()).digest()
    return Bucket(hashlib.sha256(b"name:" + tried).digest(), 10, timedelta(minutes=1))


def of_address(address: str) -> Bucket:
    """Thirty attempts, then one each two seconds: an office may share an address."""
    return Bucket(hashlib.sha256(b"address:" + address.encode()).digest(), 30, timedelta(seconds=2))


async def admit(session: AsyncSession, buckets: Sequence[Bucket]) -> timedelta | None:
    """Count an attempt; when there is no room for it in a bucket, how long until there is, and nothing is counted.

    Attempts are counted before it is known how they end: many at once are as many.
    """
    await session.execute(
        delete(LoginThrottle).where(LoginThrottle.drained_at < func.now() - timedelta(minutes=1))
    )
    waits = [wait for bucket in sorted(buckets, key=_key) if (wait := await _pour(session, bucket))]
    return max(waits, default=None)


async def forgive(session: AsyncSession, name: Bucket, address: Bucket) -> None:
    """It was them: the name starts anew. The address gets back this attempt only, or whoever knows one password
    could guess at others for ever."""
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key == name.key))
    one = LoginThrottle.drained_at - address.leak
    await session.execute(update(LoginThrottle).where(LoginThrottle.key == address.key).values(drained_at=one))


async def _pour(session: AsyncSession, bucket: Bucket) -> timedelta | None:
    level = func.greatest(LoginThrottle.drained_at, func.now())
    room = func.now() + (bucket.size - 1) * bucket.leak
    poured = (
        insert(LoginThrottle)
        .values(key=bucket.key, drained_at=func.now() + bucket.leak)
        .on_conflict_do_update(
            index_elements=[LoginThrottle.key], set_={"drained_at": level + bucket.leak}, where=level <= room
        )
        .returning(LoginThrottle.key)
    )
    if await session.scalar(poured) is not None:
        return None
    full: datetime | None = await session.scalar(
        select(LoginThrottle.drained_at).where(LoginThrottle.key == bucket.key)
    )
    now: datetime | None = await session.scalar(select(func.now()))
    assert full  # noqa: S101  # the row that was in the way
    assert now  # noqa: S101  # every database has a time
    return full - now - (bucket.size - 1) * bucket.leak


def _key(bucket: Bucket) -> bytes:
    """Always in the same order, or two attempts could wait for each other."""
    return bucket.key
