"""Alembic's entry: runs the migrations over the connection that `workers.casefile.migrate` hands in."""

from alembic import context
from sqlalchemy import text

from workers.casefile.db import SCHEMA
from workers.casefile.models import Base

connection = context.config.attributes["connection"]
connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
    version_table_schema=SCHEMA,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
