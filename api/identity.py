"""Who a request is from: a program by its bearer token, a person by the cookie of their session."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from api import csrf
from api.people import Actor, Role, Scope
from api.store import Store
from workers.casefile import people
from workers.runtime.settings import Settings

WATCHING = "x-watching"
"""A page that renews itself says so in this header: a screen that nobody looks at keeps no session awake."""
EVENTS = "/ui/events"
"""Pages come here by themselves, too."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who it is, and the cookie by which they were recognised: None for programs."""

    actor: Actor
    cookie: str | None

    @property
    def csrf(self) -> str:
        """What the forms of this person's pages carry."""
        return csrf.token_for(self.cookie or "")


async def recognise(request: Request, settings: Settings, store: Store) -> Recognised | None:
    """Whoever it is, or None. A bearer token that is not good is not made up for by a cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        actor = _known_program(token.strip(), settings) or await _program(token.strip(), store)
        return Recognised(actor, None) if actor else None
    cookie = request.cookies.get(cookie_name(settings))
    if cookie is None:
        return None
    person = await _person(cookie, settings, store, by_hand=_by_hand(request))
    return Recognised(person, cookie) if person else None


def _by_hand(request: Request) -> bool:
    return request.url.path != EVENTS and WATCHING not in request.headers


def _known_program(token: str, settings: Settings) -> Actor | None:
    """One of ORDEROPS_API_TOKENS, compared in constant time: good for everything."""
    sent = token.encode()
    fits = [hmac.compare_digest(sent, known.get_secret_value().encode()) for known in settings.api_tokens]
    if not any(fits):
        return None
    name = f"settings-{hashlib.sha256(sent).hexdigest()[:12]}"
    return Actor(name, "Program", "program", scopes=frozenset(Scope))


async def _program(token: str, store: Store) -> Actor | None:
    rows = await store.rows(people.TOKEN, {"token_sha256": people.hashed(token)})
    if not rows:
        return None
    [row] = rows
    known = frozenset(scope for scope in Scope if scope in row.scopes)
    return Actor(row.name, row.name, "program", scopes=known)


async def _person(cookie: str, settings: Settings, store: Store, *, by_hand: bool) -> Actor | None:
    token = {"token_sha256": people.hashed(cookie)}
    idle = timedelta(minutes=settings.session_idle_minutes)
    rows = await store.rows(people.SESSION, {**token, "idle": idle})
    if not rows:
        return None
    [row] = rows
    if row.seen_long_ago and by_hand:
        await store.rows(people.SEEN, token)
    known = frozenset(role for role in Role if role in row.roles)
    return Actor(row.name, row.display_name, "person", roles=known)


def cookie_name(settings: Settings) -> str:
    """Of the cookie that carries a session."""
    return cookie_name_at(settings.public_url)


def cookie_name_at(public_url: str) -> str:
    """Browsers send cookies to every port of a host: the name keeps stacks side by side apart. With TLS the prefix
    makes browsers take it from this host only."""
    address = urlsplit(public_url)
    return "__Host-session" if address.scheme == "https" else f"session-{address.port or 80}"


def secure(settings: Settings) -> bool:
    """Whether people reach us over TLS."""
    return urlsplit(settings.public_url).scheme == "https"


def set_cookie(answer: Response, settings: Settings, name: str, value: str, lasts: timedelta) -> None:
    """Out of reach for scripts, and not sent along with what other sites send."""
    answer.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=secure(settings),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(answer: Response, settings: Settings, name: str) -> None:
    """The browser forgets it."""
    answer.delete_cookie(name, path="/", secure=secure(settings), httponly=True, samesite="lax")
