"""Who may what: every route, for everybody there is, by the one table that the routes take their right from."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import func, update

from api.live import Changes
from api.people import Actor, Role, Scope
from api.rights import ROUTES, Right
from tests.api.conftest import BEARER, assert_problem
from tests.api.people import add, client_at, session_of, token_with, wear
from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.people_models import UserSession

HOLDERS = {
    Right.OPEN: set(),
    Right.LOG_OUT: {*Role},
    Right.READ: {*Role, Scope.READ},
    Right.WORK: {Role.AGENT, Role.LEAD, Role.FINANCE, Scope.TASKS},
    Right.RETRY: {Role.LEAD, Role.ADMIN, Scope.INCIDENTS},
    Right.START: {Role.ADMIN, Scope.PROCESSES},
    Right.REFUND: {Role.AGENT, Role.LEAD, Role.FINANCE, Scope.REFUNDS},
    Right.WRITE: {Role.AGENT, Role.LEAD, Scope.TICKETS},
    Right.MEASURE: {Role.ADMIN, Scope.METRICS},
}
"""Written down a second time: what somebody may is not to change by mistake."""

Arrive = Callable[[httpx.AsyncClient, Database], Awaitable[None]]


def calls(app: FastAPI) -> Iterator[str]:
    """Every route of ours by method and pattern."""
    for router in app.state.routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield from (f"{method} {route.path}" for method in route.methods or ())


def with_roles(*roles: Role) -> Arrive:
    async def arrive(client: httpx.AsyncClient, database: Database) -> None:
        wear(client, await session_of(database, await add(database, *roles)))

    return arrive


def with_scopes(*scopes: Scope) -> Arrive:
    async def arrive(client: httpx.AsyncClient, database: Database) -> None:
        _, token = await token_with(database, scopes)
        client.headers["Authorization"] = f"Bearer {token}"

    return arrive


async def as_nobody(client: httpx.AsyncClient, database: Database) -> None:
    pass


async def with_an_unknown_token(client: httpx.AsyncClient, database: Database) -> None:
    client.headers["Authorization"] = f"Bearer {people.TOKEN_PREFIX}unknown"


async def with_an_unknown_cookie(client: httpx.AsyncClient, database: Database) -> None:
    wear(client, "unknown")


async def with_an_expired_session(client: httpx.AsyncClient, database: Database) -> None:
    name = await add(database, *Role)
    wear(client, await session_of(database, name, timedelta(seconds=-1)))


async def with_an_idle_session(client: httpx.AsyncClient, database: Database) -> None:
    name = await add(database, *Role)
    wear(client, await session_of(database, name))
    async with database.transaction() as session:
        idle = {"seen_at": func.now() - timedelta(minutes=61)}
        await session.execute(update(UserSession).where(UserSession.user_name == name).values(idle))


async def disabled(client: httpx.AsyncClient, database: Database) -> None:
    name = await add(database, *Role)
    changes = {"disabled_at": func.now()}
    await database.run(lambda session: people.change_user(session, name, "user_disabled", changes))
    wear(client, await session_of(database, name))


async def with_roles_changed_since(client: httpx.AsyncClient, database: Database) -> None:
    name = await add(database, Role.AGENT)
    wear(client, await session_of(database, name))
    changes = {"roles": [*Role]}
    await database.run(lambda session: people.change_user(session, name, "roles_changed", changes))


async def with_an_expired_token(client: httpx.AsyncClient, database: Database) -> None:
    _, token = await token_with(database, [*Scope], timedelta(seconds=-1))
    client.headers["Authorization"] = f"Bearer {token}"


async def with_a_revoked_token(client: httpx.AsyncClient, database: Database) -> None:
    name, token = await token_with(database, [*Scope])
    await database.run(lambda session: people.revoke_token(session, name))
    client.headers["Authorization"] = f"Bearer {token}"


NOBODY = [
    as_nobody,
    with_an_unknown_token,
    with_an_unknown_cookie,
    with_an_expired_session,
    with_an_idle_session,
    disabled,
    with_roles_changed_since,
    with_an_expired_token,
    with_a_revoked_token,
]
SOMEBODY: dict[str, tuple[Arrive, set[Role | Scope]]] = {
    "no role": (with_roles(), set()),
    "no scope": (with_scopes(), set()),
    **{f"role {role}": (with_roles(role), {role}) for role in Role},
    **{f"scope {scope}": (with_scopes(scope), {scope}) for scope in Scope},
}


@pytest.fixture
async def client(app: FastAPI, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app.state.changes = Changes(database, at_most=0)  # a stream would not end
    async with client_at(app) as client:
        yield client


async def ask(client: httpx.AsyncClient, call: str) -> httpx.Response:
    """An answer to what a browser or a program could send, with whatever in the place of names."""
    method, _, pattern = call.partition(" ")
    path = re.sub(r"\{\w+\}", "5", pattern)
    body: dict[str, str] | None = None if method == "GET" else {}
    return await client.request(method, path, json=body, headers={"Idempotency-Key": "x"})


def gate_said(answer: httpx.Response) -> int | None:
    """401 or 403 when the request did not get as far as the route; people are led to the log-in instead of 401."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/login"):
        return 401
    unauthorized = answer.status_code == 401 and "www-authenticate" in answer.headers
    forbidden = answer.status_code == 403 and "You may not do this." in answer.text
    return answer.status_code if unauthorized or forbidden else None


def test_every_route_stands_in_the_table_and_no_other(app: FastAPI, bridge_app: FastAPI) -> None:
    assert {*calls(app), *calls(bridge_app)} == ROUTES.keys()


def test_what_is_served_besides_is_public_files(app: FastAPI) -> None:
    others = [getattr(route, "path", None) for route in app.router.routes]
    assert {path for path in others if path} == {"/openapi.json", "/static", "/static/swagger"}


def test_the_rights_are_whose_they_should_be() -> None:
    assert {right: {*right.value.roles, *right.value.scopes} for right in Right} == HOLDERS


@pytest.mark.parametrize("arrive", NOBODY, ids=lambda arrive: arrive.__name__)
async def test_nobody_may_anything_but_what_is_open(
    arrive: Arrive, client: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    await arrive(client, database)
    said = {call: gate_said(await ask(client, call)) for call in calls(app)}
    assert said == {call: None if ROUTES[call] is Right.OPEN else 401 for call in said}


@pytest.mark.parametrize("who", SOMEBODY)
async def test_somebody_may_what_their_roles_or_scopes_are_for(
    who: str, client: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    arrive, holds = SOMEBODY[who]
    await arrive(client, database)
    said = {call: gate_said(await ask(client, call)) for call in calls(app)}
    allowed = {call for call in said if ROUTES[call] is Right.OPEN or HOLDERS[ROUTES[call]] & holds}
    assert said == {call: None if call in allowed else 403 for call in said}


async def test_a_token_of_the_settings_may_everything(client: httpx.AsyncClient, app: FastAPI) -> None:
    client.headers.update(BEARER)
    said = {call: gate_said(await ask(client, call)) for call in calls(app) if ROUTES[call] is not Right.LOG_OUT}
    assert set(said.values()) == {None}


async def test_a_route_without_a_right_is_for_nobody(app: FastAPI) -> None:
    """Who forgets the table notices at once, and nobody else does."""
    router = APIRouter()
    router.get("/forgotten")(lambda: "secret")
    app.include_router(router)
    async with client_at(app) as client:
        assert_problem(await client.get("/forgotten", headers=BEARER), 403, "forbidden")
        assert_problem(await client.get("/forgotten"), 401, "unauthorized")


def test_people_do_the_tasks_of_their_groups() -> None:
    def may(role: Role, *groups: str) -> bool:
        return Actor("ada", "Ada", "person", roles=frozenset({role})).may_do(groups)

    assert [role for role in Role if may(role, "support")] == [Role.AGENT, Role.LEAD]
    assert [role for role in Role if may(role, "lead")] == [Role.LEAD]
    assert [role for role in Role if may(role, "finance")] == [Role.FINANCE]
    assert [role for role in Role if may(role, "unheard-of")] == []
    assert all(may(role) for role in Role)
