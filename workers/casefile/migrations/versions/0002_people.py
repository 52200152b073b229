"""people, their sessions, programs' tokens, and what became of their log-ins"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
        schema="orderops",
    )
    op.create_index("uq_users_issuer_subject", "users", ["issuer", "subject"], unique=True, schema="orderops")
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
        schema="orderops",
    )
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"], unique=False, schema="orderops")
    op.create_table(
        "api_tokens",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_api_tokens")),
        schema="orderops",
    )
    op.create_index("uq_api_tokens_name", "api_tokens", ["name"], unique=True, schema="orderops")
    op.create_table(
        "login_throttles",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_throttles")),
        schema="orderops",
    )
    op.create_index(
        "ix_login_throttles_drained_at", "login_throttles", ["drained_at"], unique=False, schema="orderops"
    )
    op.create_table(
        "access_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "happened_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_events")),
        schema="orderops",
    )
    op.create_index("ix_access_events_subject", "access_events", ["subject"], unique=False, schema="orderops")


def downgrade() -> None:
    op.drop_index("ix_access_events_subject", table_name="access_events", schema="orderops")
    op.drop_table("access_events", schema="orderops")
    op.drop_index("ix_login_throttles_drained_at", table_name="login_throttles", schema="orderops")
    op.drop_table("login_throttles", schema="orderops")
    op.drop_index("uq_api_tokens_name", table_name="api_tokens", schema="orderops")
    op.drop_table("api_tokens", schema="orderops")
    op.drop_index("ix_sessions_user_name", table_name="sessions", schema="orderops")
    op.drop_table("sessions", schema="orderops")
    op.drop_index("uq_users_issuer_subject", table_name="users", schema="orderops")
    op.drop_table("users", schema="orderops")
