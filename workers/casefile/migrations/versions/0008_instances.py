"""instances: several of one case, the called ones included, and how each ended"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEW = (
    ("parent_key", sa.BigInteger()),
    ("root_key", sa.BigInteger()),
    ("began_as", sa.Text()),
    ("matched_at", sa.DateTime(timezone=True)),
    ("correlation_key", sa.Text()),
    ("outcome", sa.Text()),
)
INDEXES = (
    ("ix_instances_process_case_id", ["process", "case_id"], None),
    ("ix_instances_correlation_key", ["correlation_key"], None),
    ("ix_instances_began_as", ["began_as"], "began_as IS NOT NULL"),
    ("ix_instances_open", ["process", "started_at", "key"], "state = 'open'"),
)

BEGUN = "UPDATE orderops.instances SET root_key = key, began_as = case_id, correlation_key = case_id"
"""Until now a case was always its instance's correlation key."""

WORDS = """
    ('Event_OrderSupplied', 'supplied'), ('Event_OrderAlreadyStopped', 'cancelled'),
    ('Event_OrderStopped', 'cancelled'), ('Event_OrderMarkedForReturn', 'marked_for_return'),
    ('Event_LateOrderStopped', 'cancelled'), ('Event_LateMarkedForReturn', 'marked_for_return'),
    ('Event_RefundRequested', 'refund_requested')
"""
"""Of the one process that there was."""

ENDED = f"""
    UPDATE orderops.instances SET outcome = ended.outcome FROM (
        SELECT DISTINCT ON (process_instance_key) process_instance_key AS key, words.outcome
        FROM orderops.records JOIN (VALUES {WORDS}) AS words (element_id, outcome) USING (element_id)
        WHERE value_type = 'PROCESS_INSTANCE' AND element_type = 'END_EVENT' AND intent = 'ELEMENT_COMPLETED'
            AND process = 'fulfillment'
        ORDER BY process_instance_key, position DESC
    ) AS ended WHERE instances.key = ended.key
"""  # noqa: S608  # no word of it comes from outside
ENDED_WITHOUT_RECORD = """
    UPDATE orderops.instances SET outcome = cases.outcome FROM orderops.cases
    WHERE process_instance_key = key AND instances.outcome IS NULL AND instances.state <> 'open'
"""

CASES = """
    WITH of_case AS (
        SELECT case_id AS id, bool_or(state = 'open') AS open,
            bool_or(state = 'open' AND EXISTS (SELECT FROM orderops.incidents
                WHERE process_instance_key = instances.key AND resolved_at IS NULL)) AS stuck,
            min(started_at) AS opened_at, max(ended_at) AS closed_at,
            (array_agg(key ORDER BY state = 'open' DESC, started_at DESC, key DESC))[1] AS key,
            (array_agg(state ORDER BY ended_at DESC NULLS LAST, key DESC))[1] AS state,
            (array_agg(outcome ORDER BY ended_at DESC NULLS LAST, key DESC))[1] AS outcome
        FROM orderops.instances GROUP BY case_id
    ), made AS (
        SELECT id, key, opened_at,
            CASE WHEN NOT open THEN state WHEN stuck THEN 'incident' ELSE 'open' END AS state,
            CASE WHEN NOT open THEN outcome END AS outcome,
            CASE WHEN NOT open THEN closed_at END AS closed_at
        FROM of_case
    )
    UPDATE orderops.cases SET process_instance_key = made.key, state = made.state, outcome = made.outcome,
        opened_at = made.opened_at, closed_at = made.closed_at
    FROM made
    WHERE cases.id = made.id
        AND (process_instance_key, cases.state, cases.outcome, cases.opened_at, cases.closed_at)
            IS DISTINCT FROM (made.key, made.state, made.outcome, made.opened_at, made.closed_at)
"""
"""Of all its instances."""


def upgrade() -> None:
    for name, kind in NEW:
        op.add_column("instances", sa.Column(name, kind, nullable=True), schema="orderops")
    op.execute(BEGUN)
    op.execute(ENDED)
    op.execute(ENDED_WITHOUT_RECORD)
    op.alter_column("instances", "root_key", nullable=False, schema="orderops")
    for name, columns, only in INDEXES:
        where = sa.text(only) if only else None
        op.create_index(name, "instances", columns, schema="orderops", postgresql_where=where)
    op.execute(CASES)


def downgrade() -> None:
    for name, _, _ in INDEXES:
        op.drop_index(name, table_name="instances", schema="orderops")
    for name, _ in NEW:
        op.drop_column("instances", name, schema="orderops")
