"""What people and programs may do with tasks."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.people import Role, Scope
from tests.api.conftest import assert_problem
from tests.api.fake_engine import FakeEngine
from tests.api.people import browser, client_at, token_with
from tests.api.test_tasks import ADDRESS, add_task
from workers.casefile.db import Database
from workers.casefile.models import Task, TimelineEntry

COMPLETED = {"variables": ADDRESS}


@pytest.fixture
async def task(database: Database, engine_seen: FakeEngine) -> Task:
    """For support."""
    return await add_task(database, engine_seen, "Task_CorrectAddress")


async def having(database: Database, engine: FakeEngine, assignee: str) -> Task:
    task = await add_task(database, engine, "Task_CorrectAddress", assignee=assignee)
    engine.open_tasks[task.key] = assignee
    return task


async def timeline_of(client: httpx.AsyncClient, key: int) -> list[str]:
    return [entry["sentence"] for entry in (await client.get(f"/tasks/{key}")).json()["timeline"]]


class TestPeople:
    async def test_claim_for_themselves(
        self, app: FastAPI, database: Database, task: Task, engine_seen: FakeEngine
    ) -> None:
        async with browser(app, database, Role.AGENT) as ada:
            for body in ({}, {"assignee": ada.name}):
                engine_seen.open_tasks[task.key] = None
                assert (await ada.client.post(f"/tasks/{task.key}/claim", json=body)).status_code == 200
                assert engine_seen.open_tasks[task.key] == ada.name
            answer = await ada.client.post(f"/tasks/{task.key}/claim", json={"assignee": "bob"})
            assert_problem(answer, 403, "forbidden")

    async def test_completing_what_nobody_has_makes_it_theirs_first(
        self, app: FastAPI, database: Database, task: Task, engine_seen: FakeEngine
    ) -> None:
        async with browser(app, database, Role.AGENT) as ada:
            answer = await ada.client.post(f"/tasks/{task.key}/complete", json=COMPLETED)
        assert answer.status_code == 200
        assert engine_seen.assigned == [(task.key, ada.name)]
        assert [key for key, _ in engine_seen.completed] == [task.key]

    async def test_nobody_does_or_puts_back_what_somebody_else_has(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await having(database, engine_seen, "bob")
        async with browser(app, database, Role.AGENT) as ada:
            for action, body in (("complete", COMPLETED), ("unclaim", {}), ("claim", {})):
                answer = await ada.client.post(f"/tasks/{task.key}/{action}", json=body)
                assert_problem(answer, 409, "conflict")
        assert engine_seen.open_tasks[task.key] == "bob"
        assert engine_seen.completed == []

    async def test_a_claim_that_we_have_not_heard_of_yet_is_not_overridden(
        self, app: FastAPI, database: Database, task: Task, engine_seen: FakeEngine
    ) -> None:
        engine_seen.open_tasks[task.key] = "bob"
        async with browser(app, database, Role.AGENT) as ada:
            answer = await ada.client.post(f"/tasks/{task.key}/complete", json=COMPLETED)
            assert_problem(answer, 409, "conflict")
            assert (await ada.client.post(f"/tasks/{task.key}/unclaim", json={})).status_code == 200
        assert engine_seen.open_tasks[task.key] == "bob"

    async def test_what_a_lead_put_back_and_another_took_is_not_theirs_any_more(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        """Our tables still show it as theirs."""
        async with browser(app, database, Role.AGENT) as ada:
            task = await having(database, engine_seen, ada.name)
            engine_seen.open_tasks[task.key] = "bob"
            for action, body in (("complete", COMPLETED), ("unclaim", {}), ("claim", {})):
                answer = await ada.client.post(f"/tasks/{task.key}/{action}", json=body)
                assert_problem(answer, 409, "conflict")
        assert engine_seen.open_tasks[task.key] == "bob"
        assert engine_seen.completed == []

    async def test_put_back_and_complete_what_they_have(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        async with browser(app, database, Role.AGENT) as ada:
            first, second = [await having(database, engine_seen, ada.name) for _ in range(2)]
            assert (await ada.client.post(f"/tasks/{first.key}/unclaim", json={})).status_code == 200
            assert (await ada.client.post(f"/tasks/{second.key}/complete", json=COMPLETED)).status_code == 200
        assert engine_seen.open_tasks == {first.key: None}

    async def test_a_lead_puts_back_what_others_have(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await having(database, engine_seen, "bob")
        async with browser(app, database, Role.LEAD) as lena:
            assert (await lena.client.post(f"/tasks/{task.key}/unclaim", json={})).status_code == 200
        assert engine_seen.open_tasks[task.key] is None

    @pytest.mark.parametrize(
        ("role", "group", "theirs"),
        [
            (Role.AGENT, "support", True),
            (Role.LEAD, "support", True),
            (Role.LEAD, "lead", True),
            (Role.AGENT, "lead", False),
            (Role.FINANCE, "support", False),
            (Role.FINANCE, "lead", False),
        ],
    )
    async def test_do_the_tasks_of_their_groups_and_trying_others_is_kept(
        self, role: Role, group: str, theirs: bool, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(database, engine_seen, "Task_CorrectAddress", candidate_groups=[group])
        async with browser(app, database, role) as person:
            for action, body in (("claim", {}), ("unclaim", {}), ("complete", COMPLETED)):
                answer = await person.client.post(f"/tasks/{task.key}/{action}", json=body)
                assert answer.status_code == (200 if theirs else 403), action
            takes, sends = "takes “Correct address”", "sends the answers of “Correct address”"
            does = [takes, takes, sends] if theirs else ["may not do “Correct address”"]
            told = [f"{person.name.title()} {what}" for what in does]
            assert await timeline_of(person.client, task.key) == told
            async with database.sessions() as session:
                told_by = select(TimelineEntry).where(TimelineEntry.actor == person.name)
                entries = [(entry.source, entry.element_id) for entry in await session.scalars(told_by)]
            assert entries == [("api", "Task_CorrectAddress")] * len(told)
        assert bool(engine_seen.completed) is theirs

    async def test_of_several_groups_one_is_enough(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(
            database, engine_seen, "Task_CorrectAddress", candidate_groups=["finance", "support"]
        )
        async with browser(app, database, Role.ADMIN, Role.FINANCE) as fay:
            assert (await fay.client.post(f"/tasks/{task.key}/complete", json=COMPLETED)).status_code == 200


class TestPrograms:
    async def test_name_an_assignee_and_do_every_task(
        self, app: FastAPI, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(database, engine_seen, "Task_CorrectAddress", candidate_groups=["lead"])
        _, token = await token_with(database, [Scope.READ, Scope.TASKS])
        async with client_at(app) as program:
            program.headers["Authorization"] = f"Bearer {token}"
            claimed = await program.post(f"/tasks/{task.key}/claim", json={"assignee": "agent-1"})
            assert claimed.status_code == 200
            assert engine_seen.open_tasks[task.key] == "agent-1"
            [said] = await timeline_of(program, task.key)
            assert said.endswith(" takes “Correct address” for agent-1")
            assert_problem(await program.post(f"/tasks/{task.key}/claim", json={}), 422, "invalid")
            assert (await program.post(f"/tasks/{task.key}/complete", json=COMPLETED)).status_code == 200
