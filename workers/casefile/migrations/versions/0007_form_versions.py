"""form versions: which version of its form a task was made with"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KNOWN = """
    UPDATE orderops.tasks SET form_key = (facts ->> 'formKey')::bigint FROM orderops.records
    WHERE value_type = 'USER_TASK' AND intent = 'CREATED' AND (facts ->> 'userTaskKey')::bigint = tasks.key
        AND (facts ->> 'formKey')::bigint > 0
"""


def upgrade() -> None:
    op.add_column("tasks", sa.Column("form_key", sa.BigInteger(), nullable=True), schema="orderops")
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_column("tasks", "form_key", schema="orderops")
