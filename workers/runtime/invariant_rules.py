"""What must hold, as questions to PostgreSQL: to the case file and to the mocked outside world's own books.

`:messages` and `:starts` are the messages that start instances and the start events that take them, `:waits` the
types of elements that wait for a date or a message, `:may_wait` the elements at which a case may (null: all); what
is younger than `:settled` is under way and not judged.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """`checked` counts what the rule is about; `violations` gives whom and what, in words."""

    invariant: str
    says: str
    checked: str
    violations: str


INSTANCES = Rule(
    "I1",
    "each accepted start has an instance",
    "SELECT count(*) FROM orderops.inbox WHERE message_name = ANY(:messages) AND received_at < :settled",
    """
    SELECT i.message_name || ' ' || i.correlation_key,
           CASE WHEN i.refused_at IS NOT NULL THEN 'the engine refused its message'
                WHEN i.published_at IS NULL THEN 'its message waits in the inbox'
                ELSE 'it was published, and there is no instance' END
    FROM orderops.inbox i
    WHERE i.message_name = ANY(:messages) AND i.received_at < :settled
      AND NOT EXISTS (SELECT FROM orderops.instances
                      WHERE correlation_key = i.correlation_key AND process = i.process)
    """,
)

ONE_INSTANCE = Rule(
    "I1",
    "no start has two",
    """
    SELECT count(DISTINCT process_instance_key) FROM orderops.records
    WHERE element_id = ANY(:starts) AND intent = 'ELEMENT_ACTIVATED'
    """,
    """
    WITH started AS (
        SELECT key, i.process, i.correlation_key,
               row_number() OVER (PARTITION BY i.process, i.correlation_key ORDER BY started_at, key) AS number
        FROM orderops.instances i
        WHERE EXISTS (SELECT FROM orderops.records r WHERE r.process_instance_key = i.key
                      AND r.element_id = ANY(:starts) AND r.intent = 'ELEMENT_ACTIVATED')
    ), accepted AS (
        SELECT process, correlation_key, count(*) AS number
        FROM orderops.inbox WHERE message_name = ANY(:messages) GROUP BY process, correlation_key
    )
    SELECT 'instance ' || key, 'nothing that was accepted started it: ' || correlation_key || ' has another one'
    FROM started LEFT JOIN accepted a USING (process, correlation_key)
    WHERE started.number > coalesce(a.number, 0) ORDER BY key
    """,
)

EFFECTS = Rule(
    "I2",
    "supplier orders, refunds, postings, mails and events are there once, as the journal says",
    """
    SELECT count(*) FROM orderops.effects
    WHERE kind IN ('supplier_order', 'refund', 'posting', 'mail', 'event')
    """,
    """
    WITH journal AS (
        SELECT key, kind, state, intended_at, case_id,
               CASE kind WHEN 'supplier_order'
                    THEN jsonb_build_object('supplier', request->>'supplier', 'minor', request->'cost',
                                            'currency', request->>'currency')
                    ELSE request END AS what
        FROM orderops.effects WHERE kind IN ('supplier_order', 'refund', 'posting', 'mail', 'event')
    ), books AS (
        SELECT 'supplier_order:' || substr(reference, length('orderops-') + 1) AS key,
               jsonb_build_object('supplier', supplier, 'minor', cost_minor, 'currency', currency) AS what
        FROM mock.supplier_orders WHERE reference LIKE 'orderops-%'
        UNION ALL
        SELECT 'refund:' || substr(reference, length('orderops-') + 1),
               jsonb_build_object('charge_id', charge_id, 'amount', amount_minor, 'currency', currency)
        FROM mock.refunds WHERE reference LIKE 'orderops-%'
        UNION ALL
        SELECT key, jsonb_build_object('account', account, 'minor', amount_minor, 'currency', currency)
        FROM mock.ledger_postings
        UNION ALL
        SELECT key, jsonb_build_object('template', template) FROM mock.mails
        UNION ALL
        SELECT key, jsonb_build_object('name', name, 'payload', payload) FROM mock.events
    ), compared AS (
        SELECT key, j.kind, j.state, j.intended_at, j.what AS meant, b.what AS made,
               count(b.what) OVER (PARTITION BY key) AS times
        FROM journal j FULL JOIN books b USING (key)
    ), found AS (
        SELECT key,
               CASE WHEN times > 1 THEN 'is in the books ' || times || ' times'
                    WHEN kind IS NULL THEN 'is in the books, and the journal has never heard of it'
                    WHEN state = 'done' AND made IS NULL THEN 'is done in the journal, but not in the books'
                    WHEN state = 'done' AND made <> meant THEN 'is in the books otherwise than in the journal'
                    WHEN state IN ('stopped', 'not_executed') AND made IS NOT NULL
                         THEN 'is in the books, but ' || state || ' in the journal'
                    WHEN state IN ('intended', 'unknown') AND made IS NOT NULL AND intended_at < :settled
                         THEN 'is in the books, but only ' || state || ' in the journal'
               END AS what
        FROM compared
    )
    SELECT DISTINCT key, what FROM found WHERE what IS NOT NULL ORDER BY key
    """,
)

LEDGER = Rule(
    "I2",
    "each supplier order is booked once, for what it cost",
    "SELECT count(*) FROM mock.supplier_orders WHERE reference LIKE 'orderops-%'",
    """
    WITH bought AS (
        SELECT split_part(substr(reference, length('orderops-') + 1), '-reship-', 1) AS id,
               array_agg(cost_minor || ' ' || currency ORDER BY currency, cost_minor) AS amounts
        FROM mock.supplier_orders WHERE reference LIKE 'orderops-%' GROUP BY 1
    ), booked AS (
        SELECT order_id AS id,
               array_agg(amount_minor || ' ' || currency ORDER BY currency, amount_minor) AS amounts
        FROM mock.ledger_postings WHERE account = 'COGS' GROUP BY 1
    )
    SELECT 'order ' || id,
           'bought for ' || coalesce(array_to_string(bought.amounts, ', '), 'nothing')
           || ' (minor units), booked ' || coalesce(array_to_string(booked.amounts, ', '), 'nothing')
    FROM bought FULL JOIN booked USING (id) LEFT JOIN orderops.cases c USING (id)
    WHERE bought.amounts IS DISTINCT FROM booked.amounts
      AND (booked.amounts IS NOT NULL OR c.state IS NULL OR c.state IN ('done', 'terminated'))
    ORDER BY id
    """,
)

SETTLED = Rule(
    "I2",
    "no case has ended with an effect of which nobody knows whether it happened",
    "SELECT count(*) FROM orderops.effects",
    """
    SELECT e.key, 'is ' || e.state || ', and its case has ended'
    FROM orderops.effects e JOIN orderops.cases c ON c.id = e.case_id
    WHERE e.state IN ('intended', 'unknown') AND c.state IN ('done', 'terminated') AND e.intended_at < :settled
    ORDER BY e.key
    """,
)

MONEY = Rule(
    "I2",
    "nothing is refunded twice, and of no charge more than was captured",
    "SELECT count(*) FROM mock.refunds",
    """
    SELECT 'refund ' || reference, 'is in the books ' || count(*) || ' times'
    FROM mock.refunds GROUP BY charge_id, reference HAVING count(*) > 1
    UNION ALL
    SELECT 'charge ' || c.id,
           'captured ' || captured_minor || ', refunded ' || refunded_minor || ', its refunds are '
           || coalesce(sum(r.amount_minor), 0) || ' ' || c.currency || ' (minor units)'
    FROM mock.charges c LEFT JOIN mock.refunds r ON r.charge_id = c.id AND r.state <> 'failed'
    GROUP BY c.id
    HAVING refunded_minor > captured_minor
        OR sum(r.amount_minor) > refunded_minor
    ORDER BY 1
    """,
)

APPROVED = Rule(
    "I2",
    "each refund gives back what was approved",
    "SELECT count(*) FROM mock.refunds WHERE reference LIKE 'orderops-%'",
    """
    SELECT 'refund ' || m.reference,
           'gave back ' || m.amount_minor || ' ' || m.currency || ' (minor units), approved '
           || coalesce(r.amount_minor || ' ' || r.currency, 'nothing')
    FROM mock.refunds m
    LEFT JOIN orderops.refunds r ON r.id = split_part(substr(m.reference, length('orderops-') + 1), ':', 1)
    WHERE m.reference LIKE 'orderops-%' AND m.state <> 'failed'
      AND (m.amount_minor, m.currency) IS DISTINCT FROM (r.amount_minor, r.currency)
    ORDER BY 1
    """,
)

DISPUTES = Rule(
    "I2",
    "no dispute is answered twice",
    "SELECT count(*) FROM mock.disputes",
    """
    SELECT 'dispute ' || id, 'was answered ' || answers || ' times'
    FROM mock.disputes WHERE answers > 1 ORDER BY 1
    """,
)

PARCELS = Rule(
    "I2",
    "no parcel is in the shop twice",
    "SELECT count(*) FROM mock.shop_fulfillments",
    """
    SELECT 'order ' || order_id, 'its parcel ' || tracking_number || ' is in the shop ' || count(*) || ' times'
    FROM mock.shop_fulfillments GROUP BY order_id, tracking_number HAVING count(*) > 1 ORDER BY 1, 2
    """,
)

CASES = Rule(
    "I3",
    "each case is done, waits for somebody or something named, or is an incident",
    "SELECT count(*) FROM orderops.cases",
    """
    WITH open AS (
        SELECT c.id, i.root_key, i.correlation_key
        FROM orderops.cases c
            LEFT JOIN orderops.instances i ON i.case_id = c.id AND i.parent_key IS NULL AND i.state = 'open'
        WHERE c.state NOT IN ('done', 'terminated')
    ), still AS (
        SELECT open.id, open.root_key FROM open
        WHERE NOT EXISTS (SELECT FROM orderops.instances i
                              JOIN orderops.incidents n ON n.process_instance_key = i.key
                          WHERE i.case_id = open.id AND i.root_key = open.root_key AND n.resolved_at IS NULL)
          AND NOT EXISTS (SELECT FROM orderops.instances i JOIN orderops.tasks t ON t.process_instance_key = i.key
                          WHERE i.case_id = open.id AND i.root_key = open.root_key AND t.state = 'open')
          AND NOT EXISTS (SELECT FROM orderops.customer_requests r
                          WHERE r.case_id = open.id AND r.answered_at IS NULL AND r.closed_at IS NULL
                            AND r.expires_at > now())
          AND greatest(
                (SELECT max(greatest(received_at, published_at)) FROM orderops.inbox
                 WHERE correlation_key IN (open.id, open.correlation_key)),
                (SELECT max(happened_at) FROM orderops.timeline WHERE case_id = open.id),
                (SELECT max(greatest(intended_at, settled_at)) FROM orderops.effects WHERE case_id = open.id),
                'epoch') < :settled
    ), standing AS (
        SELECT still.root_key, element_id, min(element_type) AS element_type
        FROM still JOIN orderops.instances i ON i.case_id = still.id AND i.root_key = still.root_key
            JOIN orderops.records r ON r.process_instance_key = i.key
        WHERE element_type NOT IN ('PROCESS', 'SUB_PROCESS', 'EVENT_SUB_PROCESS', 'CALL_ACTIVITY', 'SEQUENCE_FLOW')
        GROUP BY still.root_key, i.key, element_id
        HAVING count(*) FILTER (WHERE intent = 'ELEMENT_ACTIVATED')
             > count(*) FILTER (WHERE intent IN ('ELEMENT_COMPLETED', 'ELEMENT_TERMINATED'))
    )
    SELECT 'order ' || id,
           'stands still at '
           || coalesce((SELECT string_agg(element_id, ', ') FROM standing s WHERE s.root_key = still.root_key),
                       'no element')
    FROM still
    WHERE NOT EXISTS (SELECT FROM standing s
                      WHERE s.root_key = still.root_key AND s.element_type = ANY(:waits)
                        AND (CAST(:may_wait AS text[]) IS NULL OR s.element_id = ANY(CAST(:may_wait AS text[]))))
    ORDER BY id
    """,
)
"""Each of a case's instances, with those that it calls, is looked at by itself."""

RULES = (INSTANCES, ONE_INSTANCE, EFFECTS, LEDGER, MONEY, APPROVED, DISPUTES, PARCELS, SETTLED, CASES)
