"""unmatched: messages that no instance has taken yet"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("matched", sa.Boolean(), nullable=True), schema="orderops")
    op.create_index(
        "ix_inbox_matched",
        "inbox",
        ["correlation_key", "message_name"],
        schema="orderops",
        postgresql_where=sa.text("matched IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_unmatched", "inbox", ["id"], schema="orderops", postgresql_where=sa.text("matched IS FALSE")
    )


def downgrade() -> None:
    op.drop_index("ix_inbox_unmatched", "inbox", schema="orderops")
    op.drop_index("ix_inbox_matched", "inbox", schema="orderops")
    op.drop_column("inbox", "matched", schema="orderops")
