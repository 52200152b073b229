"""What happens at a log-in: attempts are counted, passwords compared, sessions begun."""

import asyncio
import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import Problem, unavailable
from api.people import Arrived
from api.store import Store
from workers.casefile import people, throttle
from workers.casefile.people_models import User
from workers.casefile.throttle import Bucket
from workers.runtime import passwords

log = structlog.get_logger(__name__)

HASHING_AT_ONCE = 2
"""Passwords that one process looks at side by side: each takes 64 MiB and four threads."""
HASHING_SECONDS = 5.0


class Logins:
    """Log-ins by name and password, and the sessions that any log-in begins."""

    def __init__(self, store: Store, hashing: asyncio.Semaphore, session_lasts: timedelta) -> None:
        self._store = store
        self._hashing = hashing
        self.session_lasts = session_lasts

    async def with_password(self, name: str, password: str, address: str, before: str | None) -> str | None:
        """The token of a new session, in place of the one before; None when it is not them.

        Raises `too-many` when this address tried too often: this name, or any.
        """
        network = _network(address)
        buckets = throttle.of_name(name, network), throttle.of_address(network)
        user = await self._store.run(lambda session: _look(session, name, buckets))
        known = None if user is None or user.disabled_at else user.password_hash
        if not await self._compare(known, password):
            await self._refused(user)
            return None
        assert user  # noqa: S101  # nobody's password fits
        fresh = await self._rehashed(known, password)

        async def work(session: AsyncSession) -> str | None:
            token = await self._begin(session, user, before)
            if token is not None:
                await throttle.forgive(session, *buckets)
            if token is not None and fresh is not None:
                await session.execute(update(User).where(User.name == name).values(password_hash=fresh))
            return token

        return await self._store.run(work)

    async def with_openid(self, arrived: Arrived, before: str | None) -> str | None:
        """The same for somebody whom their provider sends; None when they are disabled here."""

        async def work(session: AsyncSession) -> str | None:
            user = await people.arrive(
                session, arrived.issuer, arrived.subject, arrived.name, arrived.display_name, arrived.roles
            )
            return await self._begin(session, user, before)

        return await self._store.run(work)

    async def _begin(self, session: AsyncSession, user: User, before: str | None) -> str | None:
        """None when they were disabled, or their password changed, since it was looked at."""
        same = select(User.name).where(
            User.name == user.name,
            User.disabled_at.is_(None),
            User.password_hash.is_not_distinct_from(user.password_hash),
        )
        if await session.scalar(same.with_for_update()) is None:
            return None
        await people.record(session, "logged_in", f"person:{user.name}")
        log.info("access.logged_in", who=f"person:{user.name}")
        instead_of = people.hashed(before) if before else None
        return await people.begin_session(session, user.name, lasts=self.session_lasts, instead_of=instead_of)

    async def _compare(self, password_hash: str | None, password: str) -> bool:
        async with self._room():
            return await asyncio.to_thread(passwords.fits, password_hash, password)

    async def _rehashed(self, password_hash: str | None, password: str) -> str | None:
        if password_hash is None or not passwords.outdated(password_hash):
            return None
        async with self._room():
            return await asyncio.to_thread(passwords.hashed, password)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(HASHING_SECONDS):
                await self._hashing.acquire()
        except TimeoutError:
            raise unavailable("Too many people log in at the moment; try again.") from None
        try:
            yield
        finally:
            self._hashing.release()

    async def _refused(self, user: User | None) -> None:
        """Kept in the same way for names that there are not; what was typed as one may be a password."""
        who = f"person:{user.name}" if user else "nobody"
        await self._store.run(lambda session: people.record(session, "login_refused", who))
        log.warning("access.login_refused", who=who)


async def _look(session: AsyncSession, name: str, buckets: tuple[Bucket, Bucket]) -> User | None:
    wait = await throttle.admit(session, buckets)
    if wait is not None:
        seconds = max(math.ceil(wait.total_seconds()), 1)
        detail = f"There were too many attempts. Please try again in {seconds} s."
        raise Problem("too-many", detail, headers={"Retry-After": str(seconds)})
    return await session.get(User, name) if people.NAME.fullmatch(name) else None


def _network(address: str) -> str:
    """A home or an office has a whole network of IPv6 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False)) if parsed.version == 6 else str(parsed)
