"""sla board: what the clocks of tickets show, kept as something happens, and the figures drawn from it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "ticket_events",
        sa.Column("counted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="orderops",
    )
    op.create_index(
        "ix_ticket_events_uncounted",
        "ticket_events",
        ["number"],
        schema="orderops",
        postgresql_where=sa.text("NOT counted"),
    )
    op.create_table(
        "ticket_outlooks",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("stand", sa.Text(), nullable=False),
        sa.Column("risky_from", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("took", sa.Interval(), nullable=True),
        sa.PrimaryKeyConstraint("ticket_id", "clock", name=op.f("pk_ticket_outlooks")),
        schema="orderops",
    )
    op.create_table(
        "sla_board",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("counted_by", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_board")),
        schema="orderops",
    )


def downgrade() -> None:
    op.drop_table("sla_board", schema="orderops")
    op.drop_table("ticket_outlooks", schema="orderops")
    op.drop_index("ix_ticket_events_uncounted", "ticket_events", schema="orderops")
    op.drop_column("ticket_events", "counted", schema="orderops")
