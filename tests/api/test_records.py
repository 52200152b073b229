"""What the broker's Elasticsearch exporter is answered."""

import itertools
import time
from dataclasses import replace
from typing import Any, cast

import httpx
import orjson
import pytest
from fastapi import FastAPI

from tests.api.conftest import BEARER, assert_problem, new_order_id
from workers.casefile.db import Database
from workers.casefile.records import Projection
from workers.runtime.bootstrap import Assembled

ENGINE = httpx.BasicAuth("zeebe", "records-password")
NDJSON = {"Content-Type": "application/json"}

_positions = itertools.count(int(time.time() * 1000))
PARTITION = 77


def task_created(key: int) -> dict[str, Any]:
    return {
        "partitionId": PARTITION, "position": next(_positions), "recordType": "EVENT", "valueType": "USER_TASK",
        "intent": "CREATED", "timestamp": 1_700_000_000_000, "key": key,
        "value": {
            "userTaskKey": key, "bpmnProcessId": "fulfillment", "processInstanceKey": key + 1,
            "elementId": "Task_CorrectAddress", "formKey": -1, "assignee": "", "candidateGroupsList": ["support"],
            "dueDate": "2026-01-05T10:00:00+01:00", "priority": 60,
        },
    }  # fmt: skip


def bulk(*records: dict[str, Any]) -> bytes:
    lines: list[bytes] = []
    for record in records:
        identity = f"{record['partitionId']}-{record['position']}"
        lines += [orjson.dumps({"index": {"_index": "zeebe-record", "_id": identity}}), orjson.dumps(record)]
    return b"\n".join(lines) + b"\n"


async def test_records_become_tasks(bridge: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    key = new_order_id()
    record = task_created(key)
    for _ in range(2):
        answer = await bridge.post("/_bulk", content=bulk(record), headers=NDJSON, auth=ENGINE)
        assert answer.status_code == 200
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
        [item] = answer.json()["items"]
        assert answer.json()["errors"] is False
        assert item["index"]["_id"] == f"{PARTITION}-{record['position']}"
        assert item["index"]["status"] == 201
    assert (await client.get(f"/tasks/{key}", headers=BEARER)).json()["state"] == "open"


@pytest.mark.parametrize("levels", [250, 300, 990])
async def test_a_task_that_was_answered_by_something_nested_deeply_is_completed(
    levels: int, bridge: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    """As the engine takes it. Answered by anything but 200, the batch would come again for ever."""
    key = new_order_id()
    completed = task_created(key) | {"intent": "COMPLETED"}
    completed["value"] = {**completed["value"], "variables": {"note": "DEEP"}}
    lines = bulk(task_created(key), completed).replace(b'"DEEP"', b"[" * levels + b"]" * levels)
    answer = await bridge.post("/_bulk", content=lines, headers=NDJSON, auth=ENGINE)
    assert answer.status_code == 200
    assert (await client.get(f"/tasks/{key}", headers=BEARER)).json()["state"] == "completed"


@pytest.mark.parametrize(
    "path",
    ["/_index_template/a_b", "/_component_template/zeebe-record", "/_ilm/policy/p", "/zeebe-record_*/_settings"],
)
async def test_setting_up_is_acknowledged(path: str, bridge: httpx.AsyncClient) -> None:
    answer = await bridge.put(path, content=b"{}", auth=ENGINE)
    assert answer.json() == {"acknowledged": True}


@pytest.mark.parametrize(
    "auth", [None, ("zeebe", ""), ("zeebe", "nope"), ("root", "records-password"), ("z\u00e9", "")]
)
async def test_only_the_engine_may(auth: tuple[str, str] | None, bridge: httpx.AsyncClient) -> None:
    for method, path in [("POST", "/_bulk"), ("PUT", "/_index_template/x"), ("PUT", "/x/_settings")]:
        basic = auth and httpx.BasicAuth(*auth)
        assert_problem(await bridge.request(method, path, auth=basic, headers=NDJSON), 401, "unauthorized")


async def test_database_away_makes_the_broker_keep_them(
    bridge_app: FastAPI, assembled: Assembled, bridge: httpx.AsyncClient
) -> None:
    database = Database("postgresql+psycopg://postgres@127.0.0.1:1/postgres")
    bridge_app.state.assembled = replace(assembled, projection=Projection(database, {}))
    answer = await bridge.post("/_bulk", content=bulk(task_created(1)), headers=NDJSON, auth=ENGINE)
    assert_problem(answer, 503, "unavailable")
    await database.close()


async def test_a_batch_may_be_larger_than_other_bodies(bridge_app: FastAPI, assembled: Assembled) -> None:
    taken: list[int] = []

    class Counting:
        async def take_in(self, records: list[Any]) -> int:
            taken.append(len(records))
            return len(records)

    bridge_app.state.assembled = replace(assembled, projection=cast(Projection, Counting()))
    padded = [task_created(number) | {"padding": "x" * 10_000} for number in range(300)]
    transport = httpx.ASGITransport(app=bridge_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", auth=ENGINE) as client:
        assert (await client.post("/_bulk", content=bulk(*padded), headers=NDJSON)).status_code == 200
    assert taken == [300]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{\n", 400),
        (b'{"index":{}}\n', 422),
        (b"[]\n{}\n", 422),
        (b'{"delete":{}}\n{}\n', 422),
        (b'{"index":{}}\n5\n', 422),
    ],
)
async def test_what_is_no_batch_is_refused(raw: bytes, status: int, bridge: httpx.AsyncClient) -> None:
    answer = await bridge.post("/_bulk", content=raw, headers=NDJSON, auth=ENGINE)
    assert answer.status_code == status
