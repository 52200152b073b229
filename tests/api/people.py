"""People and programs for tests: added, logged in, and with what their browsers and programs send."""

import itertools
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
from fastapi import FastAPI

from api import csrf
from api.people import Role, Scope
from workers.casefile import people
from workers.casefile.db import Database
from workers.runtime import passwords

PASSWORD = "correct horse battery staple"
HASHED = passwords.hashed(PASSWORD)
COOKIE = "session-80"
"""What sessions are called at http://testserver."""

_numbers = itertools.count(1)


def new_name(kind: str = "person") -> str:
    return f"{kind}{next(_numbers)}"


async def add(database: Database, *roles: Role, name: str = "") -> str:
    """Somebody with these roles and PASSWORD; their name."""
    name = name or new_name()
    await database.run(lambda session: people.add_user(session, name, name.title(), roles, HASHED))
    return name


async def session_of(database: Database, name: str, lasts: timedelta = timedelta(hours=1)) -> str:
    """A session as a log-in begins it; the cookie's value."""
    return await database.run(lambda session: people.begin_session(session, name, lasts=lasts, instead_of=None))


async def token_with(
    database: Database, scopes: Collection[Scope], lasts: timedelta = timedelta(days=1)
) -> tuple[str, str]:
    """A program's name and token."""
    name = new_name("program")
    return name, await database.run(lambda session: people.create_token(session, name, scopes, lasts))


def client_at(app: FastAPI, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A browser or a program at an address of its own."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True, client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


@dataclass(frozen=True, slots=True)
class Browser:
    """Somebody's, who is logged in; what it sends carries what our forms do."""

    name: str
    client: httpx.AsyncClient


@asynccontextmanager
async def browser(app: FastAPI, database: Database, *roles: Role) -> AsyncIterator[Browser]:
    """The browser of somebody new with these roles."""
    name = await add(database, *roles)
    async with client_at(app) as client:
        wear(client, await session_of(database, name))
        yield Browser(name, client)


def wear(client: httpx.AsyncClient, cookie: str) -> None:
    """Send this session's cookie, and what our pages send with it."""
    client.cookies.set(COOKIE, cookie)
    client.headers[csrf.HEADER] = csrf.token_for(cookie)
