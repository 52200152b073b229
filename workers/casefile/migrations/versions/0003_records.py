"""records: what the engine told us, and what is made of it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSONB = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.create_table(
        "records",
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=True),
        sa.Column("process", sa.Text(), nullable=True),
        sa.Column("element_id", sa.Text(), nullable=True),
        sa.Column("element_type", sa.Text(), nullable=True),
        sa.Column("facts", JSONB, nullable=True),
        sa.PrimaryKeyConstraint("partition", "position", name=op.f("pk_records")),
        schema="orderops",
    )
    op.create_index("ix_records_process_instance_key", "records", ["process_instance_key"], schema="orderops")
    op.drop_table("element_events", schema="orderops")
    op.create_table(
        "instances",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_instances")),
        schema="orderops",
    )
    op.create_index("ix_instances_case_id", "instances", ["case_id"], schema="orderops")
    op.create_table(
        "definitions",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("deployed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_definitions")),
        schema="orderops",
    )
    op.create_index("ix_definitions_kind_id_version", "definitions", ["kind", "id", "version"], schema="orderops")
    op.create_table(
        "decisions",
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("element_id", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("output", JSONB, nullable=True),
        sa.Column("tables", JSONB, nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("partition", "position", name=op.f("pk_decisions")),
        schema="orderops",
    )
    op.create_index("ix_decisions_process_instance_key", "decisions", ["process_instance_key"], schema="orderops")
    op.create_table(
        "waiting_jobs",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("element_id", sa.Text(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("failed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_waiting_jobs")),
        schema="orderops",
    )
    op.create_index(
        "ix_waiting_jobs_process_instance_key", "waiting_jobs", ["process_instance_key"], schema="orderops"
    )
    op.create_index("ix_waiting_jobs_type_created_at", "waiting_jobs", ["type", "created_at"], schema="orderops")
    for column in (
        sa.Column("recorded_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("'worker'"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=True),
        sa.Column("element_id", sa.Text(), nullable=True),
    ):
        op.add_column("timeline", column, schema="orderops")


def downgrade() -> None:
    for column in ("element_id", "process_instance_key", "actor", "source", "recorded_at"):
        op.drop_column("timeline", column, schema="orderops")
    for table in ("waiting_jobs", "decisions", "definitions", "instances", "records"):
        op.drop_table(table, schema="orderops")
    op.create_table(
        "element_events",
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("element_id", sa.Text(), nullable=False),
        sa.Column("element_type", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("partition", "position", name=op.f("pk_element_events")),
        schema="orderops",
    )
    op.create_index(
        "ix_element_events_process_instance_key", "element_events", ["process_instance_key"], schema="orderops"
    )
