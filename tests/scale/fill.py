"""A case file as it is after years: made by SQL, for reading."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import create_engine, text

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much there is."""

    cases: int
    """And as many tickets, none of them closed."""
    entries: int
    """Timeline entries of each case."""


QUICK = Size(cases=5_000, entries=20)
FULL = Size(cases=100_000, entries=50)
FIRST_CASE = 4_000_000_000_000
"""Ids of cases come after this."""
FIRST_PARCEL = 10**9
"""Keys of the second instances that every other case has come after this."""
AT_ONCE = 10_000
"""Cases made by one statement."""

STATEMENTS = (
    """
    INSERT INTO orderops.cases (id, process, process_instance_key, state, outcome, order_number, currency,
        total_minor, opened_at, closed_at)
    SELECT (CAST(:cases_after AS bigint) + n)::text, 'fulfillment', n, state,
        CASE state WHEN 'done' THEN 'supplied' END,
        '#' || n, 'EUR', 1000 + n % 90000, opened_at, CASE state WHEN 'done' THEN opened_at + interval '1 day' END
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n,
        LATERAL (SELECT CASE WHEN n % 20 = 0 THEN 'open' WHEN n % 50 = 1 THEN 'incident' ELSE 'done' END AS state,
                        now() - n * interval '5 minutes' AS opened_at) AS of_case
    """,
    """
    INSERT INTO orderops.instances (key, root_key, case_id, correlation_key, process, definition_key, state,
        outcome, started_at, ended_at)
    SELECT process_instance_key, process_instance_key, id, id, process, 1,
        CASE state WHEN 'done' THEN 'done' ELSE 'open' END, outcome, opened_at, closed_at
    FROM orderops.cases WHERE process_instance_key BETWEEN :first AND :last
    """,
    """
    INSERT INTO orderops.instances (key, root_key, case_id, correlation_key, process, definition_key, state,
        outcome, started_at, ended_at)
    SELECT CAST(:parcels_after AS bigint) + key, CAST(:parcels_after AS bigint) + key, case_id, 'SO-' || key,
        CASE key % 100 WHEN 0 THEN 'chargeback' ELSE 'tracking' END, 1, state, outcome, started_at, ended_at
    FROM orderops.instances WHERE key BETWEEN :first AND :last AND key % 2 = 0
    """,
    """
    INSERT INTO orderops.timeline (case_id, key, kind, sentence, facts, happened_at, source, process_instance_key)
    SELECT cases.id, '1-' || process_instance_key * 1000 + entry, 'message_received',
        'Message number ' || entry || ' received', '{}', opened_at + entry * interval '1 minute', 'engine',
        process_instance_key
    FROM orderops.cases, generate_series(1, CAST(:entries AS int)) AS entry
    WHERE process_instance_key BETWEEN :first AND :last
    """,
    """
    INSERT INTO orderops.tasks (key, process, process_instance_key, element_id, form_key, state, candidate_groups,
        due_at, priority, created_at, finished_at)
    SELECT process_instance_key, process, process_instance_key, 'Task_CorrectAddress', (
            SELECT max(key) FROM orderops.definitions WHERE kind = 'form' AND id = 'fulfillment_address'),
        CASE state WHEN 'done' THEN 'completed' ELSE 'open' END, '{support}', opened_at + interval '4 hours', 50,
        opened_at, closed_at
    FROM orderops.cases WHERE process_instance_key BETWEEN :first AND :last AND process_instance_key % 5 = 0
    """,
    """
    INSERT INTO orderops.incidents (key, process, process_instance_key, element_id, error_type, message,
        created_at)
    SELECT process_instance_key, process, process_instance_key, 'Task_GetOrder', 'JOB_NO_RETRIES',
        'No such order.', opened_at
    FROM orderops.cases WHERE process_instance_key BETWEEN :first AND :last AND state = 'incident'
    """,
    """
    INSERT INTO orderops.records (partition, position, happened_at, value_type, intent, key, process_instance_key,
        process, element_id, element_type)
    SELECT 0, process_instance_key * 1000 + step, opened_at, 'PROCESS_INSTANCE',
        CASE step % 2 WHEN 0 THEN 'ELEMENT_ACTIVATED' ELSE 'ELEMENT_COMPLETED' END, step, process_instance_key,
        process, 'Task_GetOrder', 'SERVICE_TASK'
    FROM orderops.cases, generate_series(1, 20) AS step
    WHERE process_instance_key BETWEEN :first AND :last
    """,
    """
    INSERT INTO orderops.tickets (id, channel, subject, customer_email, customer_name, opened_at)
    SELECT 'chat-' || n, 'chat', 'My lamp', n || '@example.com', 'Ada', now() - n * interval '20 seconds'
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
    """,
    """
    INSERT INTO orderops.ticket_messages (ticket_id, message_id, text, received_at)
    SELECT id, 'm-' || message, 'Where is my lamp?', opened_at
    FROM orderops.tickets, generate_series(1, 2) AS message
    WHERE id IN (SELECT 'chat-' || n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n)
    """,
    """
    INSERT INTO orderops.ticket_analyses (ticket_id, message_number, intent, confidence, anger, language, safety,
        analysis, at)
    SELECT ticket_id, id, 'tracking', 0.9, 10, 'en', false, '{}', received_at
    FROM orderops.ticket_messages
    WHERE ticket_id IN (
        SELECT 'chat-' || n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n)
    """,
    """
    INSERT INTO orderops.ticket_answers (ticket_id, key, route, why, decided_by, decision, draft, reply, at)
    SELECT 'chat-' || n, '1', 'auto_reply', 'Clear',
        CASE n % 3 WHEN 0 THEN 'person:ada' ELSE 'process:resolution' END, 'send', 'On its way', 'On its way',
        now() - n * interval '20 seconds'
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n WHERE n % 2 = 0
    """,
    """
    INSERT INTO orderops.ticket_events (ticket_id, key, what, at, priority, first_response, update, resolution)
    SELECT 'chat-' || n, what, what, now() - (n * 20 - late) * interval '1 second',
        CASE what WHEN 'opened' THEN (ARRAY['urgent', 'high', 'normal', 'low'])[1 + n % 4] END,
        CASE what WHEN 'opened' THEN interval '4 hours' END, CASE what WHEN 'opened' THEN interval '8 hours' END,
        CASE what WHEN 'opened' THEN interval '24 hours' END
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n,
        (VALUES ('opened', 0), ('we_replied', 600), ('waiting_for_customer', 601), ('customer_answered', 900))
            AS happened (what, late)
    WHERE what = 'opened' OR n % 2 = 0
    """,
    """
    INSERT INTO orderops.escalations (id, ticket_id, process_instance_key, why, priority, hazard, product, round,
        opened_at)
    SELECT format('chat-%s-1', n), 'chat-' || n, n, 'Somebody may get hurt.', 'urgent', 'burn', 'LAMP-' || n % 50,
        2, now() - n * interval '20 seconds'
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n WHERE n % 20 = 0
    """,
)

SEALED = "UPDATE orderops.audit_progress SET sealed_up_to = (SELECT max(id) FROM orderops.timeline)"
"""Sealing all of it would take part in what is measured."""


def fill(url: str, size: Size, say: Say) -> None:
    """Make the rows at once, and have PostgreSQL learn how many there are. Their history counts as sealed."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for first in range(1, size.cases + 1, AT_ONCE):
            say(f"Filling: {first:,} of {size.cases:,} cases")
            last = min(first + AT_ONCE - 1, size.cases)
            for statement in STATEMENTS:
                asked = {"first": first, "last": last, "entries": size.entries}
                asked |= {"cases_after": FIRST_CASE, "parcels_after": FIRST_PARCEL}
                connection.execute(text(statement), asked)
        connection.execute(text(SEALED))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def rows(url: str) -> dict[str, int]:
    """How many rows there are, by table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        names = ("cases", "instances", "timeline", "tasks", "incidents", "records", "tickets", "escalations")
        counted = {name: connection.scalar(text(f"SELECT count(*) FROM orderops.{name}")) or 0 for name in names}
    engine.dispose()
    return counted
