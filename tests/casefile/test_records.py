"""The record stream taken in: every record counts once, in its partition's order."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import orjson
import psycopg
import pytest
from sqlalchemy import make_url, select

from tests.casefile.one_order import Stream, at, keys
from workers.casefile.db import Database
from workers.casefile.models import Case, Incident, Task
from workers.casefile.projection.reduced import KEPT
from workers.casefile.record_models import Record
from workers.casefile.records import MOST_NOTIFIED
from workers.runtime.native.camunda import WANTED_RECORDS


@pytest.fixture
def stream(database: Database) -> Stream:
    return Stream(database)


class TestOnce:
    async def test_a_batch_sent_again_changes_nothing(self, stream: Stream) -> None:
        """The broker sends until it is answered, and our answer may have been lost."""
        batch = [stream.started(), stream.element("Task_GetOrder", "ELEMENT_ACTIVATED")]
        for _ in range(3):
            await stream.take_in(*batch)
        assert await stream.way() == ["Task_GetOrder"]
        assert await stream.reached() == 2

    async def test_a_batch_that_overlaps_the_last_one_adds_what_is_new(self, stream: Stream) -> None:
        records = [stream.element(f"Task_{n}", "ELEMENT_ACTIVATED") for n in range(4)]
        await stream.take_in(*records[:3])
        await stream.take_in(*records[1:])
        assert await stream.way() == ["Task_0", "Task_1", "Task_2", "Task_3"]

    async def test_the_same_batch_from_two_senders_at_once_counts_once(self, stream: Stream) -> None:
        key = next(keys)
        batch = [
            stream.started(),
            stream.element("Task_CorrectAddress", "ELEMENT_ACTIVATED", "USER_TASK"),
            stream.task(key, "CREATED"),
            stream.task(key, "COMPLETED"),
        ]
        await asyncio.gather(*(stream.take_in(*batch) for _ in range(5)))
        assert await stream.way() == ["Task_CorrectAddress"]
        assert (await stream.one_task(key)).state == "completed"

    async def test_a_sender_that_lags_behind_does_not_turn_the_position_back(self, stream: Stream) -> None:
        records = [stream.element(f"Task_{n}", "ELEMENT_ACTIVATED") for n in range(8)]
        await stream.take_in(records[0])
        await asyncio.gather(*(stream.take_in(*records[:length]) for length in (8, 7, 6, 5, 4, 3, 2)))
        assert await stream.reached() == 8
        assert await stream.way() == [f"Task_{n}" for n in range(8)]

    async def test_a_record_twice_in_one_batch_counts_once(self, stream: Stream) -> None:
        record = stream.element("Task_GetOrder", "ELEMENT_ACTIVATED")
        await stream.take_in(record, record)
        assert await stream.way() == ["Task_GetOrder"]

    async def test_within_a_batch_the_position_decides_not_the_place(self, stream: Stream) -> None:
        key = next(keys)
        batch = [
            stream.started(),
            stream.element("Task_GetOrder", "ELEMENT_ACTIVATED"),
            stream.task(key, "CREATED"),
            stream.task(key, "ASSIGNED", assignee="lee"),
            stream.task(key, "ASSIGNED", assignee="kim"),
            stream.element("Event_OrderSupplied", "ELEMENT_COMPLETED", "END_EVENT"),
            stream.ended(),
        ]
        random.Random(7).shuffle(batch)
        await stream.take_in(*batch)
        assert (await stream.one_task(key)).assignee == "kim"
        assert (await stream.case()).outcome == "supplied"
        assert await stream.reached() == 7

    async def test_what_lies_before_the_position_reached_is_passed_over(self, stream: Stream) -> None:
        early, late = (stream.element(f"Task_{n}", "ELEMENT_ACTIVATED") for n in range(2))
        await stream.take_in(late)
        await stream.take_in(early)
        assert await stream.way() == ["Task_1"]
        assert await stream.reached() == 2

    async def test_every_partition_has_its_own_position(self, stream: Stream, database: Database) -> None:
        other = Stream(database)
        ahead = [stream.element("Task_A", "ELEMENT_ACTIVATED") for _ in range(3)]
        behind = other.element("Task_B", "ELEMENT_ACTIVATED")
        await stream.take_in(*ahead, behind)
        assert (await stream.reached(), await other.reached()) == (3, 1)
        assert await other.way() == ["Task_B"]

    async def test_no_records_are_no_work(self, stream: Stream) -> None:
        await stream.take_in()


class TestWhatCounts:
    @pytest.mark.parametrize("kind", ["COMMAND", "COMMAND_REJECTION"])
    async def test_what_was_only_asked_or_refused_is_ignored_but_reached(self, stream: Stream, kind: str) -> None:
        key = next(keys)
        asked = [stream.task(key, "CREATED"), stream.started(), stream.element("Task_A", "ELEMENT_ACTIVATED")]
        await stream.take_in(*({**record, "recordType": kind} for record in asked))
        assert await stream.way() == []
        assert await stream.reached() == 3
        async with stream.database.sessions() as session:
            assert await session.get(Task, key) is None
            assert await session.get(Case, stream.order) is None

    async def test_of_the_way_only_entering_leaving_and_flows_are_kept(self, stream: Stream) -> None:
        intents = ["ELEMENT_ACTIVATING", "ELEMENT_ACTIVATED", "ELEMENT_COMPLETING", "ELEMENT_COMPLETED"]
        intents += ["SEQUENCE_FLOW_TAKEN", "ELEMENT_TERMINATING", "ELEMENT_TERMINATED"]
        await stream.take_in(*(stream.element(f"Element_{intent}", intent) for intent in intents))
        kept = ["ELEMENT_ACTIVATED", "ELEMENT_COMPLETED", "SEQUENCE_FLOW_TAKEN", "ELEMENT_TERMINATED"]
        assert await stream.way() == [f"Element_{intent}" for intent in kept]

    async def test_records_of_other_kinds_are_passed_over(self, stream: Stream) -> None:
        await stream.take_in(stream.record("VARIABLE", "CREATED", {"name": "cost", "value": "1"}))
        assert await stream.reached() == 1

    async def test_a_batch_may_be_larger_than_one_statement_holds(self, stream: Stream) -> None:
        await stream.take_in(*(stream.element("Task_A", "ELEMENT_ACTIVATED") for _ in range(9_000)))
        assert len(await stream.way()) == 9_000


class TestCases:
    async def test_the_start_message_opens_the_case_of_its_order(self, stream: Stream) -> None:
        await stream.take_in(stream.started())
        case = await stream.case()
        assert (case.process, case.process_instance_key, case.state) == ("fulfillment", stream.instance, "open")
        assert (case.opened_at, case.closed_at, case.outcome) == (at(1), None, None)

    async def test_a_case_that_a_worker_described_before_gets_its_instance(self, stream: Stream) -> None:
        """Workers and records do not wait for each other."""
        async with stream.database.transaction() as session:
            session.add(Case(id=stream.order, process="fulfillment", total_minor=4_995, state="open"))
        await stream.take_in(stream.started())
        case = await stream.case()
        assert (case.process_instance_key, case.total_minor) == (stream.instance, 4_995)

    async def test_a_subscription_that_was_only_made_opens_nothing(self, stream: Stream) -> None:
        await stream.take_in({**stream.started(), "intent": "CREATED"})
        async with stream.database.sessions() as session:
            assert await session.get(Case, stream.order) is None

    @pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
    async def test_the_end_event_says_how_it_ended_and_the_process_when(
        self, stream: Stream, at_once: bool
    ) -> None:
        records = [
            stream.started(),
            stream.element("Event_OrderSupplied", "ELEMENT_ACTIVATED", "END_EVENT"),
            stream.element("Event_OrderSupplied", "ELEMENT_COMPLETED", "END_EVENT"),
            stream.ended(),
        ]
        for batch in [records] if at_once else [[record] for record in records]:
            await stream.take_in(*batch)
        case = await stream.case()
        assert (case.state, case.outcome, case.closed_at) == ("done", "supplied", at(4))

    async def test_an_end_event_that_decides_nothing_leaves_the_case_open(self, stream: Stream) -> None:
        reminded = stream.element("Event_CustomerReminded", "ELEMENT_COMPLETED", "END_EVENT")
        await stream.take_in(stream.started(), reminded)
        case = await stream.case()
        assert (case.state, case.outcome) == ("open", None)

    async def test_the_same_event_of_another_process_decides_nothing(self, stream: Stream) -> None:
        foreign = stream.element("Event_OrderSupplied", "ELEMENT_COMPLETED", "END_EVENT")
        foreign["value"]["bpmnProcessId"] = "refund"
        await stream.take_in(stream.started(), foreign)
        assert (await stream.case()).outcome is None

    async def test_an_instance_that_an_operator_ended_is_told_from_one_that_is_done(self, stream: Stream) -> None:
        await stream.take_in(stream.started(), stream.ended("ELEMENT_TERMINATED"))
        case = await stream.case()
        assert (case.state, case.outcome, case.closed_at) == ("terminated", None, at(2))

    @pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
    async def test_started_again_after_its_end_the_case_is_open_again(self, stream: Stream, at_once: bool) -> None:
        """Its tasks and incidents must not hide behind how it ended the first time."""
        first = [
            stream.started(),
            stream.element("Event_OrderStopped", "ELEMENT_COMPLETED", "END_EVENT"),
            stream.ended(),
        ]
        stream.instance = next(keys)
        records = [*first, stream.started()]
        for batch in [records] if at_once else [[record] for record in records]:
            await stream.take_in(*batch)
        case = await stream.case()
        assert (case.process_instance_key, case.state) == (stream.instance, "open")
        assert (case.outcome, case.closed_at) == (None, None)


class TestTasks:
    @pytest.fixture
    def key(self) -> int:
        return next(keys)

    async def test_a_new_task_is_open_for_its_groups(self, stream: Stream, key: int) -> None:
        await stream.take_in(stream.task(key, "CREATING"), stream.task(key, "CREATED"))
        task = await stream.one_task(key)
        assert (task.state, task.assignee, task.candidate_groups) == ("open", None, ["support"])
        assert (task.element_id, task.priority) == ("Task_CorrectAddress", 60)
        assert (task.process_instance_key, task.created_at, task.finished_at) == (stream.instance, at(2), None)

    async def test_it_keeps_to_the_form_that_it_was_made_with(self, stream: Stream, key: int) -> None:
        without = next(keys)
        await stream.take_in(stream.task(key, "CREATED", formKey=71), stream.task(without, "CREATED", formKey=-1))
        await stream.take_in(stream.task(key, "ASSIGNED", formKey=72))
        assert (await stream.one_task(key)).form_key == 71
        assert (await stream.one_task(without)).form_key is None

    async def test_it_is_claimed_passed_on_and_given_back(self, stream: Stream, key: int) -> None:
        await stream.take_in(stream.task(key, "CREATED"))
        for assignee, expected in [("lee", "lee"), ("kim", "kim"), ("", None)]:
            await stream.take_in(stream.task(key, "ASSIGNED", assignee=assignee))
            assert (await stream.one_task(key)).assignee == expected

    async def test_completed_it_keeps_who_answered_and_when(self, stream: Stream, key: int) -> None:
        await stream.take_in(stream.task(key, "CREATED"), stream.task(key, "COMPLETED", assignee="lee"))
        task = await stream.one_task(key)
        assert (task.state, task.assignee, task.finished_at) == ("completed", "lee", at(2))

    async def test_canceled_it_is_no_longer_open_and_nobody_answered(self, stream: Stream, key: int) -> None:
        await stream.take_in(stream.task(key, "CREATED", assignee="lee"), stream.task(key, "CANCELED"))
        task = await stream.one_task(key)
        assert (task.state, task.finished_at) == ("canceled", at(2))

    async def test_what_is_only_under_way_changes_nothing(self, stream: Stream, key: int) -> None:
        under_way = ["ASSIGNING", "COMPLETING", "CANCELING"]
        await stream.take_in(
            stream.task(key, "CREATED"), *(stream.task(key, intent, assignee="lee") for intent in under_way)
        )
        task = await stream.one_task(key)
        assert (task.state, task.assignee) == ("open", None)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-03-06T12:00:00Z", datetime(2026, 3, 6, 12, tzinfo=UTC)),
            ("2026-03-06T12:00:00Z[GMT]", datetime(2026, 3, 6, 12, tzinfo=UTC)),
            ("2026-03-06T12:00:00.5Z[GMT]", datetime(2026, 3, 6, 12, 0, 0, 500_000, tzinfo=UTC)),
            ("2026-03-06T12:00:00.123456789Z[GMT]", datetime(2026, 3, 6, 12, 0, 0, 123_456, tzinfo=UTC)),
            ("2026-03-06T13:00:00+01:00[Europe/Berlin]", datetime(2026, 3, 6, 12, tzinfo=UTC)),
            ("2026-03-06T13:00+01:00", datetime(2026, 3, 6, 12, tzinfo=UTC)),
            ("2026-03-06T12:00:00", datetime(2026, 3, 6, 12, tzinfo=UTC)),
            ("", None),
            ("tomorrow", None),
        ],
    )
    async def test_a_due_date_is_read_however_the_engine_writes_it(
        self, stream: Stream, key: int, text: str, expected: datetime | None
    ) -> None:
        await stream.take_in(stream.task(key, "CREATED", dueDate=text))
        assert (await stream.one_task(key)).due_at == expected


class TestIncidents:
    async def open_incidents(self, stream: Stream) -> Sequence[Incident]:
        query = select(Incident).where(
            Incident.process_instance_key == stream.instance, Incident.resolved_at.is_(None)
        )
        async with stream.database.sessions() as session:
            return (await session.scalars(query)).all()

    async def test_it_shows_on_its_case_until_it_is_resolved(self, stream: Stream) -> None:
        key = next(keys)
        await stream.take_in(stream.started(), stream.incident(key, "CREATED"))
        assert (await stream.case()).state == "incident"
        [incident] = await self.open_incidents(stream)
        assert (incident.key, incident.element_id, incident.message) == (key, "Task_GetOrder", "No such order.")
        await stream.take_in(stream.incident(key, "RESOLVED"))
        assert (await stream.case()).state == "open"
        assert await self.open_incidents(stream) == []

    @pytest.mark.parametrize(("job_key", "expected"), [(815, 815), (-1, None)], ids=["a job", "a mapping"])
    async def test_it_knows_the_job_that_needs_retries(
        self, stream: Stream, job_key: int, expected: int | None
    ) -> None:
        await stream.take_in(stream.incident(next(keys), "CREATED", jobKey=job_key))
        [incident] = await self.open_incidents(stream)
        assert incident.job_key == expected

    async def test_of_two_the_case_shows_the_last_to_be_resolved(self, stream: Stream) -> None:
        first, second = next(keys), next(keys)
        await stream.take_in(
            stream.started(), stream.incident(first, "CREATED"), stream.incident(second, "CREATED")
        )
        await stream.take_in(stream.incident(first, "RESOLVED"))
        assert (await stream.case()).state == "incident"
        await stream.take_in(stream.incident(second, "RESOLVED"))
        assert (await stream.case()).state == "open"

    async def test_ended_by_an_operator_the_case_is_terminated_and_its_incident_gone(self, stream: Stream) -> None:
        key = next(keys)
        await stream.take_in(stream.started(), stream.incident(key, "CREATED"))
        await stream.take_in(stream.incident(key, "RESOLVED"), stream.ended("ELEMENT_TERMINATED"))
        assert (await stream.case()).state == "terminated"
        assert await self.open_incidents(stream) == []

    async def test_resolved_after_the_end_it_does_not_open_the_case_again(self, stream: Stream) -> None:
        key = next(keys)
        await stream.take_in(stream.started(), stream.incident(key, "CREATED"), stream.ended())
        await stream.take_in(stream.incident(key, "RESOLVED"))
        assert (await stream.case()).state == "done"

    async def test_it_shows_on_no_other_case(self, stream: Stream, database: Database) -> None:
        other = Stream(database)
        await stream.take_in(stream.started(), other.started(), other.incident(next(keys), "CREATED"))
        assert ((await stream.case()).state, (await other.case()).state) == ("open", "incident")


class TestTextOfOthers:
    """A record that cannot be stored would be sent for ever, and hold up all that come after it."""

    async def test_a_nul_in_a_task_does_not_stop_the_stream(self, stream: Stream) -> None:
        key = next(keys)
        await stream.take_in(
            stream.task(key, "CREATED", assignee="l\0ee", candidateGroupsList=["sup\0port", "\0"])
        )
        task = await stream.one_task(key)
        assert (task.assignee, task.candidate_groups) == ("lee", ["support", ""])

    @pytest.mark.parametrize("levels", [99, 250, 300, 990])
    async def test_answers_that_are_nested_deeply_do_not_stop_the_stream(
        self, stream: Stream, levels: int
    ) -> None:
        """The engine takes a thousand levels from whoever completes a task there."""
        key = next(keys)
        answer = orjson.loads("[" * levels + "]" * levels)
        variables = {"deep": answer, "object": {"deep": answer}, "number": 2**63, "note": "kept"}
        completed = stream.task(key, "COMPLETED", variables=variables)
        await stream.take_in(stream.started(), stream.task(key, "CREATED"), completed, stream.ended())
        assert ((await stream.one_task(key)).state, (await stream.case()).state) == ("completed", "done")
        async with stream.database.sessions() as session:
            kept = (await session.get_one(Record, (stream.partition, completed["position"]))).facts or {}
        assert (kept["variables"]["note"], kept["variables"]["number"]) == ("kept", 2**63)
        assert (kept["variables"]["deep"] == answer) is (levels < 250)

    async def test_a_decision_that_is_nested_deeply_does_not_stop_the_stream(self, stream: Stream) -> None:
        decided = {
            "decisionId": "gate", "decisionName": "Gate", "decisionVersion": 1, "decisionRequirementsKey": 1,
            "elementId": "Task_Gate", "evaluatedDecisions": [], "decisionOutput": "[" * 500 + "]" * 500,
        }  # fmt: skip
        await stream.take_in(stream.started(), stream.record("DECISION_EVALUATION", "EVALUATED", decided))
        await stream.take_in(stream.ended())
        assert (await stream.case()).state == "done"

    async def test_a_nul_in_an_incident_does_not_stop_the_stream(self, stream: Stream) -> None:
        await stream.take_in(stream.started(), stream.incident(next(keys), "CREATED", errorMessage="a\0b"))
        assert (await stream.case()).state == "incident"

    async def test_quotes_and_semicolons_are_only_text(self, stream: Stream) -> None:
        key, text = next(keys), "'; DROP TABLE orderops.tasks; --"
        await stream.take_in(stream.task(key, "CREATED", assignee=text, candidateGroupsList=[text, 'ä"{,}']))
        task = await stream.one_task(key)
        assert (task.assignee, task.candidate_groups) == (text, [text, 'ä"{,}'])


class TestNotified:
    @pytest.fixture
    async def listener(self, database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
        dsn = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as listener:
            await listener.execute("LISTEN cases")
            yield listener

    async def heard(self, listener: psycopg.AsyncConnection, number: int = 1) -> list[str]:
        return [one.payload async for one in listener.notifies(timeout=2, stop_after=number)]

    async def test_who_listens_hears_which_cases_changed(
        self, stream: Stream, database: Database, listener: psycopg.AsyncConnection
    ) -> None:
        other = Stream(database, partition=stream.partition, positions=stream.positions)
        await stream.take_in(stream.started(), other.started())
        [payload] = await self.heard(listener)
        assert sorted(payload.split(",")) == sorted([stream.order, other.order])
        await stream.take_in(stream.element("Task_GetOrder", "ELEMENT_ACTIVATED"))
        assert await self.heard(listener) == [stream.order]

    async def test_what_is_sent_again_is_not_news(self, stream: Stream, listener: psycopg.AsyncConnection) -> None:
        batch = [stream.started()]
        for _ in range(2):
            await stream.take_in(*batch)
        assert await self.heard(listener, 2) == [stream.order]

    async def test_more_cases_than_one_notification_holds_are_several(
        self, stream: Stream, listener: psycopg.AsyncConnection
    ) -> None:
        started = []
        for _ in range(100):
            stream.order, stream.instance = f"{next(keys)}-{'x' * 150}", next(keys)
            started.append(stream.started())
        await stream.take_in(*started)
        payloads = await self.heard(listener, 3)
        assert len(payloads) == 3
        assert all(len(payload) <= MOST_NOTIFIED for payload in payloads)
        told = {case for payload in payloads for case in payload.split(",")}
        assert told == {record["value"]["correlationKey"] for record in started}


def test_the_engine_is_asked_for_what_is_kept_and_nothing_more() -> None:
    names = {re.sub("([A-Z])", r"_\1", name).upper() for name in WANTED_RECORDS}
    assert names == set(KEPT)
