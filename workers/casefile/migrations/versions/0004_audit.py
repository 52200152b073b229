"""audit: the timeline is append-only, and sealed by chains of hashes"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

APPEND_ONLY = """
CREATE FUNCTION orderops.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of orderops.% stay as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

# The bytes are those of workers/casefile/seal.py: a test erases entries and verifies the chain.
ERASE = """
CREATE FUNCTION orderops.erase_timeline_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    actor bytea := convert_to(OLD.actor, 'UTF8');
    facts bytea := convert_to(OLD.facts::text, 'UTF8');
    sentence bytea := convert_to(OLD.sentence, 'UTF8');
BEGIN
    IF NEW.erased_at IS NULL OR OLD.erased_at IS NOT NULL OR OLD.kind = 'personal_data_erased' THEN
        RAISE EXCEPTION 'rows of orderops.timeline stay as they are' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM orderops.cases WHERE id = OLD.case_id AND state IN ('done', 'terminated')) THEN
        RAISE EXCEPTION 'only finished cases are erased' USING ERRCODE = 'restrict_violation';
    END IF;
    NEW := OLD;
    NEW.erased_at := now();
    NEW.erased_digest := sha256(
        int4send(16) || uuid_send(OLD.salt)
        || int4send(length(sentence)) || sentence
        || coalesce(int4send(length(actor)) || actor, int4send(-1))
        || int4send(length(facts)) || facts
    );
    NEW.salt := NULL;
    NEW.sentence := 'Erased on request.';
    NEW.actor := NULL;
    NEW.facts := '{}';
    RETURN NEW;
END $$
"""

LINK = """
CREATE FUNCTION orderops.audit_link(state bytea, head bytea, link bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(coalesce(state, head) || link);
END $$
"""


def upgrade() -> None:
    for column in (
        sa.Column("salt", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=True),
        sa.Column("erased_at", TIME, nullable=True),
        sa.Column("erased_digest", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("timeline", column, schema="orderops")
    _create_tables()
    op.execute("INSERT INTO orderops.audit_progress (id, sealed_up_to, entries) VALUES (1, 0, 0)")
    for function in (APPEND_ONLY, ERASE, LINK):
        op.execute(function)
    op.execute(
        "CREATE AGGREGATE orderops.audit_chain(head bytea, link bytea) "
        "(SFUNC = orderops.audit_link, STYPE = bytea)"
    )
    op.execute(
        "CREATE TRIGGER timeline_erase BEFORE UPDATE ON orderops.timeline "
        "FOR EACH ROW EXECUTE FUNCTION orderops.erase_timeline_entry()"
    )
    for table, events in (
        ("timeline", "DELETE OR TRUNCATE"),
        ("audit", "UPDATE OR DELETE OR TRUNCATE"),
        ("audit_anchors", "UPDATE OR DELETE OR TRUNCATE"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {events} ON orderops.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION orderops.append_only()"
        )


def _create_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("timeline_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        schema="orderops",
    )
    op.create_index("uq_audit_case_id_seq", "audit", ["case_id", "seq"], unique=True, schema="orderops")
    op.create_index("uq_audit_timeline_id", "audit", ["timeline_id"], unique=True, schema="orderops")
    op.create_table(
        "audit_heads",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_audit_heads")),
        schema="orderops",
        postgresql_with={"fillfactor": 50},  # every row changes with each entry of its case, and stays where it is
    )
    op.create_table(
        "audit_progress",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_up_to", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_progress")),
        schema="orderops",
    )
    op.create_table(
        "audit_anchors",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("cases", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_anchors")),
        schema="orderops",
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER timeline_erase ON orderops.timeline")
    op.execute("DROP TRIGGER timeline_append_only ON orderops.timeline")
    for table in ("audit_anchors", "audit_progress", "audit_heads", "audit"):
        op.drop_table(table, schema="orderops")
    op.execute("DROP AGGREGATE orderops.audit_chain(bytea, bytea)")
    op.execute("DROP FUNCTION orderops.audit_link(bytea, bytea, bytea)")
    for function in ("erase_timeline_entry", "append_only"):
        op.execute(f"DROP FUNCTION orderops.{function}()")
    for column in ("erased_digest", "erased_at", "salt"):
        op.drop_column("timeline", column, schema="orderops")
