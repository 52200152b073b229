"""refund parts: which lines of an order a refund gives back, and the shipping"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refunds", sa.Column("parts", JSONB(), nullable=True), schema="orderops")


def downgrade() -> None:
    op.drop_column("refunds", "parts", schema="orderops")
