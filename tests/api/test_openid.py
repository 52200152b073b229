"""Logging in by way of an OpenID provider, and not being taken in by one that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select

from api.main import create_app
from api.openid import roles_of
from api.people import Role
from api.server import Server
from tests.api.openid_provider import CLIENT, SECRET, Provider
from tests.api.people import COOKIE, add, client_at, new_name
from workers.casefile import people
from workers.casefile.db import Database
from workers.casefile.people_models import User
from workers.runtime.bootstrap import Assembled
from workers.runtime.errors import UserError
from workers.runtime.listening import listen

CALLBACK = "http://testserver/login/openid/callback"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider, started = Provider(), asyncio.Event()
    with listen("127.0.0.1", 0, "api") as listening:
        host, port = listening.getsockname()[:2]
        provider.address = f"http://{host}:{port}"
        name = new_name("subject")
        provider.claims = {"sub": name, "preferred_username": name, "name": "Ada Example", "roles": ["agent"]}
        server = Server(provider.app(), started.set)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await asyncio.wait_for(started.wait(), 10)
        yield provider
        server.should_exit = True
        await task


@pytest.fixture
def app(assembled: Assembled, provider: Provider) -> FastAPI:
    changes = {"oidc_issuer": provider.address, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
    return create_app(replace(assembled, settings=assembled.settings.model_copy(update=changes)))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_at(app) as client:
        yield client


async def sent_away(client: httpx.AsyncClient, goal: str = "/cases") -> dict[str, str]:
    """What the provider is told by the browser that we send there."""
    answer = await client.get("/login/openid", params={"next": goal})
    assert answer.status_code == 303, answer.text
    address = httpx.URL(answer.headers["location"])
    assert address.path == "/authorize"
    query = dict(address.params)
    assert query["redirect_uri"] == CALLBACK
    return query


async def log_in(client: httpx.AsyncClient, provider: Provider, **changes: str) -> httpx.Response:
    query = await sent_away(client)
    back = {"code": provider.code_for(query), "state": query["state"], **changes}
    return await client.get("/login/openid/callback", params=back)


async def user_of(database: Database, subject: str) -> User | None:
    async with database.sessions() as session:
        return await session.scalar(select(User).where(User.subject == subject))


async def test_the_log_in_page_leads_there(client: httpx.AsyncClient) -> None:
    assert 'href="/login/openid?next=/cases"' in (await client.get("/login?next=/cases")).text


async def test_without_a_provider_there_is_no_such_place(assembled: Assembled) -> None:
    async with client_at(create_app(assembled)) as client:
        assert "/login/openid" not in (await client.get("/login")).text
        assert (await client.get("/login/openid")).status_code == 404
        assert (await client.get("/login/openid/callback?code=x&state=x")).status_code == 404


async def test_somebody_new_is_added_without_a_password(
    client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    answer = await log_in(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases")
    assert (await client.get("/cases")).status_code == 200
    user = await user_of(database, provider.claims["sub"])
    assert user
    assert (user.name, user.display_name, user.roles) == (provider.claims["sub"], "Ada Example", ["agent"])
    assert (user.password_hash, user.issuer) == (None, provider.address)


async def test_the_same_person_comes_again_as_what_they_are_by_then(
    client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    await log_in(client, provider)
    before = client.cookies[COOKIE]
    provider.claims["roles"] = ["lead", "agent", "unheard-of", 5]
    provider.claims["preferred_username"] = "renamed"
    await log_in(client, provider)
    user = await user_of(database, provider.claims["sub"])
    assert user
    assert (user.name, user.roles) == (provider.claims["sub"], ["agent", "lead"])
    assert client.cookies[COOKIE] != before
    assert provider.asked.count("about") == provider.asked.count("keys") == 1


async def test_a_name_that_somebody_has_stays_theirs(
    client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    """Or whoever chooses their name at the provider could become anybody here."""
    admin = await add(database, Role.ADMIN)
    provider.claims["preferred_username"] = admin
    assert (await log_in(client, provider)).status_code == 303
    user = await user_of(database, provider.claims["sub"])
    assert user
    assert user.name.startswith(f"{admin}-")
    assert user.roles == ["agent"]


@pytest.mark.parametrize("name", ["<script>", "", "Ä" * 200, "-", "a b@C.example"])
async def test_a_name_becomes_one_of_ours(
    name: str, client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    provider.claims["preferred_username"] = name
    assert (await log_in(client, provider)).status_code == 303
    user = await user_of(database, provider.claims["sub"])
    assert user
    assert people.NAME.fullmatch(user.name)


@pytest.mark.parametrize("roles", [None, [], ["unheard-of"], "agentlead", {"agent": True}, 5])
async def test_without_a_role_nobody_is_let_in(
    roles: Any, client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    provider.claims["roles"] = roles
    assert (await log_in(client, provider)).status_code == 403
    assert COOKIE not in client.cookies
    assert await user_of(database, provider.claims["sub"]) is None


async def test_somebody_disabled_here_is_not_let_in(
    client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    await log_in(client, provider)
    changes = {"disabled_at": func.now()}
    name = provider.claims["sub"]
    await database.run(lambda session: people.change_user(session, name, "user_disabled", changes))
    client.cookies.delete(COOKIE)
    assert (await log_in(client, provider)).status_code == 403
    assert COOKIE not in client.cookies


TWISTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "wrong audience": lambda claims: claims.update(aud="another"),
    "wrong audience, made for us by another": lambda claims: claims.update(aud="another", azp=CLIENT),
    "made by another for us": lambda claims: claims.update(aud=[CLIENT, "another"], azp="another"),
    "no audience": lambda claims: claims.pop("aud"),
    "wrong nonce": lambda claims: claims.update(nonce="another"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "expired": lambda claims: claims.update(exp=claims["iat"] - 3600, iat=claims["iat"] - 7200),
    "without an end": lambda claims: claims.pop("exp"),
    "from the future": lambda claims: claims.update(nbf=claims["iat"] + 3600),
    "wrong issuer": lambda claims: claims.update(iss="https://evil.example"),
    "nobody": lambda claims: claims.pop("sub"),
    "a number": lambda claims: claims.update(sub=5),
}


@pytest.mark.parametrize("twist", TWISTS)
async def test_an_id_token_that_does_not_fit_is_refused(
    twist: str, client: httpx.AsyncClient, provider: Provider, database: Database
) -> None:
    provider.twist = TWISTS[twist]
    answer = await log_in(client, provider)
    assert answer.status_code == 403
    assert "cannot" not in answer.headers.get("location", "")
    assert COOKIE not in client.cookies
    assert await user_of(database, provider.claims["sub"]) is None


@pytest.mark.parametrize(
    "sign",
    [
        Provider.unsigned,
        Provider.with_the_clients_secret,
        Provider.by_somebody_else,
        lambda provider, claims: provider.signed(claims)[:-8] + "AAAAAAAA",
        lambda provider, claims: "not.a.token",
        lambda provider, claims: "",
    ],
    ids=["none", "shared secret", "another key", "broken", "no token", "empty"],
)
async def test_a_signature_that_does_not_fit_is_refused(
    sign: Callable[[Provider, dict[str, Any]], str], client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.sign = sign
    assert (await log_in(client, provider)).status_code == 403
    assert COOKIE not in client.cookies


@pytest.mark.parametrize("token", [{}, {"id_token": None}, {"id_token": 5}, [], {"error": "invalid_grant"}])
async def test_an_answer_without_an_id_token_is_refused(
    token: Any, client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.answers["token"] = token or {"nothing": 1}
    assert (await log_in(client, provider)).status_code == 403


async def test_a_provider_that_calls_itself_otherwise_is_refused(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.answers["about"] = {
        "issuer": "https://evil.example",
        "authorization_endpoint": "https://evil.example",
    }
    assert (await client.get("/login/openid")).status_code == 403


async def test_new_keys_are_fetched(client: httpx.AsyncClient, provider: Provider) -> None:
    await log_in(client, provider)
    provider.key = type(provider.key).generate_key(2048, {"kid": "second", "use": "sig"})
    client.cookies.delete(COOKIE)
    assert (await log_in(client, provider)).status_code == 303


class TestAnotherBrowser:
    """Or one could log others in as oneself."""

    async def test_a_state_that_is_not_this_browsers(self, client: httpx.AsyncClient, provider: Provider) -> None:
        for state in ("", "another", "é"):
            assert (await log_in(client, provider, state=state)).status_code == 403
        assert "token" not in provider.asked

    async def test_a_log_in_that_began_elsewhere(
        self, client: httpx.AsyncClient, app: FastAPI, provider: Provider
    ) -> None:
        query = await sent_away(client)
        back = {"code": provider.code_for(query), "state": query["state"]}
        async with client_at(app) as other:
            assert (await other.get("/login/openid/callback", params=back)).status_code == 403
            other.cookies.set("login-flow", "made-up")
            assert (await other.get("/login/openid/callback", params=back)).status_code == 403
        assert "token" not in provider.asked

    async def test_a_code_is_good_once(self, client: httpx.AsyncClient, provider: Provider) -> None:
        query = await sent_away(client)
        back = {"code": provider.code_for(query), "state": query["state"]}
        assert (await client.get("/login/openid/callback", params=back)).status_code == 303
        assert (await client.get("/login/openid/callback", params=back)).status_code == 403

    async def test_who_changes_their_mind_there_comes_back_to_a_page(self, client: httpx.AsyncClient) -> None:
        query = await sent_away(client)
        back = {"error": "access_denied", "state": query["state"]}
        answer = await client.get("/login/openid/callback", params=back)
        assert answer.status_code == 403
        assert "You were not logged in there" in answer.text


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_it_never_leads_to_another_site(goal: str, client: httpx.AsyncClient) -> None:
    assert (await client.get("/login/openid", params={"next": goal})).status_code == 400


async def test_a_provider_that_is_away(assembled: Assembled) -> None:
    changes = {"oidc_issuer": "http://127.0.0.1:1", "oidc_client_id": "x", "oidc_client_secret": SecretStr("x")}
    app = create_app(replace(assembled, settings=assembled.settings.model_copy(update=changes)))
    async with client_at(app) as client:
        answer = await client.get("/login/openid")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_the_providers_words_for_our_roles() -> None:
    assert roles_of(()) == {role.value: role for role in Role}
    assert roles_of(("ops=agent", "cn=leads,dc=x=lead")) == {"ops": Role.AGENT, "cn=leads,dc=x": Role.LEAD}
    with pytest.raises(UserError, match="ORDEROPS_OIDC_ROLES"):
        roles_of(("ops=king",))
