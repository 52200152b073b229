"""what is answered: which of the customer's messages an answer of ours is to"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket_messages", sa.Column("answers", sa.BigInteger(), nullable=True), schema="orderops")


def downgrade() -> None:
    op.drop_column("ticket_messages", "answers", schema="orderops")
