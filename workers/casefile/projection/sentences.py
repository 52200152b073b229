"""The engine's records as sentences of a case's timeline, for people.

What workers do they tell themselves, with amounts and names; here is what only the engine knows. Steps that tell a
person nothing, as each sequence flow, are no sentences. What somebody wrote into a form's text fields is not
repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.casefile.projection.definitions import Said
from workers.casefile.projection.instances import Outcomes
from workers.casefile.projection.reduced import CALLED, Reduced

CHOICES = frozenset({"radio", "select"})
EVENTS = frozenset({"BOUNDARY_EVENT", "INTERMEDIATE_CATCH_EVENT", "START_EVENT"})


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence, and who acted."""

    kind: str
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a sentence is made with: the instance's diagram, the file that the record `needs`, words for ends."""

    diagram: Said
    file: Said
    outcomes: Outcomes


def needs(record: Reduced) -> int | None:
    """Key of the form or decision tables that its sentence needs."""
    facts = record.facts or {}
    match record.value_type:
        case "DECISION_EVALUATION":
            return int(facts["decisionRequirementsKey"])
        case "USER_TASK" if record.intent == "COMPLETED":
            return int(facts.get("formKey", 0))
    return None


def told(record: Reduced, context: Context) -> Told | None:
    """The record's sentence, or None."""
    teller = _TELLERS.get(record.value_type)
    return teller(record, context) if teller else None


def left(order: str) -> Told:
    """For the case that an instance began as."""
    return Told("case_matched", f"Belongs to order {order}: it goes on there", {"case": order})


def joined(record: Reduced, context: Context, began_as: str) -> Told:
    """For the order's case."""
    name = context.diagram.name(record.process)
    return Told("case_joined", f"“{name}” belongs to this order; it began as {began_as}", {"case": began_as})


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _of_element(record: Reduced, context: Context) -> Told | None:
    element, name = record.element_id or "", context.diagram.name(record.element_id)
    if record.element_type == "PROCESS":
        return _of_process(record, name)
    if record.intent != "ELEMENT_COMPLETED":
        return None
    if record.element_type in EVENTS and element in context.diagram.timers:
        return Told("time_passed", f"“{name}”")
    if record.element_type == "END_EVENT" and element in context.outcomes.get(record.process or "", {}):
        return Told("case_ended", f"Ended with “{name}”")
    return None


def _of_process(record: Reduced, name: str) -> Told | None:
    """What a called instance ends with it, or an event does; the others only an operator."""
    called = record.facts is not None
    if called and record.intent == CALLED:
        return Told("process_called", f"“{name}” begins")
    if not called and record.intent == "ELEMENT_TERMINATED":
        return Told("case_terminated", "Ended by an operator, in the engine")
    return None


def _of_start(record: Reduced, context: Context) -> Told:
    message = (record.facts or {})["messageName"]
    return Told("case_opened", f"Message {message} received: “{context.diagram.name(record.element_id)}”")


def _of_message(record: Reduced, _context: Context) -> Told:
    return Told("message_received", f"Message {(record.facts or {})['messageName']} received")


def _of_job(record: Reduced, context: Context) -> Told | None:
    """The last failure makes an incident, which says the same."""
    facts = record.facts or {}
    if record.intent != "FAILED" or facts["retries"] <= 0:
        return None
    left = f"{facts['retries']} {'attempts' if facts['retries'] > 1 else 'attempt'} left"
    name = context.diagram.name(record.element_id)
    return Told("job_failed", f"“{name}” failed, {left}{_because(facts.get('errorMessage'))}")


def _of_incident(record: Reduced, context: Context) -> Told | None:
    facts, name = record.facts or {}, context.diagram.name(record.element_id)
    known = {"incident": str(record.key), "error_type": facts["errorType"]}
    if record.intent == "CREATED":
        return Told("incident_created", f"Incident at “{name}”{_because(facts['errorMessage'])}", known)
    if record.intent == "RESOLVED":
        return Told("incident_resolved", f"Incident at “{name}” was resolved", known)
    return None


def _of_migration(_record: Reduced, _context: Context) -> Told:
    return Told("case_migrated", "Goes on by another version of the process")


def _of_task(record: Reduced, context: Context) -> Told | None:
    facts, name = record.facts or {}, context.diagram.name(record.element_id)
    actor, known = facts["assignee"] or None, {"task": str(facts["userTaskKey"])}
    match record.intent:
        case "CREATED":
            groups = ", ".join(facts["candidateGroupsList"])
            return Told("task_created", f"Task “{name}” waits" + (f" for {groups}" if groups else ""), known)
        case "ASSIGNED" if actor:
            return Told("task_assigned", f"Task “{name}” was taken by {actor}", known, actor)
        case "ASSIGNED":
            return Told("task_unassigned", f"Task “{name}” was put back", known)
        case "COMPLETED":
            answers = _answers(facts.get("variables", {}), context.file)
            by, what = f" by {actor}" if actor else "", _because(", ".join(answers.values()))
            answered = {key: facts["variables"][key] for key in answers}
            return Told(
                "task_completed", f"Task “{name}” was completed{by}{what}", known | {"answers": answered}, actor
            )
        case "CANCELED":
            return Told("task_canceled", f"Task “{name}” is not needed any more", known)
    return None


def _answers(variables: Mapping[str, Any], form: Said) -> dict[str, str]:
    """What was chosen, ticked or counted, by field and as the form words it."""
    given = {field["key"]: field for field in form.fields if variables.get(field["key"]) is not None}
    worded = {key: _answer(field, variables[key]) for key, field in given.items()}
    return {key: words for key, words in worded.items() if words}


def _answer(field: Mapping[str, Any], value: Any) -> str | None:
    kind = field.get("type")
    if kind in CHOICES:
        chosen = (option for option in field.get("values", ()) if option.get("value") == value)
        return next((str(option.get("label", value)) for option in chosen), None)
    if kind == "checkbox" and value is True:
        return str(field.get("label", field["key"]))
    if kind == "number" and not isinstance(value, bool) and isinstance(value, int | float):
        number = int(value) if float(value).is_integer() else value
        return f"{field.get('label', field['key'])} {number}"
    return None


def _of_decision(record: Reduced, context: Context) -> Told:
    """By the rules of the table that was asked last: it is the decision itself, or what it was made of."""
    facts = record.facts or {}
    known = {"decision": facts["decisionId"], "version": facts["decisionVersion"], "output": facts["output"]}
    known |= {"tables": facts["tables"]}
    rules = facts["tables"][-1]["rules"] if facts["tables"] else []
    name = facts["decisionName"]
    if not rules:
        return Told("decision_made", f"Decision “{name}”: no rule applied", known)
    chose = f"Decision “{name}” chose {_numbers(rules)}"
    why = [text for rule in rules if (text := context.file.annotations.get(rule["id"]))]
    return Told("decision_made", chose + _because("; ".join(why)), known)


def _numbers(rules: Sequence[Mapping[str, Any]]) -> str:
    numbers = [str(rule["index"]) for rule in rules]
    if len(numbers) == 1:
        return f"rule {numbers[0]}"
    return f"rules {', '.join(numbers[:-1])} and {numbers[-1]}"


_TELLERS: Mapping[str, Callable[[Reduced, Context], Told | None]] = {
    "PROCESS_INSTANCE": _of_element,
    "PROCESS_INSTANCE_MIGRATION": _of_migration,
    "MESSAGE_START_EVENT_SUBSCRIPTION": _of_start,
    "PROCESS_MESSAGE_SUBSCRIPTION": _of_message,
    "USER_TASK": _of_task,
    "INCIDENT": _of_incident,
    "JOB": _of_job,
    "DECISION_EVALUATION": _of_decision,
}
