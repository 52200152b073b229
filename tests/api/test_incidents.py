import itertools
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.api.conftest import BEARER, assert_problem, new_order_id
from tests.api.fake_engine import FakeEngine
from tests.api.ui_data import an_instance
from workers.casefile.db import Database
from workers.casefile.models import Case, Incident, TimelineEntry
from workers.runtime.errors import EngineConflict, EngineUnavailable

_keys = itertools.count(2**53 + 1)


async def add_incident(database: Database, **changes: Any) -> Incident:
    """An incident of a case of its own."""
    key = next(_keys)
    incident = Incident(
        key=key, process="fulfillment", process_instance_key=key + 10**15, element_id="Task_GetOrder",
        job_key=None, error_type="JOB_NO_RETRIES", message="The shop has no such order.",
        created_at=datetime.now(UTC), resolved_at=None,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(incident, name, value)
    async with database.transaction() as session:
        session.add(incident)
        instance = incident.process_instance_key
        case = Case(id=str(new_order_id()), process="fulfillment", process_instance_key=instance)
        session.add_all([case, an_instance(case)])
    return incident


async def list_keys(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/incidents?limit=500&{query}", headers=BEARER)
    return [each["key"] for each in answer.json()["incidents"]]


async def retry(client: httpx.AsyncClient, key: int) -> httpx.Response:
    return await client.post(f"/incidents/{key}/retry", headers=BEARER)


class TestFinding:
    async def test_an_incident_says_where_and_why(self, client: httpx.AsyncClient, database: Database) -> None:
        incident = await add_incident(database)
        answer = await client.get(f"/incidents?after={incident.key - 1}", headers=BEARER)
        [shown] = answer.json()["incidents"]
        assert (shown["key"], shown["process"]) == (str(incident.key), "fulfillment")
        assert (shown["element_id"], shown["error_type"]) == ("Task_GetOrder", "JOB_NO_RETRIES")
        assert (shown["message"], shown["resolved_at"]) == ("The shop has no such order.", None)
        case = (await client.get(f"/cases/{shown['case_id']}", headers=BEARER)).json()
        assert case["incidents"] == [shown]

    async def test_open_ones_unless_others_are_asked_for(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        now = datetime.now(UTC)
        open_, resolved = [str((await add_incident(database, resolved_at=at)).key) for at in (None, now)]
        both = {open_, resolved}
        for query, there in [
            ("", {open_}),
            ("state=open", {open_}),
            ("state=resolved", {resolved}),
            ("state=all", both),
        ]:
            assert both & set(await list_keys(client, query)) == there
        assert_problem(await client.get("/incidents?state=closed", headers=BEARER), 422, "invalid")

    async def test_pages_follow_each_other(self, client: httpx.AsyncClient, database: Database) -> None:
        before, *made = [(await add_incident(database)).key for _ in range(4)]
        first = (await client.get(f"/incidents?limit=2&after={before}", headers=BEARER)).json()
        rest = (await client.get(f"/incidents?limit=2&after={first['next']}", headers=BEARER)).json()
        assert [int(each["key"]) for each in first["incidents"] + rest["incidents"]] == made
        assert rest["next"] is None

    async def test_only_with_a_token(self, client: httpx.AsyncClient) -> None:
        assert_problem(await client.get("/incidents"), 401, "unauthorized")
        assert_problem(await client.post("/incidents/7/retry"), 401, "unauthorized")


class TestRetrying:
    @pytest.mark.parametrize("job_key", [None, 2**52])
    async def test_the_engine_is_told_with_the_job_if_there_is_one(
        self, job_key: int | None, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        incident = await add_incident(database, job_key=job_key)
        answer = await retry(client, incident.key)
        assert answer.status_code == 202
        assert answer.json() == {"key": str(incident.key), "status": "retried"}
        assert engine_seen.resolved == [(incident.key, job_key)]
        told = select(TimelineEntry).where(TimelineEntry.process_instance_key == incident.process_instance_key)
        async with database.sessions() as session:
            [entry] = await session.scalars(told)
        assert entry.sentence.endswith(" lets “Get order” be tried again")
        assert (entry.source, entry.element_id, entry.facts) == (
            "api",
            "Task_GetOrder",
            {"incident": str(incident.key)},
        )
        assert entry.actor is not None
        assert entry.actor.startswith("program:")

    async def test_unknown_is_not_found_and_resolved_is_a_conflict(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        assert_problem(await retry(client, 7), 404, "not-found")
        resolved = await add_incident(database, resolved_at=datetime.now(UTC))
        assert_problem(await retry(client, resolved.key), 409, "conflict")
        assert engine_seen.resolved == []

    async def test_what_the_engine_refuses_is_a_conflict(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        incident = await add_incident(database)
        engine_seen.away = EngineConflict("no retries left")
        assert_problem(await retry(client, incident.key), 409, "conflict")

    async def test_engine_away_is_unavailable(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        incident = await add_incident(database)
        engine_seen.away = EngineUnavailable("gone")
        answer = await retry(client, incident.key)
        assert_problem(answer, 503, "unavailable")
        assert "retry-after" in answer.headers
