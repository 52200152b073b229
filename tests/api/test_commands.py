"""`orderops api`, `orderops task` and `orderops incident` as a person starts them."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.api.conftest import TOKEN, new_order_id
from tests.api.fake_engine import FakeEngine
from tests.api.test_incidents import add_incident
from tests.api.test_tasks import ADDRESS, add_task
from tests.api.ui_data import an_instance, form_key
from workers.casefile.db import Database
from workers.casefile.models import Case, Task, TimelineEntry
from workers.runtime.listening import listen
from workers.runtime.native.ports import free_base_port

MARGIN = "The margin is below 15 %: cj asks 54.00 EUR of 60.00 EUR, a lead decides"
ORDEROPS = Path(sys.executable).parent / "orderops"


def environment(database_url: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ORDEROPS_DATABASE_URL": database_url,
        "ORDEROPS_LINK_SECRET": "link-secret",
        "ORDEROPS_RECORDS_PASSWORD": "records-password",
        "ORDEROPS_API_TOKENS": TOKEN,
        "ORDEROPS_API_PORT": str(port),
        "ORDEROPS_ZEEBE_GRPC": "127.0.0.1:1",
        "COLUMNS": "160",
    }


async def run(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Code and output of one command."""
    process = await asyncio.create_subprocess_exec(
        ORDEROPS, *arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert "Traceback" not in out.decode()
    return process.returncode or 0, out.decode()


@pytest.mark.parametrize("who", ["api", "bridge"])
async def test_it_says_where_it_listens_and_ends_at_sigterm(who: str, database_url: str) -> None:
    port = free_base_port()
    env = environment(database_url, port) | {"ORDEROPS_BRIDGE_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        ORDEROPS, who, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    assert line.decode().strip() == f"orderops {who} listens on http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_taken_port_is_one_sentence(database_url: str) -> None:
    with listen("127.0.0.1", 0, "api") as taken:
        port = taken.getsockname()[1]
        code, out = await run(environment(database_url, port), "api")
    assert code == 1
    assert out.startswith(f"The api cannot listen on 127.0.0.1:{port}: Address already in use.")


@pytest.fixture
async def env(database_url: str, address: tuple[str, int]) -> dict[str, str]:
    return environment(database_url, address[1])


class TestTask:
    @pytest.fixture
    async def task(self, database: Database, engine_seen: FakeEngine, app: FastAPI) -> str:
        key, order_id = new_order_id(), str(new_order_id())
        async with database.transaction() as session:
            session.add(
                Task(
                    key=key, process="fulfillment", process_instance_key=key + 1, element_id="Task_DecideOnMargin",
                    state="open", candidate_groups=["lead"], priority=70, created_at=datetime.now(UTC),
                    form_key=form_key("Task_DecideOnMargin"),
                )
            )  # fmt: skip
            case = Case(id=order_id, process="fulfillment", process_instance_key=key + 1)
            session.add_all([case, an_instance(case)])
            session.add(TimelineEntry(case_id=order_id, key="margin", kind="k", sentence=MARGIN, facts={}))
        engine_seen.open_tasks[key] = None
        return str(key)

    async def test_from_the_list_to_completion(
        self, env: dict[str, str], task: str, engine_seen: FakeEngine
    ) -> None:
        code, out = await run(env, "task", "list", "--group", "lead")
        assert code == 0
        assert task in out
        assert "Decide on margin" in out
        code, out = await run(env, "task", "show", task)
        assert code == 0
        assert MARGIN in out
        assert (await run(env, "task", "claim", task, "--assignee", "ada"))[0] == 0
        code, out = await run(env, "task", "claim", task, "--assignee", "bob")
        assert (code, out.strip()) == (1, "Somebody else has this task.")
        assert (await run(env, "task", "complete", task, "--set", "buy_anyway=true"))[0] == 0
        assert engine_seen.completed == [(int(task), {"buy_anyway": True})]

    async def test_what_is_not_set_stays_as_it_was_shown(
        self, env: dict[str, str], database: Database, engine_seen: FakeEngine
    ) -> None:
        task = await add_task(database, engine_seen, "Task_CorrectAddress")
        _, out = await run(env, "task", "show", str(task.key))
        assert "Haupstr." in out
        assert "Please add the house number." in out
        assert (await run(env, "task", "complete", str(task.key), "--set", "street=Hauptstr. 5"))[0] == 0
        assert engine_seen.completed == [(task.key, ADDRESS)]

    async def test_refusals_name_the_field(self, env: dict[str, str], task: str) -> None:
        code, out = await run(env, "task", "complete", task, "--set", "buy_anyway=perhaps")
        assert code == 1
        assert "buy_anyway is none of the choices." in out

    async def test_no_api_is_one_sentence(self, database_url: str) -> None:
        code, out = await run(environment(database_url, free_base_port()), "task", "list")
        assert code == 1
        assert out.startswith("The api does not answer at http://127.0.0.1:")


class TestIncident:
    SENTENCE = "The shop has no order 5100000001037; " + "put it right in the shop, then try again. " * 5

    async def test_the_list_has_every_word_of_the_message_on_a_narrow_screen(
        self, env: dict[str, str], database: Database
    ) -> None:
        await add_incident(database, element_id=f"Task_{'VeryLong' * 40}")
        incident = await add_incident(database, message=self.SENTENCE)
        code, out = await run({**env, "COLUMNS": "80"}, "incident", "list")
        assert code == 0
        assert str(incident.key) in out
        assert "Get order" in out
        said = [line.split("│")[2] for line in out.splitlines() if line.count("│") == 3]
        assert " ".join(self.SENTENCE.split()) in " ".join(" ".join(said).split())

    async def test_it_is_tried_again_by_key(
        self, env: dict[str, str], database: Database, engine_seen: FakeEngine
    ) -> None:
        incident = await add_incident(database, job_key=7)
        assert (await run(env, "incident", "retry", str(incident.key)))[0] == 0
        assert engine_seen.resolved == [(incident.key, 7)]

    async def test_all_that_are_open_are_tried_again(
        self, env: dict[str, str], database: Database, engine_seen: FakeEngine
    ) -> None:
        keys = {(await add_incident(database)).key for _ in range(2)}
        done = await add_incident(database, resolved_at=datetime.now(UTC))
        code, out = await run(env, "incident", "retry", "--all")
        tried = {key for key, _ in engine_seen.resolved}
        assert (code, keys <= tried, done.key in tried) == (0, True, False)
        assert out.startswith(f"{len(tried)} tried again.")

    async def test_refusals_are_one_sentence(self, env: dict[str, str], database: Database) -> None:
        done = await add_incident(database, resolved_at=datetime.now(UTC))
        code, out = await run(env, "incident", "retry", str(done.key))
        assert (code, out.strip()) == (1, "This incident is resolved already.")
        code, out = await run(env, "incident", "retry")
        assert (code, out.splitlines()[0]) == (1, "Which incident?")
