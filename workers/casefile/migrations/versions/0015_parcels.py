"""parcels: by their numbers, those of which the shop was told"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_effects_parcel",
        "effects",
        [sa.text("(request ->> 'tracking_number')")],
        schema="orderops",
        postgresql_where=sa.text("kind = 'fulfillment'"),
    )


def downgrade() -> None:
    op.drop_index("ix_effects_parcel", "effects", schema="orderops")
