"""pages: indexes for lists of cases and tasks, in the orders that people see them in"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DUE = sa.text("coalesce(due_at, 'infinity'::timestamptz)")


def upgrade() -> None:
    op.drop_index("ix_cases_state", table_name="cases", schema="orderops")
    for columns in (["opened_at", "id"], ["state", "opened_at", "id"], ["outcome", "opened_at", "id"]):
        op.create_index(f"ix_cases_{'_'.join(columns)}", "cases", columns, schema="orderops")
    op.create_index(
        "ix_cases_closed_at_id",
        "cases",
        ["closed_at", "id"],
        schema="orderops",
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_order_number",
        "cases",
        ["order_number"],
        schema="orderops",
        postgresql_ops={"order_number": "text_pattern_ops"},
    )
    op.create_index(
        "ix_tasks_due", "tasks", [DUE, "key"], schema="orderops", postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "ix_incidents_unresolved",
        "incidents",
        ["process", "element_id"],
        schema="orderops",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "ix_inbox_refused", "inbox", ["id"], schema="orderops", postgresql_where=sa.text("refused_at IS NOT NULL")
    )


def downgrade() -> None:
    for index, table in (
        ("ix_inbox_refused", "inbox"),
        ("ix_incidents_unresolved", "incidents"),
        ("ix_tasks_due", "tasks"),
        ("ix_cases_order_number", "cases"),
        ("ix_cases_closed_at_id", "cases"),
        ("ix_cases_outcome_opened_at_id", "cases"),
        ("ix_cases_state_opened_at_id", "cases"),
        ("ix_cases_opened_at_id", "cases"),
    ):
        op.drop_index(index, table_name=table, schema="orderops")
    op.create_index("ix_cases_state", "cases", ["state"], schema="orderops")
