"""A deployment ends when Tasklist has the forms, and says so when it does not."""

import pytest
from pydantic import AnyHttpUrl, PostgresDsn, SecretStr

from tests.fakes.tasklist import running_search
from workers.runtime.engine import Deployed
from workers.runtime.errors import UserError
from workers.runtime.settings import Settings
from workers.runtime.tasklist import wait_for_forms

DEPLOYED = [
    Deployed("process", "fulfillment", 1, 11, True),
    Deployed("form", "fulfillment_address", 1, 12, True),
    Deployed("form", "fulfillment_margin", 1, 13, True),
    Deployed("decision", "fulfillment_supplier", 1, 14, True),
]


async def test_it_ends_when_tasklist_has_every_form() -> None:
    told: list[str] = []
    with running_search(behind=3, has=1) as search:
        await wait_for_forms(search.url, DEPLOYED, told.append)
    assert told == ["fulfillment_address, fulfillment_margin", "fulfillment_margin", "fulfillment_margin"]


async def test_a_tasklist_that_stays_behind_is_said_with_the_forms_it_lacks() -> None:
    with (
        running_search(behind=10**6, has=1) as search,
        pytest.raises(UserError, match=r"within 0 s: fulfillment_margin\.") as refused,
    ):
        await wait_for_forms(search.url, DEPLOYED, lambda _: None, patience=0.4)
    assert "orderops logs webapps" in str(refused.value.hint)


async def test_one_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="does not answer"):
        await wait_for_forms("http://127.0.0.1:9", DEPLOYED, lambda _: None)


async def test_without_forms_there_is_nothing_to_wait_for() -> None:
    await wait_for_forms("http://127.0.0.1:9", DEPLOYED[:1], lambda _: None)


def test_pages_find_instance_and_task() -> None:
    chosen = Settings(
        database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
        link_secret=SecretStr("links"),
        records_password=SecretStr("records"),
        tasklist_url=AnyHttpUrl("http://127.0.0.1:1/tasklist/"),
    )
    assert chosen.tasklist_address(42) == "http://127.0.0.1:1/tasklist/42"
    assert chosen.operate_address(42) is None
