"""tickets: what customers write, by whichever channel, and what they were answered"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("customer_email", sa.Text(), nullable=False),
        sa.Column("customer_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("opened_at", TIME, server_default=NOW, nullable=False),
        sa.Column("solved_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("follows", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        schema="orderops",
    )
    op.create_index("ix_tickets_customer_email", "tickets", ["customer_email", "opened_at"], schema="orderops")
    op.create_index("ix_tickets_state_id", "tickets", ["state", "id"], schema="orderops")
    op.create_index("uq_tickets_follows", "tickets", ["follows"], unique=True, schema="orderops")
    op.create_table(
        "ticket_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), server_default=sa.text("'customer'"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("received_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_messages")),
        schema="orderops",
    )
    op.create_index(
        "uq_ticket_messages_ticket_id_message_id",
        "ticket_messages",
        ["ticket_id", "message_id"],
        unique=True,
        schema="orderops",
    )
    op.create_index("ix_ticket_messages_message_id", "ticket_messages", ["message_id"], schema="orderops")


def downgrade() -> None:
    op.drop_table("ticket_messages", schema="orderops")
    op.drop_table("tickets", schema="orderops")
