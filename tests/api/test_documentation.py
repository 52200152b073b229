"""The OpenAPI description is complete, and its page works without the internet."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.errors import PROBLEMS
from workers.runtime.bootstrap import Assembled

METHODS = {"get", "post", "put", "delete"}


@pytest.fixture
def schema(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method in METHODS & item.keys():
            yield f"{method} {path}", item[method]


def test_every_operation_says_what_it_is_and_what_can_go_wrong(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
        if name != "get /livez":
            assert {"500", "503"} <= operation["responses"].keys(), name
        if operation.get("security"):
            assert "401" in operation["responses"], name


def test_every_body_is_described_with_an_example(schema: dict[str, Any]) -> None:
    without_body = {"post /tasks/{key}/unclaim", "post /incidents/{key}/retry"}
    for name, operation in operations(schema):
        if name.startswith("post") and name not in without_body:
            content = operation["requestBody"]["content"]["application/json"]
            assert content["schema"], name
            assert content.get("example") or content.get("examples"), name


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    known = schema["components"]["schemas"]
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(schema)))
    assert references
    assert references <= known.keys()


def test_examples_are_accepted_by_the_messages_themselves(schema: dict[str, Any], assembled: Assembled) -> None:
    models = {
        message.payload.__name__: message.payload
        for process in assembled.processes
        for message in process.messages
        if not message.asked_for_at
    }
    seen = set()
    for _, operation in operations(schema):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in content.get("examples", {}).items():
            if name in models:
                models[name].model_validate(example["value"])
                seen.add(name)
    assert seen == models.keys()


def test_engine_and_customer_addresses_are_not_for_programs(schema: dict[str, Any]) -> None:
    assert not [path for path in schema["paths"] if path.startswith(("/_", "/c/", "/{"))]


async def test_documentation_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "//" not in page.replace("<!doctype html>", "")
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (await client.get(path)).status_code == 200, path
    assert (await client.get("/openapi.json")).status_code == 200


async def test_every_problem_is_explained(client: httpx.AsyncClient) -> None:
    page = (await client.get("/problems")).text
    for name in PROBLEMS:
        assert f'id="{name}"' in page


async def test_the_front_door_leads_to_the_pages_and_they_to_the_log_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).headers["location"] == "/ui"
    assert (await client.get("/ui")).headers["location"] == "/login?next=/ui"
