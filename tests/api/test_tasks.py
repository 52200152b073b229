import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import BEARER, assert_problem, new_order_id
from tests.api.fake_engine import FakeEngine
from tests.api.ui_data import an_instance, form_key
from workers.casefile.db import Database
from workers.casefile.models import Case, CustomerRequest, Effect, Incident, Task, TimelineEntry
from workers.runtime.errors import EngineConflict, EngineUnavailable

ADDRESS = {
    "name": "Ada Example", "street": "Hauptstr. 5", "street2": "", "postcode": "10827", "city": "Berlin",
    "region": "", "country": "DE",
}  # fmt: skip

_keys = itertools.count(2**52 + 1)


@pytest.fixture
async def task(database: Database, engine_seen: FakeEngine) -> Task:
    """An open task of a case whose customer was asked, in our tables and in the engine."""
    return await add_task(database, engine_seen, "Task_CorrectAddress")


async def add_task(database: Database, engine: FakeEngine, element_id: str, **changes: Any) -> Task:
    key, order_id = next(_keys), str(new_order_id())
    task = Task(
        key=key, process="fulfillment", process_instance_key=key + 10**15, element_id=element_id,
        state="open", assignee=None, candidate_groups=["support"], due_at=datetime.now(UTC), priority=60,
        created_at=datetime.now(UTC), finished_at=None, form_key=form_key(element_id),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(task, name, value)
    facts = {**ADDRESS, "street": "Haupstr.", "problems": ["Please add the house number."], "order_number": "#1"}
    async with database.transaction() as session:
        session.add(task)
        case = Case(id=order_id, process="fulfillment", process_instance_key=task.process_instance_key)
        session.add_all([case, an_instance(case)])
        session.add(
            CustomerRequest(
                id=f"{order_id}-address-1", case_id=order_id, kind="address", facts=facts,
                expires_at=datetime.now(UTC) + timedelta(days=7),
            )
        )  # fmt: skip
    engine.open_tasks[key] = None
    return task


async def post(client: httpx.AsyncClient, key: int, action: str, body: Any) -> httpx.Response:
    return await client.post(f"/tasks/{key}/{action}", json=body, headers=BEARER)


async def case_of(client: httpx.AsyncClient, key: int) -> str:
    return str((await client.get(f"/tasks/{key}", headers=BEARER)).json()["case_id"])


class TestFinding:
    async def test_lists_narrow_by_every_filter(self, client: httpx.AsyncClient, task: Task) -> None:
        case = await case_of(client, task.key)
        for query, there in [
            (f"case={case}", True),
            (f"case={case}&group=support&state=open", True),
            (f"case={case}&group=lead", False),
            (f"case={case}&assignee=ada", False),
            (f"case={case}&state=completed", False),
        ]:
            found = (await client.get(f"/tasks?{query}", headers=BEARER)).json()["tasks"]
            assert [each["key"] for each in found] == [str(task.key)] * there

    async def test_pages_follow_each_other(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        for _ in range(3):
            await add_task(database, engine_seen, "Task_CorrectAddress", candidate_groups=["paging"])
        first = (await client.get("/tasks?group=paging&limit=2", headers=BEARER)).json()
        rest = (await client.get(f"/tasks?group=paging&limit=2&after={first['next']}", headers=BEARER)).json()
        assert (len(first["tasks"]), len(rest["tasks"]), rest["next"]) == (2, 1, None)

    async def test_a_task_comes_with_its_form_and_what_to_prefill(
        self, client: httpx.AsyncClient, task: Task
    ) -> None:
        shown = (await client.get(f"/tasks/{task.key}", headers=BEARER)).json()
        assert shown["key"] == str(task.key)
        assert shown["form"]["id"] == "fulfillment_address"
        assert shown["request"]["facts"]["street"] == "Haupstr."
        assert shown["request"]["state"] == "open"

    async def test_a_task_comes_with_what_happened_in_its_case(
        self, client: httpx.AsyncClient, database: Database, task: Task
    ) -> None:
        case = await case_of(client, task.key)
        now = datetime.now(UTC)
        async with database.transaction() as session:
            session.add_all(
                TimelineEntry(
                    case_id=case, key=sentence, kind="k", sentence=sentence, facts={"cost": 5_400},
                    happened_at=now - timedelta(hours=age),
                )
                for age, sentence in enumerate(("newest", "oldest"))
            )  # fmt: skip
        timeline = (await client.get(f"/tasks/{task.key}", headers=BEARER)).json()["timeline"]
        assert [entry["sentence"] for entry in timeline] == ["oldest", "newest"]
        assert timeline[0] == (await client.get(f"/cases/{case}", headers=BEARER)).json()["timeline"][0]
        assert timeline[0]["facts"] == {"cost": 5_400}

    async def test_unknown_task(self, client: httpx.AsyncClient) -> None:
        assert_problem(await client.get("/tasks/7", headers=BEARER), 404, "not-found")


class TestClaiming:
    async def test_somebody_elses_task_is_a_conflict(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        assert (await post(client, task.key, "claim", {"assignee": "ada"})).json()["status"] == "claimed"
        assert_problem(await post(client, task.key, "claim", {"assignee": "bob"}), 409, "conflict")
        assert engine_seen.open_tasks[task.key] == "ada"

    async def test_ones_own_task_may_be_claimed_again(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(database, engine_seen, "Task_CorrectAddress", assignee="ada")
        engine_seen.open_tasks[task.key] = "ada"
        assert (await post(client, task.key, "claim", {"assignee": "ada"})).status_code == 200

    async def test_of_two_agents_exactly_one_gets_it(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        for _ in range(20):
            engine_seen.open_tasks[task.key] = None
            claims = (post(client, task.key, "claim", {"assignee": who}) for who in ("ada", "bob"))
            assert sorted(answer.status_code for answer in await asyncio.gather(*claims)) == [200, 409]

    async def test_put_back_it_is_free_again(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        await post(client, task.key, "claim", {"assignee": "ada"})
        assert (await post(client, task.key, "unclaim", {})).json()["status"] == "unclaimed"
        assert (await post(client, task.key, "claim", {"assignee": "bob"})).status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"assignee": ""}, {"assignee": "a\nb"}, {"assignee": 5}, {"who": "a"}, []]
    )
    async def test_assignee_must_be_a_name(self, body: Any, client: httpx.AsyncClient, task: Task) -> None:
        assert_problem(await post(client, task.key, "claim", body), 422, "invalid")


class TestCompleting:
    async def test_answers_reach_the_engine(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        answer = await post(client, task.key, "complete", {"variables": ADDRESS})
        assert answer.json() == {"key": str(task.key), "status": "completed"}
        assert engine_seen.completed == [(task.key, ADDRESS)]

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"street": ""}, "#/variables/street"),
            ({"street": None}, "#/variables/street"),
            ({"street": 5}, "#/variables/street"),
            ({"street": "x" * 101}, "#/variables/street"),
            ({"street": "Hauptstr. 5\r\nBcc: x"}, "#/variables/street"),
            ({"country": "D1"}, "#/variables/country"),
            ({"country": "DEU"}, "#/variables/country"),
            ({"shopify_order_id": "1"}, "#/variables/shopify_order_id"),
        ],
    )
    async def test_answers_are_held_against_the_form(
        self, changes: dict[str, Any], pointer: str, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        answer = await post(client, task.key, "complete", {"variables": ADDRESS | changes})
        problem = assert_problem(answer, 422, "invalid")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
        assert engine_seen.completed == []

    async def test_null_for_an_optional_field_is_the_same_as_leaving_it_out(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        answer = await post(client, task.key, "complete", {"variables": ADDRESS | {"street2": None}})
        assert answer.status_code == 200
        [(_, told)] = engine_seen.completed
        assert told == {key: value for key, value in ADDRESS.items() if key != "street2"}

    @pytest.mark.parametrize(
        ("answer", "status"),
        [(True, 200), (False, 200), ("true", 422), (1, 422), (None, 422), ([True], 422), ({"a": 1}, 422)],
    )
    async def test_a_choice_is_one_of_those_offered(
        self, answer: Any, status: int, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(database, engine_seen, "Task_DecideOnMargin")
        done = await post(client, task.key, "complete", {"variables": {"buy_anyway": answer}})
        assert done.status_code == status

    async def test_text_that_begins_like_an_expression_stays_text(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        await post(client, task.key, "complete", {"variables": ADDRESS | {"street": "=1+1"}})
        assert engine_seen.completed[0][1]["street"] == "=1+1"

    async def test_unknown_is_not_found_and_finished_is_a_conflict(
        self, client: httpx.AsyncClient, database: Database, engine_seen: FakeEngine
    ) -> None:
        assert_problem(await post(client, 7, "complete", {"variables": ADDRESS}), 404, "not-found")
        done = await add_task(database, engine_seen, "Task_CorrectAddress", state="completed")
        assert_problem(await post(client, done.key, "complete", {"variables": ADDRESS}), 409, "conflict")

    async def test_the_engine_knows_first_that_it_is_finished(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        del engine_seen.open_tasks[task.key]
        for action, body in [("complete", {"variables": ADDRESS}), ("claim", {"assignee": "a"}), ("unclaim", {})]:
            assert_problem(await post(client, task.key, action, body), 409, "conflict")

    async def test_completed_by_an_attempt_whose_answer_got_lost_or_by_somebody_else(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        engine_seen.away = EngineConflict("completed meanwhile")
        answer = await post(client, task.key, "complete", {"variables": ADDRESS})
        assert "look at the task" in assert_problem(answer, 409, "conflict")["detail"]

    async def test_engine_away_is_unavailable(
        self, client: httpx.AsyncClient, task: Task, engine_seen: FakeEngine
    ) -> None:
        engine_seen.away = EngineUnavailable("gone")
        answer = await post(client, task.key, "complete", {"variables": ADDRESS})
        assert_problem(answer, 503, "unavailable")
        assert "retry-after" in answer.headers


async def test_a_case_shows_everything_known_of_it(
    client: httpx.AsyncClient, database: Database, task: Task
) -> None:
    case = await case_of(client, task.key)
    now, instance = datetime.now(UTC), task.process_instance_key
    async with database.transaction() as session:
        session.add(TimelineEntry(case_id=case, key="k", kind="mail_sent", sentence="<b>Mail</b>", facts={"a": 1}))
        session.add(Effect(key=f"mail:{case}", kind="mail", case_id=case, state="done", request={"secret": 1}))
        session.add(
            Incident(
                key=task.key, process="fulfillment", process_instance_key=instance, element_id="Task_GetOrder",
                error_type="JOB_NO_RETRIES", message="The order does not exist.", created_at=now,
            )
        )  # fmt: skip
    shown = (await client.get(f"/cases/{case}", headers=BEARER)).json()
    assert shown["timeline"][0]["sentence"] == "<b>Mail</b>"
    assert shown["tasks"][0]["key"] == str(task.key)
    assert shown["incidents"][0]["message"] == "The order does not exist."
    assert shown["effects"][0]["state"] == "done"
    assert "secret" not in str(shown)


async def test_cases_are_listed_page_by_page(client: httpx.AsyncClient, database: Database) -> None:
    ids = [f"page-{new_order_id()}" for _ in range(3)]
    async with database.transaction() as session:
        session.add_all(Case(id=case, process="fulfillment", state="terminated") for case in ids)
    first = (await client.get("/cases?state=terminated&limit=2&after=page-", headers=BEARER)).json()
    rest = (await client.get(f"/cases?state=terminated&limit=2&after={first['next']}", headers=BEARER)).json()
    assert [case["id"] for case in first["cases"] + rest["cases"]] == sorted(ids)
    assert rest["next"] is None
    assert_problem(await client.get("/cases/nothing", headers=BEARER), 404, "not-found")
