"""Migrations: complete, harmless when repeated, and one at a time."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url, text

from tests.casefile.test_rebuild import wrong
from workers.casefile import migrate
from workers.casefile.db import SCHEMA, Database
from workers.casefile.models import Base
from workers.casefile.rebuild import Corrected, Rebuild
from workers.contracts.fulfillment import OUTCOMES


@pytest.fixture
def empty(database_url: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"migrate_{uuid4().hex}"
    server = create_engine(database_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(database_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def open_engine(empty: str) -> Iterator[Engine]:
    engine = create_engine(empty, poolclass=NullPool)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names(schema=SCHEMA))


def test_after_all_migrations_the_database_is_what_the_models_say(database_url: str) -> None:
    assert migrate.differences(database_url) == []


def test_they_make_every_table_from_nothing(empty: str, open_engine: Engine) -> None:
    migrate.upgrade(empty)
    assert tables(open_engine) == {table.name for table in Base.metadata.sorted_tables} | {"alembic_version"}
    assert migrate.differences(empty) == []


def test_applied_twice_nothing_is_lost(empty: str, open_engine: Engine) -> None:
    migrate.upgrade(empty)
    with open_engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {SCHEMA}.cases (id, process) VALUES ('1', 'fulfillment')"))
    migrate.upgrade(empty)
    with open_engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {SCHEMA}.cases")) == 1


def test_started_by_several_at_once_they_are_applied_once(empty: str) -> None:
    """Every worker and api may migrate at its start."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, [empty] * 4))
    assert migrate.differences(empty) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE {}.cases DROP COLUMN cost_minor",
        "ALTER TABLE {}.cases ADD COLUMN mood text",
        "DROP INDEX {}.uq_inbox_dedupe_key",
        "DROP TABLE {}.timeline",
    ],
)
def test_a_database_that_differs_is_noticed(empty: str, open_engine: Engine, change: str) -> None:
    migrate.upgrade(empty)
    with open_engine.begin() as connection:
        connection.execute(text(change.format(SCHEMA)))
    assert migrate.differences(empty) != []


def test_other_schemas_are_none_of_its_business(empty: str, open_engine: Engine) -> None:
    migrate.upgrade(empty)
    with open_engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA mock"))
        connection.execute(text("CREATE TABLE mock.orders (id text)"))
    assert migrate.differences(empty) == []


def test_tasks_get_the_forms_that_the_engine_told_of(empty: str, open_engine: Engine) -> None:
    """Those that were made before that was kept."""
    migrate.upgrade(empty, "0006")
    told = """
        INSERT INTO orderops.records (partition, position, happened_at, value_type, intent, key, facts)
        VALUES (1, :key, now(), 'USER_TASK', 'CREATED', 1, CAST(:facts AS jsonb));
    """
    made = """
        INSERT INTO orderops.tasks (key, process, process_instance_key, element_id, state, candidate_groups,
            priority, created_at)
        VALUES (:key, 'fulfillment', 1, 'Task_CorrectAddress', 'open', '{}', 50, now())
    """
    with open_engine.begin() as connection:
        for key, form in ((10, 71), (11, -1)):
            facts = f'{{"userTaskKey": {key}, "formKey": {form}}}'
            connection.execute(text(told), {"key": key, "facts": facts})
            connection.execute(text(made), {"key": key})
    migrate.upgrade(empty)
    with open_engine.connect() as connection:
        found = connection.execute(text("SELECT key, form_key FROM orderops.tasks ORDER BY key"))
        assert [tuple(row) for row in found] == [(10, 71), (11, None)]


ONE_INSTANCE_A_CASE = """
INSERT INTO orderops.records
    (partition, position, happened_at, value_type, intent, key, process_instance_key, process, element_id,
     element_type, facts)
SELECT 1, position, '2026-03-05 12:00Z'::timestamptz + position * interval '1 s', value_type, intent, instance,
       instance, 'fulfillment', element_id, element_type,
       CASE WHEN value_type LIKE 'MESSAGE%' THEN jsonb_build_object(
           'correlationKey', order_id, 'messageName', 'order_paid', 'processDefinitionKey', 1) END
FROM (VALUES
    (1, 'MESSAGE_START_EVENT_SUBSCRIPTION', 'CORRELATED', 11, 'a', 'Event_OrderPaid', NULL),
    (2, 'PROCESS_INSTANCE', 'ELEMENT_COMPLETED', 11, 'a', 'Event_OrderSupplied', 'END_EVENT'),
    (3, 'PROCESS_INSTANCE', 'ELEMENT_COMPLETED', 11, 'a', 'fulfillment', 'PROCESS'),
    (4, 'MESSAGE_START_EVENT_SUBSCRIPTION', 'CORRELATED', 12, 'b', 'Event_OrderPaid', NULL),
    (5, 'PROCESS_INSTANCE', 'ELEMENT_COMPLETED', 12, 'b', 'Event_OrderSupplied', 'END_EVENT'),
    (6, 'PROCESS_INSTANCE', 'ELEMENT_COMPLETED', 12, 'b', 'fulfillment', 'PROCESS'),
    (7, 'MESSAGE_START_EVENT_SUBSCRIPTION', 'CORRELATED', 13, 'b', 'Event_OrderCancelledLater', NULL),
    (8, 'PROCESS_INSTANCE', 'ELEMENT_COMPLETED', 13, 'b', 'Event_LateOrderStopped', 'END_EVENT')
) AS told (position, value_type, intent, instance, order_id, element_id, element_type);
INSERT INTO orderops.record_positions (partition, position) VALUES (1, 8);
INSERT INTO orderops.instances (key, case_id, process, definition_key, state, started_at, ended_at) VALUES
    (11, 'a', 'fulfillment', 1, 'done', '2026-03-05 12:00:01Z', '2026-03-05 12:00:03Z'),
    (12, 'b', 'fulfillment', 1, 'done', '2026-03-05 12:00:04Z', '2026-03-05 12:00:06Z'),
    (13, 'b', 'fulfillment', 1, 'open', '2026-03-05 12:00:07Z', NULL);
INSERT INTO orderops.cases (id, process, process_instance_key, state, outcome, opened_at, closed_at) VALUES
    ('a', 'fulfillment', 11, 'done', 'supplied', '2026-03-05 12:00:01Z', '2026-03-05 12:00:03Z'),
    ('b', 'fulfillment', 13, 'open', 'cancelled', '2026-03-05 12:00:04Z', NULL)
"""
"""As it was kept when a case had one instance at a time."""


def test_cases_of_before_are_as_a_rebuild_would_make_them(empty: str, open_engine: Engine) -> None:
    migrate.upgrade(empty, "0007")
    with open_engine.begin() as connection:
        for statement in ONE_INSTANCE_A_CASE.split(";\n"):
            connection.execute(text(statement.replace(":0", "\\:0")))
    migrate.upgrade(empty)
    with open_engine.connect() as connection:
        found = connection.execute(text("SELECT key, root_key, outcome FROM orderops.instances ORDER BY key"))
        assert [tuple(row) for row in found] == [
            (11, 11, "supplied"), (12, 12, "supplied"), (13, 13, "cancelled"),
        ]  # fmt: skip
        found = connection.execute(text("SELECT id, state, outcome FROM orderops.cases ORDER BY id"))
        assert [tuple(row) for row in found] == [("a", "done", "supplied"), ("b", "open", None)]
    corrected = asyncio.run(_rebuilt(empty))
    assert wrong([each for each in corrected if each.table in {"instances", "cases"}]) == set()


async def _rebuilt(url: str) -> list[Corrected]:
    database = Database(url, 1)
    try:
        return await Rebuild(database, {"fulfillment": OUTCOMES}, lambda _done, _of: None).run()
    finally:
        await database.close()


MESSAGES = """
INSERT INTO orderops.inbox (source, process, message_name, correlation_key, time_to_live_ms, variables, dedupe_key,
                            body_sha256, trace_id, matched)
SELECT 'easypost', 'tracking', 'parcel_moved', key, 1, '{}', key || number, '', '', matched
FROM (VALUES (1, 'taken', true), (2, 'taken', false), (3, 'strange', false), (4, 'started', false),
             (5, 'given', false), (6, 'started', NULL)) AS told (number, key, matched);
INSERT INTO orderops.instances
    (key, root_key, case_id, process, correlation_key, definition_key, state, started_at)
VALUES (1, 1, '1', 'tracking', 'started', 1, 'open', now());
INSERT INTO orderops.effects (key, kind, case_id, state, request)
VALUES ('a', 'fulfillment', '1', 'done', '{"tracking_number": "given"}')
"""


def test_messages_whose_number_was_known_are_no_riddles_any_more(empty: str, open_engine: Engine) -> None:
    migrate.upgrade(empty, "0016")
    with open_engine.begin() as connection:
        for statement in MESSAGES.split(";\n"):
            connection.execute(text(statement))
    migrate.upgrade(empty)
    with open_engine.connect() as connection:
        found = connection.execute(text("SELECT matched FROM orderops.inbox ORDER BY id"))
        assert list(found.scalars()) == [True, True, False, True, True, None]


def test_commands_on_a_database_of_another_version_say_what_to_do(empty: str) -> None:
    migrate.upgrade(empty, "0001")
    environment = {
        **os.environ,
        "ORDEROPS_DATABASE_URL": empty,
        "ORDEROPS_LINK_SECRET": "x",
        "ORDEROPS_RECORDS_PASSWORD": "x",
    }
    command = [sys.executable, "-m", "workers.runtime.cli", "deploy", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "The database is of another version of orderops.\n`orderops migrate` updates it.\n"
