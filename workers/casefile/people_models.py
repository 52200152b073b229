"""Tables of schema `orderops` about who may: people, their sessions, programs' tokens, and what they tried."""

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class User(Base):
    """Somebody who may log in: with a password, or by way of an OpenID provider."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_issuer_subject", "issuer", "subject", unique=True),)

    name: Mapped[str] = mapped_column(primary_key=True)
    """What they log in with, and what stands in tasks and timelines."""
    display_name: Mapped[str]
    roles: Mapped[list[str]]
    password_hash: Mapped[str | None]
    """As argon2 writes it; None for those who log in elsewhere."""
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    """Who they are at their OpenID provider."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class UserSession(Base):
    """A log-in that lasts. The cookie has the token, we have its hash."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_name", "user_name"),)

    token_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    user_name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """Exact to a minute."""
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """A program's right to call the api. It has the token, we have its hash."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("uq_api_tokens_name", "name", unique=True),)

    token_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginThrottle(Base):
    """How soon there may be another log-in under a name, or from an address: a leaky bucket each.

    Rows in the past say nothing any more and are deleted by and by.
    """

    __tablename__ = "login_throttles"
    __table_args__ = (Index("ix_login_throttles_drained_at", "drained_at"),)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    """Hash of the name or the address: what was typed as a name may be a password."""
    drained_at: Mapped[datetime]
    """When the bucket is empty again."""


class AccessEvent(Base):
    """Who came in, who was refused, who may what since when: append-only, without passwords and tokens."""

    __tablename__ = "access_events"
    __table_args__ = (Index("ix_access_events_subject", "subject"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    """person:… or program:…, as `Actor.id`."""
    facts: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
