"""escalations: what a person has to look at, and reports of products that may harm somebody"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "escalations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Text(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("round", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_at", TIME, nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("handled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
        schema="orderops",
    )
    op.create_index(
        "uq_escalations_process_instance_key",
        "escalations",
        ["process_instance_key"],
        unique=True,
        schema="orderops",
    )
    op.create_index("ix_escalations_ticket_id", "escalations", ["ticket_id"], schema="orderops")
    op.create_index(
        "ix_escalations_open",
        "escalations",
        ["opened_at"],
        schema="orderops",
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "hazard_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("hazard_case", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("reported_at", TIME, nullable=False),
        sa.Column("episode", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hazard_reports")),
        schema="orderops",
    )
    op.create_index(
        "uq_hazard_reports_ticket_id",
        "hazard_reports",
        ["ticket_id", "hazard", "hazard_case"],
        unique=True,
        schema="orderops",
    )
    op.create_index(
        "ix_hazard_reports_hazard_case", "hazard_reports", ["hazard_case", "reported_at"], schema="orderops"
    )


def downgrade() -> None:
    op.drop_table("hazard_reports", schema="orderops")
    op.drop_table("escalations", schema="orderops")
