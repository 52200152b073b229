"""Logging in and out: sessions begin and end as they should, guessers are slowed down, nobody learns a name."""

import asyncio
import random
import re
import statistics
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from argon2.profiles import PRE_21_2
from fastapi import FastAPI
from sqlalchemy import func, select, update

from api import csrf
from api.people import Role
from tests.api.conftest import BEARER
from tests.api.people import COOKIE, PASSWORD, add, client_at, new_name
from workers.casefile import people, throttle
from workers.casefile.db import Database
from workers.casefile.people_models import AccessEvent, LoginThrottle, User, UserSession
from workers.casefile.throttle import Bucket


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Each test comes from an address of its own: attempts of others do not count."""
    async with client_at(app, new_name("address")) as client:
        yield client


@pytest.fixture
async def ada(database: Database) -> str:
    return await add(database, Role.AGENT)


async def csrf_of(client: httpx.AsyncClient, path: str = "/login") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await client.get(path)).text)
    assert found
    return found[1]


async def log_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    sent = {"csrf": await csrf_of(client), "name": name, "password": password, **fields}
    return await client.post("/login", data=sent)


async def sessions_of(database: Database, name: str) -> int:
    async with database.sessions() as session:
        counted = select(func.count()).select_from(UserSession).where(UserSession.user_name == name)
        return await session.scalar(counted) or 0


class TestLogIn:
    async def test_a_session_begins_and_leads_on(self, client: httpx.AsyncClient, ada: str) -> None:
        answer = await log_in(client, ada, next="/cases?state=open")
        assert (answer.status_code, answer.headers["location"]) == (303, "/cases?state=open")
        assert (await client.get("/cases")).status_code == 200

    async def test_the_cookie_is_for_our_server_and_not_for_scripts(
        self, client: httpx.AsyncClient, ada: str
    ) -> None:
        [cookie] = [
            value for value in (await log_in(client, ada)).headers.get_list("set-cookie") if COOKIE in value
        ]
        flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert "secure" not in flags, "over http the browser would not send it back"
        assert not [flag for flag in flags if flag.startswith("domain")]

    async def test_only_its_hash_is_stored(self, client: httpx.AsyncClient, database: Database, ada: str) -> None:
        await log_in(client, ada)
        async with database.sessions() as session:
            row = (await session.scalars(select(UserSession).where(UserSession.user_name == ada))).one()
        assert row.token_sha256 == people.hashed(client.cookies[COOKIE])

    async def test_a_name_may_be_typed_in_capitals(self, client: httpx.AsyncClient, ada: str) -> None:
        assert (await log_in(client, f" {ada.upper()} ")).status_code == 303

    async def test_each_log_in_has_a_new_token_and_ends_the_one_before(
        self, client: httpx.AsyncClient, app: FastAPI, database: Database, ada: str
    ) -> None:
        """A token that somebody planted in the browser is worth nothing after the log-in."""
        await log_in(client, ada)
        first = client.cookies[COOKIE]
        client.cookies.delete(COOKIE)
        csrf = await csrf_of(client)
        client.cookies.set(COOKIE, first, domain="testserver.local")
        await client.post("/login", data={"csrf": csrf, "name": ada, "password": PASSWORD})
        assert client.cookies[COOKIE] != first
        assert await sessions_of(database, ada) == 1
        async with client_at(app) as thief:
            thief.cookies.set(COOKIE, first)
            assert (await thief.get("/cases")).status_code == 401

    async def test_who_is_logged_in_is_not_asked_again(self, client: httpx.AsyncClient, ada: str) -> None:
        await log_in(client, ada)
        assert (await client.get("/login?next=/problems")).headers["location"] == "/problems"

    async def test_an_old_hash_is_made_anew(self, client: httpx.AsyncClient, database: Database, ada: str) -> None:
        old = PasswordHasher.from_parameters(PRE_21_2).hash(PASSWORD)
        async with database.transaction() as session:
            await session.execute(update(User).where(User.name == ada).values(password_hash=old))
        assert (await log_in(client, ada)).status_code == 303
        async with database.sessions() as session:
            stored = await session.scalar(select(User.password_hash).where(User.name == ada))
        assert stored
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        client.cookies.clear()
        assert (await log_in(client, ada)).status_code == 303

    async def test_without_the_form_s_cookie_no_token_fits(self, client: httpx.AsyncClient, ada: str) -> None:
        """Not even the one that is made of nothing, which anybody can work out."""
        sent = {"csrf": csrf.token_for(""), "name": ada, "password": PASSWORD}
        answer = await client.post("/login", data=sent)
        assert answer.status_code == 403
        assert COOKIE not in client.cookies

    async def test_over_tls_the_cookie_is_secure_and_for_this_host_only(self, app: FastAPI, ada: str) -> None:
        assembled = app.state.assembled
        secured = assembled.settings.model_copy(update={"public_url": "https://ops.example.com"})
        app.state.assembled = type(assembled)(
            **{name: getattr(assembled, name) for name in assembled.__slots__} | {"settings": secured}
        )
        transport = httpx.ASGITransport(app=app, client=(new_name("address"), 5))
        async with httpx.AsyncClient(transport=transport, base_url="https://ops.example.com") as client:
            cookies = (await log_in(client, ada)).headers.get_list("set-cookie")
        [cookie] = [value for value in cookies if value.startswith("__Host-session=")]
        assert "secure" in cookie.lower()
        assert "domain" not in cookie.lower()


class TestRefusals:
    @pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", "x" * 20_000])
    async def test_a_wrong_password(self, password: str, client: httpx.AsyncClient, ada: str) -> None:
        answer = await log_in(client, ada, password)
        assert answer.status_code == 401
        assert "do not fit together" in answer.text
        assert COOKIE not in client.cookies

    @pytest.mark.parametrize(
        "name", ["", "nobody", "a\x00b", "Ä" * 90, "<script>alert(1)</script>", "' OR 1=1 --"]
    )
    async def test_an_unknown_name_gets_the_same_answer(
        self, name: str, client: httpx.AsyncClient, ada: str
    ) -> None:
        wrong, unknown = await log_in(client, ada, "wrong"), await log_in(client, name, "wrong")
        assert wrong.status_code == unknown.status_code == 401
        typed = re.compile(r'<input id="name"[^>]*>|<input id="password"[^>]*>')
        assert typed.sub("", wrong.text) == typed.sub("", unknown.text)
        assert "<script>" not in unknown.text

    async def test_an_unknown_name_takes_as_long(self, app: FastAPI, database: Database) -> None:
        async def seconds(name: str) -> float:
            async with client_at(app, new_name("address")) as client:
                csrf = await csrf_of(client)
                began = time.perf_counter()
                await client.post("/login", data={"csrf": csrf, "name": name, "password": "wrong"})
                return time.perf_counter() - began

        known = [await seconds(await add(database, Role.AGENT)) for _ in range(7)]
        unknown = [await seconds(new_name("stranger")) for _ in range(7)]
        ratio = statistics.median(unknown) / statistics.median(known)
        assert 0.6 < ratio < 1.6, "without a hash to compare with it would be below 0.2"

    async def test_somebody_disabled(self, client: httpx.AsyncClient, database: Database, ada: str) -> None:
        changes = {"disabled_at": func.now()}
        await database.run(lambda session: people.change_user(session, ada, "user_disabled", changes))
        assert (await log_in(client, ada)).status_code == 401

    async def test_somebody_without_a_password(
        self, client: httpx.AsyncClient, database: Database, ada: str
    ) -> None:
        changes = {"password_hash": None}
        await database.run(lambda session: people.change_user(session, ada, "password_changed", changes))
        for password in ("", "None", PASSWORD):
            assert (await log_in(client, ada, password)).status_code == 401

    async def test_what_became_of_it_is_kept_without_what_was_typed(
        self, client: httpx.AsyncClient, database: Database, ada: str
    ) -> None:
        await log_in(client, ada, "hunter2-hunter2")
        await log_in(client, "hunter2-hunter2", "x")
        await log_in(client, ada)
        async with database.sessions() as session:
            events = (await session.scalars(select(AccessEvent).order_by(AccessEvent.id.desc()).limit(3))).all()
        assert [(event.kind, event.subject) for event in events] == [
            ("logged_in", f"person:{ada}"),
            ("login_refused", "nobody"),
            ("login_refused", f"person:{ada}"),
        ]
        assert "hunter2" not in str([event.facts for event in events])


class TestThrottle:
    async def test_a_name_is_guessed_ten_times_and_then_nobody_helps(
        self, app: FastAPI, database: Database, ada: str
    ) -> None:
        """Known or not; the right password does not help either, until there is room."""
        for name in (ada, new_name("stranger")):
            address = new_name("address")
            for _ in range(10):
                assert await poured(database, throttle.of_name(name, address)) is None
            async with client_at(app, address) as client:
                answer = await log_in(client, name)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
            assert "too many attempts" in answer.text
            assert COOKIE not in client.cookies

    async def test_strangers_who_guess_at_a_name_do_not_keep_its_owner_out(
        self, app: FastAPI, database: Database, ada: str
    ) -> None:
        strangers, home = new_name("address"), new_name("address")
        for _ in range(11):
            await poured(database, throttle.of_name(ada, strangers))
        async with client_at(app, strangers) as there, client_at(app, home) as here:
            assert (await log_in(there, ada, "wrong")).status_code == 429
            assert (await log_in(here, ada)).status_code == 303
            assert (await log_in(there, ada, "wrong")).status_code == 429, "they do not start anew with it"

    async def test_an_address_is_slowed_down_whatever_names_it_tries(
        self, client: httpx.AsyncClient, app: FastAPI, database: Database, ada: str
    ) -> None:
        """All of an IPv6 network is one address."""
        prefix = f"2001:db8:0:{random.getrandbits(16):x}"
        for _ in range(30):
            assert await poured(database, throttle.of_address(f"{prefix}::/64")) is None
        async with client_at(app, f"{prefix}::5") as same, client_at(app, f"2001:db8:1::{ada[-1]}") as other:
            assert (await log_in(same, ada)).status_code == 429
            assert (await log_in(other, ada)).status_code == 303

    async def test_many_at_once_are_as_many(self, database: Database) -> None:
        bucket = throttle.of_name(new_name(), new_name("address"))
        waits = await asyncio.gather(*(poured(database, bucket) for _ in range(16)))
        assert waits.count(None) == 10

    async def test_an_attempt_counts_however_it_ends(self, app: FastAPI, database: Database, ada: str) -> None:
        address = new_name("address")
        for _ in range(9):
            await poured(database, throttle.of_name(ada, address))
        async with client_at(app, address) as client:
            assert (await log_in(client, ada, "wrong")).status_code == 401
            assert (await log_in(client, ada, "wrong")).status_code == 429

    async def test_it_drains_one_by_one_and_is_forgotten(self, database: Database) -> None:
        bucket = Bucket(new_name("bucket").encode(), size=3, leak=timedelta(minutes=1))
        assert [await poured(database, bucket) is None for _ in range(4)] == [True, True, True, False]
        await pass_time(database, bucket, timedelta(seconds=61))
        assert [await poured(database, bucket) is None for _ in range(2)] == [True, False]
        await pass_time(database, bucket, timedelta(minutes=5))
        await poured(database, Bucket(new_name("bucket").encode(), size=1, leak=timedelta(minutes=1)))
        async with database.sessions() as session:
            assert await session.get(LoginThrottle, bucket.key) is None

    async def test_who_logs_in_starts_anew_and_the_address_gets_one_attempt_back(self, database: Database) -> None:
        """Or whoever knows one password could guess at others for ever."""
        name = Bucket(new_name("bucket").encode(), size=3, leak=timedelta(minutes=1))
        address = Bucket(new_name("bucket").encode(), size=4, leak=timedelta(minutes=1))
        for _ in range(3):
            await database.run(lambda session: throttle.admit(session, (name, address)))
        await database.run(lambda session: throttle.forgive(session, name, address))
        assert [await poured(database, name) is None for _ in range(4)] == [True, True, True, False]
        assert [await poured(database, address) is None for _ in range(3)] == [True, True, False]


async def poured(database: Database, bucket: Bucket) -> timedelta | None:
    return await database.run(lambda session: throttle.admit(session, (bucket,)))


async def pass_time(database: Database, bucket: Bucket, much: timedelta) -> None:
    async with database.transaction() as session:
        past = update(LoginThrottle).where(LoginThrottle.key == bucket.key)
        await session.execute(past.values(drained_at=LoginThrottle.drained_at - much))


class TestSessions:
    @pytest.mark.parametrize(
        "values",
        [
            {"expires_at": func.now() - timedelta(seconds=1)},
            {"seen_at": func.now() - timedelta(minutes=61)},
        ],
        ids=["absolute", "idle"],
    )
    async def test_it_ends_by_itself(
        self, values: dict[str, object], client: httpx.AsyncClient, database: Database, ada: str
    ) -> None:
        await log_in(client, ada)
        async with database.transaction() as session:
            await session.execute(update(UserSession).where(UserSession.user_name == ada).values(values))
        assert (await client.get("/cases")).status_code == 401

    async def test_use_keeps_it_from_idling(self, client: httpx.AsyncClient, database: Database, ada: str) -> None:
        await log_in(client, ada)
        async with database.transaction() as session:
            long_ago = {"seen_at": func.now() - timedelta(minutes=50)}
            await session.execute(update(UserSession).where(UserSession.user_name == ada).values(long_ago))
        await client.get("/cases")
        async with database.sessions() as session:
            age = func.now() - UserSession.seen_at
            idle = await session.scalar(select(age < timedelta(minutes=1)).where(UserSession.user_name == ada))
        assert idle

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            ("roles_changed", {"roles": ["lead"]}),
            ("password_changed", {"password_hash": "$argon2id$"}),
            ("user_disabled", {"disabled_at": func.now()}),
        ],
    )
    async def test_a_change_of_what_somebody_may_ends_them_all(
        self, kind: str, changes: dict[str, object], client: httpx.AsyncClient, database: Database, ada: str
    ) -> None:
        await log_in(client, ada)
        await database.run(lambda session: people.change_user(session, ada, kind, changes))
        assert await sessions_of(database, ada) == 0
        assert (await client.get("/cases")).status_code == 401

    async def test_logging_out_ends_it_here_and_in_the_browser(
        self, client: httpx.AsyncClient, database: Database, ada: str
    ) -> None:
        await log_in(client, ada)
        answer = await client.post("/logout", data={"csrf": await csrf_of(client, "/logout")})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert COOKIE not in client.cookies
        assert await sessions_of(database, ada) == 0

    async def test_a_made_up_cookie_is_nobodys(self, client: httpx.AsyncClient) -> None:
        for cookie in ("", "x", "é", "x" * 5000):
            headers = {b"Cookie": f"{COOKIE}={cookie}".encode("latin-1")}
            answer = await client.get("/cases", headers=headers)
            assert answer.status_code == 401

    async def test_a_bad_token_is_not_made_up_for_by_a_cookie(self, client: httpx.AsyncClient, ada: str) -> None:
        await log_in(client, ada)
        assert (await client.get("/cases", headers={"Authorization": "Bearer none"})).status_code == 401
        assert (await client.get("/cases", headers=BEARER)).status_code == 200


class TestWhereItLeads:
    @pytest.mark.parametrize(
        "goal",
        [
            "//evil.example",
            "///evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "evil",
            "",
            "/\\evil.example",
            "\\\\evil.example",
            "/\tevil",
            "/\n/evil.example",
            "/\x7f",
            "/\x85/evil",
        ],
    )
    async def test_never_to_another_site(self, goal: str, client: httpx.AsyncClient, ada: str) -> None:
        assert (await client.get("/login", params={"next": goal})).status_code == 400
        assert (await log_in(client, ada, next=goal)).status_code == 400
        assert COOKIE not in client.cookies

    @pytest.mark.parametrize("goal", ["/ui", "/ui/cases?state=open&q=a%2Fb", "/ui/cases/%2F%2Fevil", "/ui/ä"])
    async def test_to_pages_of_ours(self, goal: str, client: httpx.AsyncClient, ada: str) -> None:
        answer = await log_in(client, ada, next=goal)
        assert answer.status_code == 303
        assert httpx.URL(answer.headers["location"]) == httpx.URL(goal)

    async def test_a_page_that_needs_a_log_in_leads_there_and_back(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/logout")


class TestForgedForms:
    """What a browser sends because another site told it to."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    async def test_from_another_site(self, headers: dict[str, str], client: httpx.AsyncClient, ada: str) -> None:
        fields = {"csrf": await csrf_of(client), "name": ada, "password": PASSWORD}
        assert (await client.post("/login", data=fields, headers=headers)).status_code == 403
        await log_in(client, ada)
        csrf = await csrf_of(client, "/logout")
        assert (await client.post("/logout", data={"csrf": csrf}, headers=headers)).status_code == 403
        assert (await client.get("/cases")).status_code == 200

    async def test_without_what_our_page_knows(self, client: httpx.AsyncClient, ada: str) -> None:
        for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "é"}):
            assert (
                await client.post("/login", data={"name": ada, "password": PASSWORD, **token})
            ).status_code == 403
        assert COOKIE not in client.cookies
        mine = await csrf_of(client)
        await log_in(client, ada)
        for token in ({}, {"csrf": ""}, {"csrf": mine}):
            assert (await client.post("/logout", data={"x": "y", **token})).status_code == 403
            assert (await client.post("/tasks/5/unclaim", headers={"X-CSRF-Token": "x"})).status_code == 403
        assert (await client.get("/cases")).status_code == 200

    async def test_a_log_in_page_of_somebody_elses_browser(
        self, client: httpx.AsyncClient, app: FastAPI, ada: str
    ) -> None:
        """Or one could log others in as oneself."""
        async with client_at(app) as other:
            csrf = await csrf_of(other)
        await client.get("/login")
        fields = {"csrf": csrf, "name": ada, "password": PASSWORD}
        assert (await client.post("/login", data=fields)).status_code == 403
