"""What the command refuses, and how it says that something broke."""

import asyncio
from pathlib import Path

import pytest

from workers.runtime.commands.demo import alongside, start_afresh
from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig


def test_an_instance_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    config = StackConfig(instance="default", home=tmp_path)
    data = config.state_dir / "data"
    data.mkdir(parents=True)
    with pytest.raises(UserError, match="was not made by a demo") as refusal:
        start_afresh(config)
    assert data.exists()
    assert refusal.value.hint
    assert "--instance" in refusal.value.hint


def test_an_earlier_demo_is_deleted(tmp_path: Path) -> None:
    config = StackConfig(instance="demo", home=tmp_path)
    start_afresh(config)
    (config.state_dir / "data").mkdir()
    start_afresh(config)
    assert [path.name for path in config.state_dir.iterdir()] == ["demo"]


async def _fail() -> None:
    raise RuntimeError("no such page")


async def _fail_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_fail())


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _at_once() -> None:
    await asyncio.sleep(0)


async def test_people_who_broke_down_end_the_watch_with_a_sentence() -> None:
    with pytest.raises(UserError, match="systems outside stopped: RuntimeError: no such page"):
        await alongside(_for_ever(), _for_ever(), _fail())


async def test_broken_webhooks_end_the_watch_with_a_sentence() -> None:
    with pytest.raises(UserError, match="webhooks stopped: RuntimeError: no such page"):
        await alongside(_for_ever(), _fail_in_a_group(), _for_ever())


async def test_the_watch_ends_when_all_is_done() -> None:
    await asyncio.wait_for(alongside(_at_once(), _at_once(), _for_ever()), 5)
