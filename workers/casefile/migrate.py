"""Brings the schema to the newest version, and tells where it differs from what the models say."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from workers.casefile import (  # noqa: F401  # Base's
    audit_models,
    escalation_models,
    finding_models,
    people_models,
    record_models,
    refund_models,
    ticket_models,
)
from workers.casefile.db import SCHEMA
from workers.casefile.models import Base

_LOCK = 0x6F7264657261  # one migration at a time, whoever starts it


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, to: str = "head") -> None:
    """Apply every migration that is missing, up to one. Idempotent, and safe when several do it at once."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(_config(connection), to)
    engine.dispose()


def differences(url: str) -> list[str]:
    """What the models say and the database lacks, or the reverse; empty when the migrations are complete."""
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
                "version_table_schema": SCHEMA,
            },
        )
        found = [repr(difference) for difference in compare_metadata(context, Base.metadata)]
    engine.dispose()
    return found
