"""The invariants, each held against books in which exactly one thing is wrong."""

import uuid
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, text

from workers.adapters.mock_world import MockWorld
from workers.casefile import migrate
from workers.casefile.db import Database
from workers.casefile.sealing import Seals
from workers.contracts.fulfillment import MESSAGES, OUTCOMES, Errors
from workers.runtime.invariants import check
from workers.runtime.jobs import Process

PROCESS = Process(id="fulfillment", jobs=(), messages=MESSAGES, errors=Errors, outcomes=OUTCOMES)
SUPPLIED = """
INSERT INTO orderops.inbox (source, process, message_name, correlation_key, time_to_live_ms, variables, dedupe_key,
                            body_sha256, trace_id, received_at, published_at)
VALUES ('shopify', 'fulfillment', 'order_paid', '1', 1, '{}', 'order_paid:1', '', '', :then, :then);
INSERT INTO orderops.cases (id, process, process_instance_key, state) VALUES ('1', 'fulfillment', 11, 'done');
INSERT INTO orderops.instances (key, root_key, case_id, correlation_key, process, definition_key, state,
                                started_at)
VALUES (11, 11, '1', '1', 'fulfillment', 1, 'done', :then);
INSERT INTO orderops.records
    (partition, position, key, value_type, process, process_instance_key, element_id, element_type, intent,
     happened_at)
SELECT 1, position, position, 'PROCESS_INSTANCE', 'fulfillment', 11, element_id, element_type, intent, :then
FROM (VALUES (1, 'Event_OrderPaid', 'START_EVENT', 'ELEMENT_ACTIVATED'),
             (2, 'Event_OrderPaid', 'START_EVENT', 'ELEMENT_COMPLETED'),
             (3, 'Task_CheckStock', 'SERVICE_TASK', 'ELEMENT_ACTIVATED'))
     AS told (position, element_id, element_type, intent);
INSERT INTO orderops.effects (key, kind, case_id, state, request, result, intended_at) VALUES
    ('supplier_order:1', 'supplier_order', '1', 'done', '{"supplier": "cj", "cost": 700, "currency": "EUR"}',
     '{"id": "CJ-1", "supplier": "cj", "reference": "orderops-1", "cost": {"minor": 700, "currency": "EUR"}}',
     :then),
    ('cogs:1', 'posting', '1', 'done', '{"account": "COGS", "minor": 700, "currency": "EUR"}', '{}', :then),
    ('refund:1-lost', 'refund', '1', 'done', '{"charge_id": "ch_1", "amount": 400, "currency": "EUR"}', '{}',
     :then),
    ('placed:1', 'event', '1', 'done', '{"name": "placed", "payload": {"cost": 700}}', '{}', :then);
INSERT INTO mock.supplier_orders (supplier, reference, cost_minor, currency, lines, address)
VALUES ('cj', 'orderops-1', 700, 'EUR', '[]', '{}');
INSERT INTO mock.ledger_postings (key, account, amount_minor, currency, order_id, memo)
VALUES ('cogs:1', 'COGS', 700, 'EUR', '1', '');
INSERT INTO mock.charges (id, provider, order_id, captured_minor, refunded_minor, currency)
VALUES ('ch_1', 'stripe', '1', 1000, 400, 'EUR');
INSERT INTO mock.refunds (id, charge_id, order_id, reference, amount_minor, currency, reason, state)
VALUES ('re_1', 'ch_1', '1', 'orderops-1-lost', 400, 'EUR', 'lost', 'succeeded');
INSERT INTO orderops.refunds (id, case_id, charge_id, currency, requested_minor, amount_minor, reason,
                              requested_by, state)
VALUES ('1-lost', '1', 'ch_1', 'EUR', 500, 400, 'lost', 'process:tracking', 'settled');
INSERT INTO mock.disputes (id, provider, charge_id, order_id, amount_minor, currency, reason, state,
                           evidence_due_by, answers)
VALUES ('dp_1', 'stripe', 'ch_1', '1', 600, 'EUR', 'fraudulent', 'under_review', :then, 1);
INSERT INTO mock.shop_fulfillments (key, order_id, carrier, tracking_number) VALUES ('1/JD1', '1', 'dhl', 'JD1');
INSERT INTO mock.events (key, name, payload) VALUES ('placed:1', 'placed', '{"cost": 700}');
"""
OPEN = "UPDATE orderops.cases SET state = 'open';\nUPDATE orderops.instances SET state = 'open'"

ANOTHER = """
INSERT INTO orderops.instances (key, root_key, case_id, correlation_key, process, definition_key, state,
                                started_at)
VALUES (12, 12, '1', '1', 'fulfillment', 1, 'done', :then)
"""


@dataclass
class Instance:
    """One order that was supplied an hour ago, and what a test does to it."""

    database: Database

    async def run(self, sql: str) -> None:
        async with self.database.transaction() as session:
            for statement in filter(str.strip, sql.split(";\n")):
                await session.execute(text(statement.replace(":then", "now() - interval '1 hour'")))

    async def violations(
        self, grace: float = 30, may_wait: Collection[str] | None = None
    ) -> list[tuple[str, str]]:
        checks = await check(self.database, [PROCESS], timedelta(seconds=grace), may_wait)
        return [(one.invariant, violation) for one in checks for violation in one.violations]


@pytest.fixture(scope="module")
async def url(database_url: str) -> AsyncIterator[str]:
    """A database of its own in the session's PostgreSQL: other tests leave half-done orders behind."""
    name = f"invariants_{uuid.uuid4().hex}"
    server = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    own = urlsplit(database_url)._replace(path=f"/{name}").geturl()
    migrate.upgrade(own)
    async with MockWorld(own):
        yield own
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
async def instance(url: str) -> AsyncIterator[Instance]:
    database = Database(url, 2)
    instance = Instance(database)
    tables = "inbox, cases, instances, records, effects, incidents, tasks, customer_requests, timeline, refunds"
    books = "supplier_orders, ledger_postings, events, mails, charges, refunds, disputes, shop_fulfillments"
    every = [f"orderops.{name}" for name in f"{tables}, audit, audit_heads".split(", ")]
    every += [f"mock.{name}" for name in books.split(", ")]
    past_triggers = "SET LOCAL session_replication_role = replica"
    await instance.run(f"{past_triggers};\nTRUNCATE {', '.join(every)}")
    await instance.run("UPDATE orderops.audit_progress SET sealed_up_to = 0, entries = 0")
    await instance.run(SUPPLIED)
    yield instance
    await database.close()


async def test_a_supplied_order_violates_nothing(instance: Instance) -> None:
    checks = await check(instance.database, [PROCESS], timedelta())
    assert [one.violations for one in checks] == [[]] * len(checks)
    assert [one.checked for one in checks] == [1, 1, 4, 1, 1, 1, 1, 1, 4, 1, 0]


@pytest.mark.parametrize(
    ("broken", "invariant", "violation"),
    [
        (
            "DELETE FROM orderops.instances",
            "I1",
            "order_paid 1: it was published, and there is no instance",
        ),
        (
            "DELETE FROM orderops.instances;\nUPDATE orderops.inbox SET published_at = NULL",
            "I1",
            "order_paid 1: its message waits in the inbox",
        ),
        (
            "DELETE FROM orderops.instances;\nUPDATE orderops.inbox SET published_at = NULL, refused_at = now()",
            "I1",
            "order_paid 1: the engine refused its message",
        ),
        (
            f"{ANOTHER};\nINSERT INTO orderops.records (partition, position, key, value_type, process, "
            "process_instance_key, element_id, element_type, intent, happened_at) "
            "SELECT 1, 9, 9, value_type, process, 12, element_id, element_type, intent, :then "
            "FROM orderops.records WHERE position = 1",
            "I1",
            "instance 12: nothing that was accepted started it: 1 has another one",
        ),
        (
            "UPDATE mock.charges SET refunded_minor = 800;\nINSERT INTO mock.refunds SELECT 're_2', number + 1, "
            "charge_id, order_id, reference, amount_minor, currency, reason, state FROM mock.refunds",
            "I2",
            "refund orderops-1-lost: is in the books 2 times",
        ),
        (
            "UPDATE mock.charges SET refunded_minor = 1001;\nUPDATE mock.refunds SET amount_minor = 1001",
            "I2",
            "charge ch_1: captured 1000, refunded 1001, its refunds are 1001 EUR (minor units)",
        ),
        (
            "UPDATE mock.refunds SET amount_minor = 401",
            "I2",
            "charge ch_1: captured 1000, refunded 400, its refunds are 401 EUR (minor units)",
        ),
        (
            "UPDATE orderops.refunds SET amount_minor = 399",
            "I2",
            "refund orderops-1-lost: gave back 400 EUR (minor units), approved 399 EUR",
        ),
        (
            "DELETE FROM orderops.refunds",
            "I2",
            "refund orderops-1-lost: gave back 400 EUR (minor units), approved nothing",
        ),
        (
            "UPDATE mock.supplier_orders SET cost_minor = 701;\n"
            "UPDATE mock.ledger_postings SET amount_minor = 701;\n"
            "UPDATE orderops.effects SET request = jsonb_set(request, '{minor}', '701') WHERE kind = 'posting'",
            "I2",
            "supplier_order:1: is in the books otherwise than in the journal",
        ),
        ("UPDATE mock.disputes SET answers = 2", "I2", "dispute dp_1: was answered 2 times"),
        (
            "INSERT INTO mock.shop_fulfillments (key, order_id, carrier, tracking_number) "
            "VALUES ('1/JD1#2', '1', 'dhl', 'JD1')",
            "I2",
            "order 1: its parcel JD1 is in the shop 2 times",
        ),
        (
            "DELETE FROM mock.events",
            "I2",
            "placed:1: is done in the journal, but not in the books",
        ),
        (
            "DELETE FROM orderops.effects WHERE kind = 'event'",
            "I2",
            "placed:1: is in the books, and the journal has never heard of it",
        ),
        (
            """UPDATE mock.events SET payload = '{"cost": 701}'""",
            "I2",
            "placed:1: is in the books otherwise than in the journal",
        ),
        (
            "UPDATE orderops.effects SET state = 'not_executed' WHERE kind = 'event'",
            "I2",
            "placed:1: is in the books, but not_executed in the journal",
        ),
        (
            "UPDATE orderops.effects SET state = 'unknown', result = NULL WHERE kind = 'event'",
            "I2",
            "placed:1: is in the books, but only unknown in the journal",
        ),
        (
            "INSERT INTO mock.supplier_orders (supplier, reference, cost_minor, currency, lines, address) "
            "VALUES ('local', 'orderops-1', 900, 'EUR', '[]', '{}')",
            "I2",
            "supplier_order:1: is in the books 2 times",
        ),
        (
            "UPDATE mock.ledger_postings SET amount_minor = 699",
            "I2",
            "order 1: bought for 700 EUR (minor units), booked 699 EUR",
        ),
        (
            "DELETE FROM mock.ledger_postings",
            "I2",
            "order 1: bought for 700 EUR (minor units), booked nothing",
        ),
        (
            "INSERT INTO orderops.effects (key, kind, case_id, state, request, intended_at) "
            "VALUES ('return:1', 'marked_for_return', '1', 'unknown', '{}', :then)",
            "I2",
            "return:1: is unknown, and its case has ended",
        ),
        (
            OPEN,
            "I3",
            "order 1: stands still at Task_CheckStock",
        ),
    ],
)
async def test_what_is_wrong_is_named(instance: Instance, broken: str, invariant: str, violation: str) -> None:
    await instance.run(broken)
    assert (invariant, violation) in await instance.violations()


async def test_what_is_young_is_under_way_and_not_judged(instance: Instance) -> None:
    await instance.run(
        OPEN + ";\nDELETE FROM mock.ledger_postings;\nDELETE FROM orderops.effects WHERE kind = 'posting'"
    )
    await instance.run("UPDATE orderops.effects SET intended_at = now()")
    assert await instance.violations(grace=30) == []
    assert [violation for _, violation in await instance.violations(grace=0)] == [
        "order 1: stands still at Task_CheckStock"
    ]


@pytest.mark.parametrize(
    "reason",
    [
        "INSERT INTO orderops.incidents (key, process, process_instance_key, element_id, error_type, message, "
        "created_at) VALUES (5, 'fulfillment', 11, 'Task_CheckStock', 'JOB_NO_RETRIES', '', :then)",
        "INSERT INTO orderops.tasks (key, process, process_instance_key, element_id, state, candidate_groups, "
        "priority, created_at) VALUES (5, 'fulfillment', 11, 'Task_DecideOnMargin', 'open', '{lead}', 50, :then)",
        "INSERT INTO orderops.customer_requests (id, case_id, kind, facts, expires_at) "
        "VALUES ('1-choice', '1', 'refund_or_wait', '{}', now() + interval '1 day')",
        "UPDATE orderops.records SET element_id = 'Event_NextStockCheck', "
        "element_type = 'INTERMEDIATE_CATCH_EVENT' WHERE position = 3",
    ],
    ids=["incident", "agent", "customer", "date"],
)
async def test_a_case_may_wait_for_somebody_or_a_date_or_be_an_incident(instance: Instance, reason: str) -> None:
    await instance.run(OPEN)
    assert await instance.violations() != []
    await instance.run(reason)
    assert await instance.violations() == []


async def test_where_a_case_may_wait_for_a_date_can_be_named(instance: Instance) -> None:
    await instance.run(OPEN)
    await instance.run(
        "UPDATE orderops.records SET element_id = 'Event_NextStockCheck', "
        "element_type = 'INTERMEDIATE_CATCH_EVENT' WHERE position = 3"
    )
    assert await instance.violations(may_wait={"Event_NextStockCheck"}) == []
    for others in (frozenset[str](), {"Task_AwaitProvider"}):
        assert await instance.violations(may_wait=others) == [
            ("I3", "order 1: stands still at Event_NextStockCheck")
        ]


async def test_an_order_cancelled_after_its_end_may_have_a_second_instance(instance: Instance) -> None:
    """The cancellation starts one by an event of its own."""
    await instance.run(ANOTHER)
    assert await instance.violations() == []


ENTRY = """
INSERT INTO orderops.timeline (case_id, key, kind, sentence, facts, recorded_at)
VALUES ('1', 'bought', 'bought', 'Bought for 7.00 EUR', '{}', :then)
"""


async def test_history_that_was_changed_is_named(instance: Instance) -> None:
    await instance.run(ENTRY)
    await Seals(instance.database).seal()
    assert await instance.violations() == []
    past_triggers = "SET LOCAL session_replication_role = replica"
    await instance.run(f"{past_triggers};\nUPDATE orderops.timeline SET sentence = 'Bought for 6.00 EUR'")
    says = "case 1, entry 1: changed: its timeline entry does not say what was sealed"
    assert await instance.violations() == [("I4", says)]


async def test_history_that_nobody_seals_is_named(instance: Instance) -> None:
    await instance.run(ENTRY)
    assert await instance.violations() == [
        ("I4", "case 1: its timeline waits for the sealer, as 1 entries in all do")
    ]
    assert await instance.violations(grace=7_200) == []
