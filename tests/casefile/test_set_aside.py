"""A record that is not as we expect: kept, named, and not in the way of those that come after it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from tests.casefile.one_order import OUTCOMES, Sent, Stream, keys
from tests.casefile.own_database import empty, projected, run
from workers.casefile.db import Database
from workers.casefile.projection.reduced import KEPT, Kept, Value
from workers.casefile.rebuild import Rebuild
from workers.casefile.record_models import Record, SetAside
from workers.runtime.collectors import Books

Bad = Callable[[Stream], Sent]


@pytest.fixture
async def stream(own: Database) -> Stream:
    return Stream(await empty(own))


async def set_aside(database: Database) -> dict[int, str]:
    async with database.sessions() as session:
        return {each.position: each.error for each in await session.scalars(select(SetAside))}


def without(record: Sent, field: str) -> Sent:
    del record["value"][field]
    return record


def task_without_groups(stream: Stream) -> Sent:
    return without(stream.task(next(keys), "CREATED"), "candidateGroupsList")


BAD: dict[str, tuple[Bad, str]] = {
    "a null": (
        lambda s: s.incident(next(keys), "CREATED", elementId=None),
        "IntegrityError in keep_incidents (incidents.py)",
    ),
    "no number": (
        lambda s: s.task(next(keys), "CREATED", priority="high"),
        "DataError in keep_tasks (tasks.py)",
    ),
    "no such field": (task_without_groups, "facts"),
    "another type": (
        lambda s: s.incident(next(keys), "CREATED", jobKey="none"),
        "TypeError in _incident (incidents.py)",
    ),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("size", [1, 2, 5, 9])
async def test_only_the_record_itself_is_left_out(stream: Stream, bad: str, size: int) -> None:
    record, error = BAD[bad]
    key = next(keys)
    batch = [
        stream.started(),
        stream.element("Task_CorrectAddress", "ELEMENT_ACTIVATED", "USER_TASK"),
        record(stream),
        stream.task(key, "CREATED"),
        stream.task(key, "COMPLETED"),
        stream.element("Event_OrderSupplied", "ELEMENT_COMPLETED", "END_EVENT"),
        record(stream),
        stream.ended(),
    ]
    for first in range(0, len(batch), size):
        await stream.take_in(*batch[first : first + size])
    case = await stream.case()
    assert (case.state, case.outcome) == ("done", "supplied")
    assert (await stream.one_task(key)).state == "completed"
    named = await set_aside(stream.database)
    assert list(named) == [3, 7]
    assert all(each.startswith(error) for each in named.values()), named
    assert await stream.reached() == 8


async def test_it_stays_in_the_log_whole(stream: Stream) -> None:
    sent = task_without_groups(stream)
    await stream.take_in(stream.started(), sent)
    async with stream.database.sessions() as session:
        kept = await session.get_one(Record, (stream.partition, sent["position"]))
    assert kept.facts == {"unread": sent["value"]}


async def test_a_rebuild_says_the_same(stream: Stream) -> None:
    await stream.take_in(stream.started(), *(record(stream) for record, _ in BAD.values()), stream.ended())
    before = await projected(stream.database)
    corrected = await Rebuild(stream.database, OUTCOMES, lambda _done, _of: None).run()
    assert all(each.removed == each.added == each.changed == 0 for each in corrected), corrected
    assert await projected(stream.database) == before
    assert len(before["set_aside"]) == len(BAD)


async def test_a_version_that_can_read_it_takes_it_up_by_a_rebuild(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stream.take_in(stream.started(), without(stream.task(55, "CREATED"), "candidateGroupsList"))
    assert await set_aside(stream.database)

    intents, before = KEPT["USER_TASK"].intents, KEPT["USER_TASK"].facts

    def facts(value: Value) -> dict[str, Any] | None:
        assert before
        return before({"candidateGroupsList": [], **value})

    monkeypatch.setitem(KEPT, "USER_TASK", Kept(intents, facts))
    await Rebuild(stream.database, OUTCOMES, lambda _done, _of: None).run()
    assert await set_aside(stream.database) == {}
    assert (await stream.one_task(55)).state == "open"


async def test_what_is_not_the_records_fault_leaves_nothing_of_the_batch(stream: Stream) -> None:
    """As when the database was not migrated: the broker keeps the records and sends them again, all of them."""
    await stream.take_in(stream.started())
    await run(stream.database, "ALTER TABLE orderops.incidents RENAME TO elsewhere")
    batch = stream.element("Task_GetOrder", "ELEMENT_ACTIVATED"), stream.incident(next(keys), "CREATED")
    try:
        with pytest.raises(ProgrammingError):
            await stream.take_in(*batch)
    finally:
        await run(stream.database, "ALTER TABLE orderops.elsewhere RENAME TO incidents")
    assert (await set_aside(stream.database), await stream.way(), await stream.reached()) == ({}, [], 1)
    await stream.take_in(*batch)
    assert (await stream.case()).state == "incident"


async def test_a_stream_that_stands_still_is_seen(stream: Stream) -> None:
    """By its partition; the next records end it."""
    books = Books(stream.database, stream.database)
    for expected in (True, False):
        await stream.take_in(stream.incident(next(keys), "CREATED", jobKey="none"))
        if expected:
            ago = "UPDATE orderops.record_positions SET received_at = now() - interval '5 minutes'"
            await run(stream.database, ago)
        await books.look()
        [silent] = [
            sample
            for each in books.collect()
            for sample in each.samples
            if sample.name == "orderops_records_silent_seconds"
        ]
        assert silent.labels == {"partition": str(stream.partition)}
        assert (silent.value >= 300) is expected


async def test_somebody_is_told(stream: Stream) -> None:
    books = Books(stream.database, stream.database)
    for number in (0.0, 1.0):
        await books.look()
        found = [sample.value for each in books.collect() for sample in each.samples if "set_aside" in sample.name]
        assert found == [number]
        await stream.take_in(stream.incident(next(keys), "CREATED", jobKey="none"))
