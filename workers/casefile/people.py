"""Who may come in: users with their sessions, and programs' tokens. Tokens are stored hashed only.

What changes what somebody may (roles, password, disabling) ends all their sessions: no token outlives it, and the
next log-in makes a new one.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.direct import Statement
from workers.casefile.people_models import AccessEvent, ApiToken, User, UserSession
from workers.runtime.errors import UserError

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""What names of users and tokens look like."""
TOKEN_PREFIX = "orderops_"  # noqa: S105  # by which those who search for leaked secrets find ours
SEEN_EXACTLY = timedelta(minutes=1)

SESSION = Statement(
    select(
        User.name,
        User.display_name,
        User.roles,
        (UserSession.seen_at < func.now() - SEEN_EXACTLY).label("seen_long_ago"),
    )
    .join(User, User.name == UserSession.user_name)
    .where(
        UserSession.token_sha256 == bindparam("token_sha256"),
        UserSession.expires_at > func.now(),
        UserSession.seen_at > func.now() - bindparam("idle", type_=Interval()),
        User.disabled_at.is_(None),
    )
)
"""Whose a session is, when it is still good."""
SEEN = Statement(
    update(UserSession).where(UserSession.token_sha256 == bindparam("token_sha256")).values(seen_at=func.now())
)
"""The session was used just now."""
TOKEN = Statement(
    select(ApiToken.name, ApiToken.scopes).where(
        ApiToken.token_sha256 == bindparam("token_sha256"),
        ApiToken.expires_at > func.now(),
        ApiToken.revoked_at.is_(None),
    )
)
"""What a program's token is good for, when it still is."""


class Names(dict[str, str]):
    """What people are called, by log-in name; whoever is not known is called by it."""

    def __missing__(self, name: str) -> str:
        return name


async def names_of(session: AsyncSession, names: Collection[str | None]) -> Names:
    """What these are called; also as they sign what they ask for (`person:ada`)."""
    wanted = {name: name.removeprefix("person:") for name in names if name}
    if not wanted:
        return Names()
    found = select(User.name, User.display_name).where(User.name.in_(set(wanted.values())))
    known = {row.name: row.display_name for row in await session.execute(found)}
    return Names({name: known[plain] for name, plain in wanted.items() if plain in known})


def hashed(token: str) -> bytes:
    """As it is stored. Tokens are random and long: no salt, and nothing slow, is needed."""
    return hashlib.sha256(token.encode()).digest()


async def record(session: AsyncSession, kind: str, subject: str, **facts: Any) -> None:
    """Add to the history of who came in and who may what; never a password or a token."""
    session.add(AccessEvent(kind=kind, subject=subject, facts=facts))


async def add_user(
    session: AsyncSession, name: str, display_name: str, roles: Collection[str], password_hash: str
) -> None:
    """Somebody new; UserError when the name is taken."""
    values = {"name": name, "display_name": display_name, "roles": sorted(roles), "password_hash": password_hash}
    added = insert(User).values(values).on_conflict_do_nothing().returning(User.name)
    if await session.scalar(added) is None:
        raise UserError(f"There is a user {name} already.", hint="`orderops user list` shows all.")
    await record(session, "user_added", f"person:{name}", roles=sorted(roles))


async def arrive(
    session: AsyncSession, issuer: str, subject: str, name: str, display_name: str, roles: Collection[str]
) -> User:
    """Somebody whom an OpenID provider sends: as they are known, else added under a name that nobody has.

    What they are is the provider's word, at each log-in.
    """
    known = await _of_provider(session, issuer, subject)
    if known is None:
        digest = hashlib.sha256(f"{issuer} {subject}".encode()).hexdigest()
        wanted = re.sub(r"[^a-z0-9._@-]", "-", name.lower()).lstrip("._@-")[:55] or "user"
        for free in (wanted, f"{wanted}-{digest[:8]}"):
            values = {"name": free, "display_name": display_name, "roles": sorted(roles)}
            added = insert(User).values(**values, issuer=issuer, subject=subject).on_conflict_do_nothing()
            if await session.scalar(added.returning(User.name)) is not None:
                await record(session, "user_added", f"person:{free}", roles=sorted(roles), issuer=issuer)
            known = await _of_provider(session, issuer, subject)
            if known is not None:
                break
    assert known  # noqa: S101  # nobody else has the second name
    if set(known.roles) != set(roles):
        changes = {"roles": sorted(roles)}
        await change_user(session, known.name, "roles_changed", changes, roles=sorted(roles), issuer=issuer)
    return known


async def _of_provider(session: AsyncSession, issuer: str, subject: str) -> User | None:
    found = select(User).where(User.issuer == issuer, User.subject == subject).with_for_update()
    return await session.scalar(found)


async def change_user(
    session: AsyncSession, name: str, kind: str, changes: Mapping[str, Any], **facts: Any
) -> None:
    """Change somebody, end all their sessions, and keep what was done; UserError when there is no such user."""
    changed = update(User).where(User.name == name).values(changes).returning(User.name)
    if await session.scalar(changed) is None:
        raise UserError(f"There is no user {name}.", hint="`orderops user list` shows all.")
    await session.execute(delete(UserSession).where(UserSession.user_name == name))
    await record(session, kind, f"person:{name}", **facts)


async def begin_session(session: AsyncSession, name: str, *, lasts: timedelta, instead_of: bytes | None) -> str:
    """A log-in: the token for the cookie. The session that the browser had before ends, and those that are over
    are forgotten."""
    await end_session(session, instead_of)
    await session.execute(delete(UserSession).where(UserSession.expires_at < func.now()))
    token = secrets.token_urlsafe(32)
    begun = insert(UserSession).values(token_sha256=hashed(token), user_name=name, expires_at=func.now() + lasts)
    await session.execute(begun)
    return token


async def end_session(session: AsyncSession, token_sha256: bytes | None) -> None:
    """Idempotent."""
    await session.execute(delete(UserSession).where(UserSession.token_sha256 == token_sha256))


async def create_token(session: AsyncSession, name: str, scopes: Collection[str], lasts: timedelta) -> str:
    """A program's token, which is never seen again; UserError when the name was used before."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    values = {"token_sha256": hashed(token), "name": name, "scopes": sorted(scopes)}
    added = insert(ApiToken).values(**values, expires_at=func.now() + lasts)
    if await session.scalar(added.on_conflict_do_nothing().returning(ApiToken.name)) is None:
        raise UserError(f"There is, or was, a token {name}.", hint="`orderops token list` shows all.")
    await record(session, "token_created", f"program:{name}", scopes=sorted(scopes), days=lasts.days)
    return token


async def revoke_token(session: AsyncSession, name: str) -> None:
    """Nobody comes in with it any more. Idempotent; UserError when there is none of this name."""
    revoked = update(ApiToken).where(ApiToken.name == name)
    if await session.scalar(revoked.values(revoked_at=func.now()).returning(ApiToken.name)) is None:
        raise UserError(f"There is no token {name}.", hint="`orderops token list` shows all.")
    await record(session, "token_revoked", f"program:{name}")
