"""What the engine's REST side answers to a repeated request about a user task."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest

from workers.runtime.errors import EngineConflict, EngineNotFound
from workers.runtime.usertasks import UserTasks

PATIENCE = timedelta(seconds=5)


@pytest.fixture
def answers() -> Iterator[list[int]]:
    """Statuses still to be answered; a test says which, and all are used."""
    statuses: list[int] = []
    yield statuses
    assert statuses == []


@pytest.fixture
async def tasks(answers: list[int]) -> AsyncIterator[UserTasks]:
    tasks = UserTasks("http://engine")
    await tasks.close()
    transport = httpx.MockTransport(lambda _request: httpx.Response(answers.pop(0)))
    tasks._client = httpx.AsyncClient(base_url="http://engine", transport=transport)
    yield tasks
    await tasks.close()


async def test_a_completion_is_repeated_while_the_engine_is_busy(tasks: UserTasks, answers: list[int]) -> None:
    answers += [503, 204]
    await tasks.complete(7, {}, PATIENCE)


async def test_gone_after_a_repeated_completion_is_for_somebody_to_look_at(
    tasks: UserTasks, answers: list[int]
) -> None:
    """Our lost attempt may have done it, with our answers, or somebody else, with others."""
    answers += [503, 404]
    with pytest.raises(EngineConflict, match="by this request or another one: look at the task"):
        await tasks.complete(7, {}, PATIENCE)


async def test_gone_at_once_was_not_there(tasks: UserTasks, answers: list[int]) -> None:
    answers += [404]
    with pytest.raises(EngineNotFound):
        await tasks.complete(7, {}, PATIENCE)


async def test_gone_after_a_repeated_assignment_is_not_assigned(tasks: UserTasks, answers: list[int]) -> None:
    answers += [503, 404]
    with pytest.raises(EngineNotFound):
        await tasks.assign(7, "ada", PATIENCE, allow_override=False)
    answers += [503, 404]
    with pytest.raises(EngineNotFound):
        await tasks.unassign(7, PATIENCE)
