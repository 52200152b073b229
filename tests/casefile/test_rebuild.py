"""What the record stream led to, made again from the records: row for row the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.casefile.own_database import empty, own_database, projected, run
from tests.scale.stream import Stream, records_in
from workers.casefile.db import Database
from workers.casefile.projection.projector import PROJECTED
from workers.casefile.rebuild import Corrected, Rebuild
from workers.casefile.records import Projection
from workers.contracts.fulfillment import OUTCOMES

BY_PROCESS = {"fulfillment": OUTCOMES}
ORDERS = 8
NOT_THERE = {"waiting_jobs", "incidents", "set_aside"}
"""All jobs of these orders are finished, nothing stood still, and every record is as we expect."""


@pytest.fixture(scope="module")
def records() -> Sequence[dict[str, object]]:
    """Of some orders, what was deployed before them included."""
    stream = Stream()
    return records_in([*stream.deployed(), *stream.orders(ORDERS)])


@pytest.fixture(scope="module")
async def both(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    async with own_database(database_url) as one, own_database(database_url) as other:
        yield one, other


@pytest.fixture
async def database(both: tuple[Database, Database]) -> Database:
    """Empty, and no other test uses it meanwhile."""
    return await empty(both[0])


@pytest.fixture
async def other(both: tuple[Database, Database]) -> Database:
    """One more."""
    return await empty(both[1])


async def take_in(database: Database, records: Sequence[dict[str, object]], size: int) -> None:
    projection = Projection(database, BY_PROCESS)
    for first in range(0, len(records), size):
        await projection.take_in(records[first : first + size])


async def rebuild(database: Database) -> list[Corrected]:
    return await Rebuild(database, BY_PROCESS, lambda _done, _of: None).run()


def wrong(corrected: list[Corrected]) -> set[str]:
    return {each.table for each in corrected if each.removed or each.added or each.changed}


async def test_the_recorded_orders_lead_to_something_in_every_table(
    database: Database, records: Sequence[dict[str, object]]
) -> None:
    """Else the tests below would compare nothing with nothing."""
    await take_in(database, records, 200)
    rows = await projected(database)
    assert {name for name, found in rows.items() if found} == set(PROJECTED) - NOT_THERE
    assert len(rows["cases"]) == len(rows["instances"]) == ORDERS


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_whatever_batches_the_records_come_in_the_rows_are_the_same(
    database: Database, other: Database, records: Sequence[dict[str, object]], size: int
) -> None:
    await take_in(database, records, size)
    await take_in(other, records, len(records))
    assert await projected(database, "recorded_at") == await projected(other, "recorded_at")


async def test_a_rebuild_of_what_is_right_changes_nothing(
    database: Database, records: Sequence[dict[str, object]]
) -> None:
    await take_in(database, records, 100)
    before = await projected(database)
    assert wrong(await rebuild(database)) == set()
    assert await projected(database) == before


async def test_made_from_nothing_it_is_row_for_row_the_same(
    database: Database, records: Sequence[dict[str, object]]
) -> None:
    await take_in(database, records, 100)
    before = await projected(database)
    await run(database, f"TRUNCATE {', '.join(f'orderops.{name}' for name in PROJECTED)}")
    assert wrong(await rebuild(database)) == set(PROJECTED) - NOT_THERE
    assert await projected(database) == before


async def test_half_way_through_what_waits_is_made_again_too(
    database: Database, records: Sequence[dict[str, object]]
) -> None:
    created = [at for at, r in enumerate(records) if (r["valueType"], r["intent"]) == ("JOB", "CREATED")]
    await take_in(database, records[: created[0] + 3], 70)
    before = await projected(database)
    assert before["waiting_jobs"]
    await run(database, "DELETE FROM orderops.waiting_jobs", "UPDATE orderops.cases SET state = 'done'")
    await rebuild(database)
    assert await projected(database) == before


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("DELETE FROM orderops.tasks", "tasks"),
        ("UPDATE orderops.tasks SET assignee = 'mallory'", "tasks"),
        ("UPDATE orderops.cases SET outcome = 'cancelled', state = 'open'", "cases"),
        ("DELETE FROM orderops.cases", "cases"),
        ("DELETE FROM orderops.timeline WHERE kind = 'task_completed'", "timeline"),
        (
            "INSERT INTO orderops.incidents (key, process, process_instance_key, element_id, error_type, message, "
            "created_at) VALUES (1, 'fulfillment', 1, 'Task_GetOrder', 'JOB_NO_RETRIES', '', now())",
            "incidents",
        ),
    ],
)
async def test_what_is_not_what_the_records_say_is_corrected_and_counted(
    database: Database, records: Sequence[dict[str, object]], damage: str, table: str
) -> None:
    await take_in(database, records, 500)
    before = await projected(database)
    await run(database, damage)
    assert await projected(database) != before
    assert wrong(await rebuild(database)) == {table}
    assert await projected(database) == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE orderops.timeline SET sentence = 'Nothing happened' WHERE kind = 'case_opened'",
        "INSERT INTO orderops.timeline (case_id, key, kind, sentence, facts, source) "
        "VALUES ('1', '1-1', 'task_completed', 'Never happened', '{}', 'engine')",
    ],
)
async def test_history_that_says_something_else_stays_and_is_counted(
    database: Database, records: Sequence[dict[str, object]], damage: str
) -> None:
    """Whether somebody changed it, the audit trail knows; new versions word things otherwise, too."""
    await take_in(database, records, 500)
    await run(database, damage)
    before = await projected(database)
    corrected = await rebuild(database)
    assert wrong(corrected) == set()
    assert {each.table for each in corrected if each.kept} == {"timeline"}
    assert await projected(database) == before


async def test_what_workers_wrote_stays(database: Database, records: Sequence[dict[str, object]]) -> None:
    await take_in(database, records, 500)
    await run(
        database,
        "UPDATE orderops.cases SET total_minor = 4995",
        "INSERT INTO orderops.cases (id, process, total_minor) VALUES ('described', 'fulfillment', 100)",
        "INSERT INTO orderops.timeline (case_id, key, kind, sentence, facts) "
        "VALUES ('described', 'bought', 'supplier_order_placed', 'Ordered from local as L-1', '{}')",
    )
    before = await projected(database)
    assert wrong(await rebuild(database)) == set()
    assert await projected(database) == before


async def test_records_may_come_in_meanwhile(
    database: Database, other: Database, records: Sequence[dict[str, object]]
) -> None:
    half = len(records) // 2
    await take_in(database, records[:half], 300)
    await asyncio.gather(rebuild(database), take_in(database, records[half:], 20), rebuild(database))
    before = await projected(database)
    assert wrong(await rebuild(database)) == set()
    await take_in(other, records, len(records))
    assert await projected(other, "recorded_at") == await projected(database, "recorded_at")
    assert await projected(database) == before


async def test_without_records_there_is_nothing_to_make(database: Database) -> None:
    assert wrong(await rebuild(database)) == set()
