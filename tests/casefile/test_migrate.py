"""Migrations: complete, harmless when repeated, and one at a time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url, text

from workers.casefile import migrate
from workers.casefile.db import SCHEMA
from workers.casefile.models import Base


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
