"""set aside: records that nothing could be made of"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "position", name=op.f("pk_set_aside")),
        schema="orderops",
    )


def downgrade() -> None:
    op.drop_table("set_aside", schema="orderops")
