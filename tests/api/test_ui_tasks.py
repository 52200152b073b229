"""The pages of tasks, as a browser without scripts gets them; forms are drawn by a script, see tests/browser."""

import html
import re
from collections.abc import AsyncIterator

import orjson
import pytest
from fastapi import FastAPI

from api.people import Role
from tests.api.conftest import assert_problem
from tests.api.fake_engine import FakeEngine
from tests.api.people import Browser, browser
from tests.api.ui_data import a_case, a_task, add, ago, an_entry, form_of, number, text
from workers.casefile.db import Database
from workers.casefile.models import Case, CustomerRequest, Task
from workers.casefile.record_models import Definition


@pytest.fixture
async def agent(app: FastAPI, database: Database) -> AsyncIterator[Browser]:
    async with browser(app, database, Role.AGENT) as somebody:
        yield somebody


@pytest.fixture
def case() -> Case:
    return a_case()


@pytest.fixture
async def task(database: Database, engine_seen: FakeEngine, case: Case) -> Task:
    """An open task for the group of agents, in our tables and in the engine."""
    task = a_task(case)
    await add(database, case, task)
    engine_seen.open_tasks[task.key] = None
    return task


def listed(page: str) -> list[str]:
    return re.findall(r'<tr id="task-(\d+)"', page)


def form_in(page: str) -> dict[str, object]:
    """What the script is given to draw."""
    [found] = re.findall(r'data-form="([^"]+)"', page)
    form: dict[str, object] = orjson.loads(html.unescape(found))
    return form


class TestList:
    async def test_each_view_has_its_tasks(self, agent: Browser, database: Database) -> None:
        case, element = a_case(), f"Task_{number()}"
        mine = a_task(case, element_id=element, assignee=agent.name)
        free = a_task(case, element_id=element)
        leads = a_task(case, element_id=element, candidate_groups=["lead"])
        taken = a_task(case, element_id=element, assignee="bob")
        done = a_task(case, element_id=element, assignee=agent.name, state="completed", finished_at=ago())
        await add(database, case, mine, free, leads, taken, done)
        for whose, expected in [
            ("mine", [mine]),
            ("unclaimed", [free]),
            ("all", [mine, free, leads, taken]),
        ]:
            found = listed(await text(agent, f"/ui/tasks?whose={whose}&element={element}"))
            assert sorted(found) == sorted(str(each.key) for each in expected), whose

    async def test_those_come_first_that_are_due_first(self, agent: Browser, database: Database) -> None:
        """Page after page; tasks without a due date at the end."""
        case, element = a_case(), f"Task_{number()}"
        tasks = [
            a_task(case, element_id=element, due_at=ago(hours=each % 7) if each % 3 else None)
            for each in range(110)
        ]
        await add(database, case, *tasks)
        seen: list[str] = []
        path: str | None = f"/ui/tasks?whose=all&element={element}"
        while path:
            page = await text(agent, path)
            seen += listed(page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = html.unescape(following.group(1)) if following else None
        end = ago(days=-9_000)
        assert seen == [str(task.key) for task in sorted(tasks, key=lambda each: (each.due_at or end, each.key))]

    async def test_what_is_overdue_can_be_picked_out(self, agent: Browser, database: Database) -> None:
        case, element = a_case(), f"Task_{number()}"
        late, soon, later = (a_task(case, element_id=element, due_at=ago(hours=each)) for each in (1, -5, -50))
        await add(database, case, late, soon, later)
        for due, expected in [("overdue", [late]), ("soon", [late, soon]), ("", [late, soon, later])]:
            found = listed(await text(agent, f"/ui/tasks?whose=all&element={element}&due={due}"))
            assert found == [str(each.key) for each in expected]

    @pytest.mark.parametrize("query", ["whose=no", "due=no", "after=no", "after=no~1", "after=~no"])
    async def test_what_is_no_question_is_refused(self, agent: Browser, query: str) -> None:
        await text(agent, f"/ui/tasks?{query}", 422)


class TestTask:
    async def test_the_form_is_filled_in_as_the_customer_was_asked(
        self, agent: Browser, database: Database, case: Case, task: Task
    ) -> None:
        facts = {"street": "Haupstr.", "problems": ["Please add the house number."], "order_number": "#1"}
        asked = CustomerRequest(
            id=f"{case.id}-address-1", case_id=case.id, kind="address", facts=facts, expires_at=ago(days=-7)
        )
        await add(database, asked)
        form = form_in(await text(agent, f"/ui/tasks/{task.key}"))
        assert form["data"] == {"street": "Haupstr.", "address_problems": ["Please add the house number."]}
        assert form["writable"] is False

    async def test_it_is_the_form_that_the_task_was_made_with(
        self, agent: Browser, database: Database, engine_seen: FakeEngine, case: Case
    ) -> None:
        """Whatever was deployed since: a field that is gone is still asked for, and a new one is not."""
        fields = [{"key": "floor", "type": "textfield", "validate": {"required": True}}]
        old = Definition(
            key=number(), kind="form", id="fulfillment_address", version=0, deployed_at=ago(days=9),
            resource=orjson.dumps({"components": fields}).decode(),
        )  # fmt: skip
        task = a_task(case, form_key=old.key, assignee=agent.name)
        await add(database, case, old, task)
        engine_seen.open_tasks[task.key] = agent.name
        assert form_in(await text(agent, f"/ui/tasks/{task.key}"))["schema"] == {"components": fields}
        path, accept = f"/ui/tasks/{task.key}/complete", {"Accept": "application/json"}
        wrong = await agent.client.post(path, json={"variables": {"street": "Haupt"}}, headers=accept)
        errors = assert_problem(wrong, 422, "invalid")["errors"]
        assert [each["pointer"] for each in errors] == ["#/variables/street", "#/variables/floor"]
        answer = await agent.client.post(path, json={"variables": {"floor": "3"}}, headers=accept)
        assert answer.json() == {"key": str(task.key), "status": "completed"}
        assert engine_seen.completed == [(task.key, {"floor": "3"})]

    async def test_its_texts_name_what_the_timeline_says(self, agent: Browser, database: Database) -> None:
        case = a_case()
        task = a_task(case, element_id="Task_DecideOnMargin", candidate_groups=["lead"])
        facts = {
            "offer": "cj asks 54.00 EUR of 60.00 EUR",
            "explanation": "The margin is below 15 %",
            "cost": 5_400,
        }
        await add(database, case, task, an_entry(case, "The margin is below 15 %", facts=facts))
        assert form_in(await text(agent, f"/ui/tasks/{task.key}"))["data"] == {
            "offer": r"cj asks 54\.00 EUR of 60\.00 EUR",  # words, and no Markdown
            "explanation": "The margin is below 15 %",
        }

    async def test_only_ones_own_can_be_filled_in(self, agent: Browser, database: Database) -> None:
        case = a_case()
        task = a_task(case, assignee=agent.name)
        await add(database, case, task)
        page = await text(agent, f"/ui/tasks/{task.key}")
        assert form_in(page)["writable"] is True
        assert "Put back" in page

    async def test_an_unknown_task(self, agent: Browser) -> None:
        await text(agent, "/ui/tasks/7", 404)


class TestWork:
    async def test_taking_leads_back_to_where_the_button_was(
        self, agent: Browser, task: Task, engine_seen: FakeEngine
    ) -> None:
        answer = await agent.client.post(
            f"/ui/tasks/{task.key}/claim", data=form_of(agent, back="/ui/tasks?whose=unclaimed")
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/tasks?whose=unclaimed")
        assert engine_seen.open_tasks[task.key] == agent.name

    async def test_somebody_elses_is_not_taken(self, agent: Browser, task: Task, engine_seen: FakeEngine) -> None:
        engine_seen.open_tasks[task.key] = "bob"
        answer = await agent.client.post(f"/ui/tasks/{task.key}/claim", data=form_of(agent))
        assert answer.status_code == 409
        assert "Somebody else has this task" in answer.text
        assert f'href="/ui/tasks/{task.key}"' in answer.text
        assert engine_seen.open_tasks[task.key] == "bob"

    async def test_another_groups_is_not_taken(self, agent: Browser, database: Database) -> None:
        case = a_case()
        task = a_task(case, candidate_groups=["lead"])
        await add(database, case, task)
        assert (await agent.client.post(f"/ui/tasks/{task.key}/claim", data=form_of(agent))).status_code == 403

    async def test_a_form_from_elsewhere_is_refused(
        self, agent: Browser, task: Task, engine_seen: FakeEngine
    ) -> None:
        answer = await agent.client.post(f"/ui/tasks/{task.key}/claim", data={"csrf": "guessed"})
        assert answer.status_code == 403
        assert engine_seen.open_tasks[task.key] is None

    async def test_completing_is_answered_to_the_script(
        self, agent: Browser, database: Database, engine_seen: FakeEngine
    ) -> None:
        case = a_case()
        task = a_task(case, assignee=agent.name)
        await add(database, case, task)
        engine_seen.open_tasks[task.key] = agent.name
        address = {"name": "Ada", "street": "Hauptstr. 5", "city": "Berlin", "country": "DE"}
        path, accept = f"/ui/tasks/{task.key}/complete", {"Accept": "application/json"}
        wrong = await agent.client.post(path, json={"variables": {**address, "country": "D"}}, headers=accept)
        [error] = assert_problem(wrong, 422, "invalid")["errors"]
        assert error["pointer"] == "#/variables/country"
        answer = await agent.client.post(path, json={"variables": address}, headers=accept)
        assert answer.json() == {"key": str(task.key), "status": "completed"}
        assert engine_seen.completed == [(task.key, address)]
        assert_problem(await agent.client.post(path, json={"variables": address}, headers=accept), 409, "conflict")

    async def test_a_script_is_told_that_the_session_ended(
        self, app: FastAPI, database: Database, task: Task
    ) -> None:
        """Not led to the log-in, as a browser would be: what was typed stays on the page."""
        async with browser(app, database, Role.AGENT) as agent:
            agent.client.cookies.clear()
            answer = await agent.client.post(
                f"/ui/tasks/{task.key}/complete", json={"variables": {}}, headers={"Accept": "application/json"}
            )
            assert_problem(answer, 401, "unauthorized")


JSON = {"Accept": "application/json"}
POSTS = ("/tasks/{}/claim", "/tasks/{}/unclaim", "/tasks/{}/complete", "/ui/tasks/{}/complete")
"""Those of pages that send forms do the same by the same desk."""


@pytest.mark.parametrize("path", POSTS)
async def test_what_cannot_be_done_is_refused_alike(
    path: str, agent: Browser, database: Database, engine_seen: FakeEngine
) -> None:
    """404 for a task that there is not, 403 for other groups', 409 for one that is finished or somebody else's:
    before anybody looks at what was sent with it."""
    case = a_case()
    finished = a_task(case, state="completed", finished_at=ago())
    leads = a_task(case, candidate_groups=["lead"])
    bobs = a_task(case, assignee="bob")
    await add(database, case, finished, leads, bobs)
    engine_seen.open_tasks |= {leads.key: None, bobs.key: "bob"}
    sent = {"variables": {"no": "such field"}} if path.endswith("complete") else {}
    for key, status, name in [
        (7, 404, "not-found"),
        (finished.key, 409, "conflict"),
        (leads.key, 403, "forbidden"),
        (bobs.key, 409, "conflict"),
    ]:
        assert_problem(await agent.client.post(path.format(key), json=sent, headers=JSON), status, name)
    assert engine_seen.completed == []
    assert engine_seen.open_tasks == {leads.key: None, bobs.key: "bob"}
