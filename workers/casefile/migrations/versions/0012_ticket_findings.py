"""ticket findings: what was understood of tickets, how they were answered, and what their clocks have to know"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "ticket_analyses",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("message_number", sa.BigInteger(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("anger", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("safety", sa.Boolean(), nullable=False),
        sa.Column("shopify_order_id", sa.Text(), nullable=True),
        sa.Column("analysis", postgresql.JSONB(), nullable=False),
        sa.Column("at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "message_number", name=op.f("pk_ticket_analyses")),
        schema="orderops",
    )
    op.create_table(
        "ticket_answers",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "key", name=op.f("pk_ticket_answers")),
        schema="orderops",
    )
    op.create_index("ix_ticket_answers_at", "ticket_answers", ["at"], schema="orderops")
    op.create_table(
        "ticket_labels",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("message_number", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("corrected", sa.Text(), nullable=False),
        sa.Column("corrected_by", sa.Text(), nullable=False),
        sa.Column("at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "message_number", "label", name=op.f("pk_ticket_labels")),
        schema="orderops",
    )
    op.create_table(
        "ticket_events",
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("priority", sa.Text(), nullable=True),
        sa.Column("first_response", sa.Interval(), nullable=True),
        sa.Column("update", sa.Interval(), nullable=True),
        sa.Column("resolution", sa.Interval(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_events")),
        schema="orderops",
    )
    op.create_index(
        "uq_ticket_events_ticket_id_key", "ticket_events", ["ticket_id", "key"], unique=True, schema="orderops"
    )


def downgrade() -> None:
    for table in ("ticket_events", "ticket_labels", "ticket_answers", "ticket_analyses"):
        op.drop_table(table, schema="orderops")
