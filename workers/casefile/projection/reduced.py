"""What we keep of a record that the engine sent."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

Sent = Mapping[str, Any]
"""A record as the broker's exporter sends it."""
Value = Mapping[str, Any]

CALLED = "ELEMENT_ACTIVATING"
"""The first that is told of an instance that another one called."""
ORDER = "shopify_order_id"
"""The one variable that is kept of start messages and finished jobs: it says whose case it is."""
HELD_TO_ITS_INPUTS = frozenset({"refund_policy"})
"""Decisions of which is kept what they were asked, too: money depends on it. Of others it could be personal."""
UNREAD = "unread"
"""Of a record whose facts we could not read: its value, as it was sent."""
KEPT_LEVELS, CUT = 100, "…"
"""JSON can be read with 1,024 levels, and written with 254: of what is deeper than that, so many are kept."""


class Reduced(NamedTuple):
    """A row of `records`; `facts` have the engine's names."""

    partition: int
    position: int
    happened_at: datetime
    value_type: str
    intent: str
    key: int
    process_instance_key: int | None
    process: str | None
    element_id: str | None
    element_type: str | None
    facts: dict[str, Any] | None
    recorded_at: datetime | None = None
    """None while it is taken in: then it is now."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one value type: the intents, and what `facts` are made of."""

    intents: frozenset[str]
    facts: Callable[[Value], dict[str, Any] | None] | None = None


def reduced(sent: Sent) -> Reduced | None:
    """None when nothing of the record is used: commands, rejections, steps on the way to an event."""
    kept = KEPT.get(sent["valueType"])
    if kept is None or sent["recordType"] != "EVENT" or not _wanted(kept, sent):
        return None
    value = sent["value"]
    if value.get("processInstanceKey", 1) < 1:  # a decision that somebody asked for by itself
        return None
    return Reduced(
        sent["partitionId"],
        sent["position"],
        datetime.fromtimestamp(sent["timestamp"] / 1000, UTC),
        sent["valueType"],
        sent["intent"],
        sent["key"],
        value.get("processInstanceKey"),
        value.get("bpmnProcessId"),
        value.get("elementId") or value.get("startEventId"),
        value.get("bpmnElementType"),
        _facts(kept, value),
    )


def _wanted(kept: Kept, sent: Sent) -> bool:
    """Of the steps on the way to an event, the first of a called instance: it may fail before the event."""
    return sent["intent"] in kept.intents or (sent["intent"] == CALLED and _is_called(sent["value"]))


def reread(record: Reduced) -> Reduced:
    """A kept record whose facts could not be read then: perhaps this version can."""
    if UNREAD not in (record.facts or {}):
        return record
    return record._replace(facts=_facts(KEPT[record.value_type], (record.facts or {})[UNREAD]))


def _facts(kept: Kept, value: Value) -> dict[str, Any] | None:
    """A record that is not as we expect is kept whole."""
    try:
        facts = kept.facts(value) if kept.facts else None
    except (AttributeError, LookupError, TypeError, ValueError):
        facts = {UNREAD: value}
    return facts if _can_be_written(facts) else _cut(facts, KEPT_LEVELS)


def _can_be_written(facts: dict[str, Any] | None) -> bool:
    """As a column of a row among others."""
    try:
        orjson.dumps([{"facts": facts}])
    except TypeError:
        return False
    return True


def _cut(value: Any, levels: int) -> Any:
    """What anybody may have given a user task at the engine: it must not hold up the stream."""
    match value:
        case dict() | list() if not levels:
            return CUT
        case dict():
            return {key: _cut(each, levels - 1) for key, each in value.items()}
        case list():
            return [_cut(each, levels - 1) for each in value]
    return value


def _fields(*names: str, optional: Sequence[str] = ()) -> Callable[[Value], dict[str, Any]]:
    def facts(value: Value) -> dict[str, Any]:
        found = {name: value[name] for name in names}
        return found | {name: value[name] for name in optional if value.get(name)}

    return facts


def _is_called(value: Value) -> bool:
    return value.get("bpmnElementType") == "PROCESS" and value.get("parentProcessInstanceKey", -1) > 0


def _of_element(value: Value) -> dict[str, Any] | None:
    """Called instances only: by which one, and the version they go by."""
    if not _is_called(value):
        return None
    return {name: value[name] for name in ("parentProcessInstanceKey", "processDefinitionKey")}


def _order(value: Value) -> dict[str, Any]:
    """PostgreSQL stores no NUL, and no order has one."""
    order = (value.get("variables") or {}).get(ORDER)
    return {ORDER: order} if order and isinstance(order, str) and "\0" not in order else {}


def _of_start(value: Value) -> dict[str, Any]:
    return _fields("correlationKey", "processDefinitionKey", "messageName")(value) | _order(value)


def _of_job(value: Value) -> dict[str, Any]:
    return _fields("type", "retries", optional=("errorMessage",))(value) | _order(value)


def _resource(id_field: str, version_field: str) -> Callable[[Value], dict[str, Any]]:
    def facts(value: Value) -> dict[str, Any]:
        resource = base64.b64decode(value["resource"]).decode(errors="replace")
        return {"id": value[id_field], "version": value[version_field], "resource": resource}

    return facts


def _decision(value: Value) -> dict[str, Any]:
    """The decision that was asked for, and of those it needs the tables, each once, with the rules that fired."""
    tables = {
        each["decisionId"]: {
            "decision": each["decisionId"],
            "name": each["decisionName"],
            "rules": [{"index": rule["ruleIndex"], "id": rule["ruleId"]} for rule in each["matchedRules"]],
        }
        for each in value["evaluatedDecisions"]
        if each["decisionType"] == "DECISION_TABLE"
    }
    named = _fields("decisionId", "decisionName", "decisionVersion", "decisionRequirementsKey")(value)
    facts = named | {"output": orjson.loads(value["decisionOutput"]), "tables": list(tables.values())}
    return facts | ({"inputs": _inputs(value)} if value["decisionId"] in HELD_TO_ITS_INPUTS else {})


def _inputs(value: Value) -> dict[str, Any]:
    return {
        asked["inputId"]: orjson.loads(asked["inputValue"])
        for each in value["evaluatedDecisions"]
        for asked in each["evaluatedInputs"]
    }


KEPT: Mapping[str, Kept] = {
    "PROCESS_INSTANCE": Kept(
        frozenset(
            {
                "ELEMENT_ACTIVATED",
                "ELEMENT_COMPLETED",
                "ELEMENT_MIGRATED",
                "ELEMENT_TERMINATED",
                "SEQUENCE_FLOW_TAKEN",
            }
        ),
        _of_element,
    ),
    "PROCESS_INSTANCE_MIGRATION": Kept(frozenset({"MIGRATED"}), _fields("targetProcessDefinitionKey")),
    "MESSAGE_START_EVENT_SUBSCRIPTION": Kept(frozenset({"CORRELATED"}), _of_start),
    "PROCESS_MESSAGE_SUBSCRIPTION": Kept(
        frozenset({"CORRELATED"}), _fields("messageName", optional=("correlationKey",))
    ),
    "USER_TASK": Kept(
        frozenset({"CREATED", "ASSIGNED", "COMPLETED", "CANCELED", "MIGRATED"}),
        _fields(
            "userTaskKey",
            "assignee",
            "candidateGroupsList",
            "dueDate",
            "priority",
            optional=("formKey", "variables"),
        ),
    ),
    "INCIDENT": Kept(
        frozenset({"CREATED", "MIGRATED", "RESOLVED"}), _fields("jobKey", "errorType", "errorMessage")
    ),
    "JOB": Kept(
        frozenset({"CREATED", "FAILED", "RETRIES_UPDATED", "MIGRATED", "COMPLETED", "CANCELED", "ERROR_THROWN"}),
        _of_job,
    ),
    "DECISION_EVALUATION": Kept(frozenset({"EVALUATED"}), _decision),
    "PROCESS": Kept(frozenset({"CREATED"}), _resource("bpmnProcessId", "version")),
    "DECISION_REQUIREMENTS": Kept(
        frozenset({"CREATED"}), _resource("decisionRequirementsId", "decisionRequirementsVersion")
    ),
    "FORM": Kept(frozenset({"CREATED"}), _resource("formId", "version")),
}
"""By value type: all that is used, and therefore all that the exporter is asked to send."""
