"""matched: messages whose key was known when they came, and that were not looked at then"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        UPDATE orderops.inbox AS late SET matched = true
        WHERE matched IS FALSE AND (
            EXISTS (SELECT FROM orderops.inbox AS same WHERE same.correlation_key = late.correlation_key
                    AND same.message_name = late.message_name AND same.matched IS TRUE)
            OR EXISTS (SELECT FROM orderops.instances WHERE instances.correlation_key = late.correlation_key)
            OR EXISTS (SELECT FROM orderops.effects WHERE kind = 'fulfillment'
                       AND request ->> 'tracking_number' = late.correlation_key)
        )
        """
    )


def downgrade() -> None:
    """What is known stays known."""
