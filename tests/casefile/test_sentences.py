"""What the engine tells, as people read it in a case's timeline."""

import base64
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from tests.casefile.one_order import Sent, Stream, at, keys
from workers.casefile.db import Database
from workers.casefile.models import TimelineEntry
from workers.casefile.record_models import Decision, Definition, WaitingJob

DIAGRAM = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="fulfillment">
<startEvent id="Event_OrderPaid" name="Order paid"/><userTask id="Task_CorrectAddress" name="Correct
 the address"/><serviceTask id="Task_GetOrder" name="Get order"/><serviceTask id="Task_Nameless"/>
<boundaryEvent id="Boundary_Deadline" name="Not corrected in 7 days"><timerEventDefinition/></boundaryEvent>
<boundaryEvent id="Boundary_Error" name="Out of stock"><errorEventDefinition/></boundaryEvent>
<endEvent id="Event_OrderSupplied" name="Order supplied"/><endEvent id="Event_Reminded" name="Reminded"/>
</process></definitions>"""
TABLES = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"><decision id="check"><decisionTable>
<rule id="Rule_1"><description>No postcode</description></rule><rule id="Rule_2"><description>No name</description>
</rule><rule id="Rule_3"/></decisionTable></decision></definitions>"""
FORM = {
    "components": [
        {"key": "note", "type": "textfield", "label": "Note"},
        {
            "type": "group",
            "components": [
                {
                    "key": "buy",
                    "type": "radio",
                    "label": "Decision",
                    "values": [{"label": "Buy anyway", "value": True}, {"label": "Do not buy", "value": False}],
                }
            ],
        },
        {"key": "urgent", "type": "checkbox", "label": "Urgent"},
        {"key": "pieces", "type": "number", "label": "Pieces"},
    ]
}


def resource(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def deployed(stream: Stream, key: int, value_type: str, names: tuple[str, str], text: str) -> Sent:
    identifier, version = names
    value = {identifier: "fulfillment", version: 1, "resource": resource(text)}
    return {**stream.record(value_type, "CREATED", value), "key": key}


@pytest.fixture
async def stream(database: Database) -> Stream:
    """An order whose diagram is known."""
    stream = Stream(database)
    names = ("bpmnProcessId", "version")
    await stream.take_in(deployed(stream, stream.definition, "PROCESS", names, DIAGRAM), stream.started())
    return stream


async def entries(stream: Stream) -> list[TimelineEntry]:
    """Those after the start."""
    query = select(TimelineEntry).where(TimelineEntry.case_id == stream.order).order_by(TimelineEntry.happened_at)
    async with stream.database.sessions() as session:
        return list(await session.scalars(query))[1:]


async def sentences(stream: Stream) -> list[str]:
    return [entry.sentence for entry in await entries(stream)]


def job(stream: Stream, key: int, intent: str, retries: int = 5, **value: Any) -> Sent:
    told = {"type": "fulfillment.get_order", "retries": retries, "elementId": "Task_GetOrder", **value}
    return stream.record("JOB", intent, told, key=key)


def decision(stream: Stream, requirements: int, *rules: int, **value: Any) -> Sent:
    fired = [{"ruleId": f"Rule_{n}", "ruleIndex": n, "evaluatedOutputs": []} for n in rules]
    needed = {
        "decisionId": "facts",
        "decisionName": "Facts",
        "decisionType": "LITERAL_EXPRESSION",
        "matchedRules": [],
    }
    own = {"decisionId": "check", "decisionName": "Check", "decisionType": "DECISION_TABLE", "matchedRules": fired}
    made = {
        "decisionId": "check",
        "decisionName": "Address check",
        "decisionVersion": 2,
        "decisionRequirementsKey": requirements,
        "decisionOutput": '["no_name"]',
        "elementId": "Task_CheckAddress",
        "evaluatedDecisions": [needed, own],
        **value,
    }
    return stream.record("DECISION_EVALUATION", "EVALUATED", made)


async def test_an_entry_names_element_instance_actor_and_when_it_happened(stream: Stream) -> None:
    task = next(keys)
    await stream.take_in(stream.task(task, "CREATED"), stream.task(task, "COMPLETED", assignee="ada"))
    entry = (await entries(stream))[-1]
    assert entry.sentence == "Task “Correct the address” was completed by ada"
    assert (entry.element_id, entry.process_instance_key) == ("Task_CorrectAddress", stream.instance)
    assert (entry.actor, entry.source, entry.happened_at) == ("ada", "engine", at(4))
    assert entry.recorded_at > entry.happened_at
    assert entry.key == f"{stream.partition}-4"


async def test_the_start_is_told_by_its_message_and_event(stream: Stream) -> None:
    query = select(TimelineEntry.sentence).where(TimelineEntry.case_id == stream.order)
    async with stream.database.sessions() as session:
        assert list(await session.scalars(query)) == ["Message order_paid received: “Order paid”"]


async def test_a_task_is_told_from_its_creation_to_its_end(stream: Stream) -> None:
    task = next(keys)
    steps = [("CREATED", ""), ("ASSIGNED", "ada"), ("ASSIGNED", ""), ("CANCELED", "")]
    await stream.take_in(*(stream.task(task, intent, assignee=assignee) for intent, assignee in steps))
    assert await sentences(stream) == [
        "Task “Correct the address” waits for support",
        "Task “Correct the address” was taken by ada",
        "Task “Correct the address” was put back",
        "Task “Correct the address” is not needed any more",
    ]


async def test_of_the_answers_choices_and_numbers_are_told_as_the_form_words_them_and_texts_are_not(
    stream: Stream,
) -> None:
    """What somebody wrote may be anybody's data; a choice is a fact."""
    task, form = next(keys), next(keys)
    answers = {"buy": False, "urgent": True, "pieces": 2.0, "note": "for Ada Example", "order": 5, "more": None}
    await stream.take_in(
        deployed(stream, form, "FORM", ("formId", "version"), orjson.dumps(FORM).decode()),
        stream.task(task, "COMPLETED", assignee="ada", formKey=form, variables=answers),
    )
    [entry] = await entries(stream)
    assert entry.sentence == "Task “Correct the address” was completed by ada: Do not buy, Urgent, Pieces 2"
    assert entry.facts["answers"] == {"buy": False, "urgent": True, "pieces": 2}


async def test_an_incident_is_told_with_its_cause_and_its_end(stream: Stream) -> None:
    key = next(keys)
    await stream.take_in(stream.incident(key, "CREATED"), stream.incident(key, "RESOLVED"))
    assert await sentences(stream) == [
        "Incident at “Get order”: No such order.",
        "Incident at “Get order” was resolved",
    ]


async def test_a_message_is_told(stream: Stream) -> None:
    value = {"messageName": "address_corrected", "elementId": "Boundary_Deadline"}
    await stream.take_in(stream.record("PROCESS_MESSAGE_SUBSCRIPTION", "CORRELATED", value))
    assert await sentences(stream) == ["Message address_corrected received"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((1,), "Decision “Address check” chose rule 1: No postcode"),
        ((1, 2), "Decision “Address check” chose rules 1 and 2: No postcode; No name"),
        ((1, 2, 3), "Decision “Address check” chose rules 1, 2 and 3: No postcode; No name"),
        ((), "Decision “Address check”: no rule applied"),
    ],
)
async def test_a_decision_is_told_by_the_rules_that_fired_and_what_is_written_beside_them(
    stream: Stream, rules: tuple[int, ...], expected: str
) -> None:
    key = next(keys)
    names = ("decisionRequirementsId", "decisionRequirementsVersion")
    await stream.take_in(
        deployed(stream, key, "DECISION_REQUIREMENTS", names, TABLES), decision(stream, key, *rules)
    )
    assert await sentences(stream) == [expected]
    async with stream.database.sessions() as session:
        [made] = await session.scalars(select(Decision).where(Decision.process_instance_key == stream.instance))
    assert (made.decision, made.version, made.output) == ("check", 2, ["no_name"])
    fired = [{"index": n, "id": f"Rule_{n}"} for n in rules]
    assert made.tables == [{"decision": "check", "name": "Check", "rules": fired}]


async def test_a_decision_that_was_asked_for_by_itself_is_nobodys_and_holds_up_nothing(stream: Stream) -> None:
    """As `EvaluateDecision` has it: the engine fills in no instance."""
    of_nobody = {"processInstanceKey": -1, "bpmnProcessId": "", "elementId": ""}
    await stream.take_in(decision(stream, next(keys), 1, **of_nobody), job(stream, next(keys), "FAILED"))
    assert await sentences(stream) != []
    async with stream.database.sessions() as session:
        assert (await session.scalars(select(Decision).where(Decision.process_instance_key < 1))).all() == []


async def test_of_events_time_and_the_end_are_told(stream: Stream) -> None:
    """Errors are told by the worker that knows them, and steps on the way by nobody."""
    kinds = {
        "Boundary_Deadline": "BOUNDARY_EVENT",
        "Boundary_Error": "BOUNDARY_EVENT",
        "Task_GetOrder": "SERVICE_TASK",
        "Event_Reminded": "END_EVENT",
        "Event_OrderSupplied": "END_EVENT",
    }
    await stream.take_in(
        *(stream.element(element, "ELEMENT_ACTIVATED", kind) for element, kind in kinds.items()),
        *(stream.element(element, "ELEMENT_COMPLETED", kind) for element, kind in kinds.items()),
        stream.element("Flow_Any", "SEQUENCE_FLOW_TAKEN", "SEQUENCE_FLOW"),
        stream.ended(),
    )
    assert await sentences(stream) == ["“Not corrected in 7 days”", "Ended with “Order supplied”"]


async def test_that_an_operator_ended_it_is_told(stream: Stream) -> None:
    await stream.take_in(stream.ended("ELEMENT_TERMINATED"))
    assert await sentences(stream) == ["Ended by an operator, in the engine"]


class TestJobs:
    async def test_a_failure_is_told_while_attempts_are_left(self, stream: Stream) -> None:
        """The last one is an incident, which says the same."""
        key = next(keys)
        await stream.take_in(
            job(stream, key, "CREATED"),
            job(stream, key, "FAILED", 2, errorMessage="no connection"),
            job(stream, key, "FAILED", 1),
            job(stream, key, "FAILED", 0, errorMessage="no connection"),
        )
        assert await sentences(stream) == [
            "“Get order” failed, 2 attempts left: no connection",
            "“Get order” failed, 1 attempt left",
        ]

    @pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
    async def test_it_is_kept_with_its_retries_until_it_is_finished(self, stream: Stream, at_once: bool) -> None:
        key = next(keys)
        records = [
            job(stream, key, "CREATED"),
            job(stream, key, "FAILED", 4, errorMessage="no connection"),
            job(stream, key, "FAILED", 3),
            job(stream, key, "RETRIES_UPDATED", 5),
        ]
        for batch in [records] if at_once else [[record] for record in records]:
            await stream.take_in(*batch)
        async with stream.database.sessions() as session:
            waiting = await session.get_one(WaitingJob, key)
        assert (waiting.type, waiting.retries, waiting.error) == ("fulfillment.get_order", 5, "no connection")
        assert (waiting.created_at, waiting.failed_at) == (at(3), at(5))

    @pytest.mark.parametrize("end", ["COMPLETED", "CANCELED", "ERROR_THROWN"])
    @pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
    async def test_finished_it_is_gone(self, stream: Stream, end: str, at_once: bool) -> None:
        key = next(keys)
        records = [job(stream, key, "CREATED"), job(stream, key, "FAILED", 4), job(stream, key, end)]
        for batch in [records] if at_once else [[record] for record in records]:
            await stream.take_in(*batch)
        async with stream.database.sessions() as session:
            assert await session.get(WaitingJob, key) is None


class TestDefinitions:
    async def test_the_file_is_kept_as_it_was_deployed(self, stream: Stream) -> None:
        async with stream.database.sessions() as session:
            definition = await session.get_one(Definition, stream.definition)
        assert (definition.kind, definition.id, definition.version) == ("process", "fulfillment", 1)
        assert definition.resource == DIAGRAM

    @pytest.mark.parametrize(
        ("value_type", "names", "text"),
        [
            ("FORM", ("formId", "version"), "[]"),
            ("FORM", ("formId", "version"), "no form"),
            ("PROCESS", ("bpmnProcessId", "version"), "no diagram"),
            ("PROCESS", ("bpmnProcessId", "version"), DIAGRAM.replace("UTF-8", "UTF-16")),
        ],
    )
    async def test_what_cannot_be_read_says_nothing_and_holds_nothing_up(
        self, database: Database, value_type: str, names: tuple[str, str], text: str
    ) -> None:
        stream, task = Stream(database), next(keys)
        answers = {"buy": True}
        await stream.take_in(
            deployed(stream, stream.definition, value_type, names, text),
            stream.started(),
            stream.task(task, "COMPLETED", assignee="ada", formKey=stream.definition, variables=answers),
        )
        assert await sentences(stream) == ["Task “Task_CorrectAddress” was completed by ada"]

    async def test_every_partition_tells_of_it_and_it_is_kept_once(self, stream: Stream) -> None:
        other = Stream(stream.database)
        again = deployed(other, stream.definition, "PROCESS", ("bpmnProcessId", "version"), DIAGRAM)
        await other.take_in(again)
        async with stream.database.sessions() as session:
            assert (await session.get_one(Definition, stream.definition)).deployed_at == at(1)

    async def test_what_was_never_told_of_is_called_by_its_id(self, database: Database) -> None:
        stream, key = Stream(database), next(keys)
        await stream.take_in(stream.started(), stream.incident(key, "CREATED"), decision(stream, next(keys), 1))
        assert await sentences(stream) == [
            "Incident at “Task_GetOrder”: No such order.",
            "Decision “Address check” chose rule 1",
        ]
