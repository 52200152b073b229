"""Element templates for Camunda Modeler: the jobs there are, to be chosen from a list instead of typed.

Each is made from a job's registration: its type, the variables that its handler takes, what it returns and what
its docstring says. An input that is left empty takes the process variable of that name.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from workers.runtime.arguments import ORDER
from workers.runtime.jobs import Job, Process

SCHEMA = "https://unpkg.com/@camunda/zeebe-element-templates-json-schema/resources/schema.json"
RETRIES = "5"
ENGINE = "^8.6"
_KINDS = {bool: "yes or no", int: "a whole number", str: "text"}


def document(processes: Iterable[Process]) -> bytes:
    """The file that Modeler reads: one template for each job type."""
    templates = [_template(process, job) for process in processes for job in process.jobs]
    return orjson.dumps(templates, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _template(process: Process, job: Job) -> dict[str, Any]:
    verb = job.type.removeprefix(f"{process.id}.")
    return {
        "$schema": SCHEMA,
        "id": f"orderops.{job.type}",
        "name": _words(verb),
        "description": _description(job),
        "version": 1,
        "engines": {"camunda": ENGINE},
        "category": {"id": f"orderops.{process.id}", "name": f"orderops: {process.id.replace('_', ' ')}"},
        "appliesTo": ["bpmn:Task"],
        "elementType": {"value": "bpmn:ServiceTask"},
        "groups": [{"id": name, "label": _words(name)} for name in ("inputs", "outputs", "work")],
        "properties": [
            {"type": "Hidden", "value": job.type, "binding": _task("type")},
            *(_input(parameter) for parameter in _parameters(job)),
            *(_output(name) for name in _results(job)),
            _RETRIES,
        ],
    }


def _task(name: str) -> dict[str, str]:
    return {"type": "zeebe:taskDefinition", "property": name}


_RETRIES = {
    "id": "retries",
    "label": "Retries",
    "description": "Attempts before an operator is asked",
    "type": "String",
    "value": RETRIES,
    "constraints": {"notEmpty": True, "pattern": {"value": "^[1-9][0-9]?$", "message": "A number from 1 to 99"}},
    "group": "work",
    "binding": _task("retries"),
}


def _input(parameter: inspect.Parameter) -> dict[str, Any]:
    """A mapping that is only written when something is filled in."""
    return {
        "id": parameter.name,
        "label": _words(parameter.name),
        "description": f"{_kind(parameter.annotation)}; empty: the process variable {parameter.name}",
        "type": "String",
        "feel": "optional" if parameter.annotation is str else "required",
        "optional": True,
        "group": "inputs",
        "binding": {"type": "zeebe:input", "name": parameter.name},
    }


def _output(name: str) -> dict[str, Any]:
    """A mapping that is only written when something is filled in."""
    return {
        "id": f"result_{name}",
        "label": _words(name),
        "description": f"Variable to keep {name} in. All outputs empty: each is the process variable of its name."
        " Once one has a variable, those without are dropped",
        "type": "String",
        "optional": True,
        "group": "outputs",
        "binding": {"type": "zeebe:output", "source": f"={name}"},
    }


def _parameters(job: Job) -> Sequence[inspect.Parameter]:
    """What the diagram may have to say: every instance has its order."""
    parameters = inspect.signature(job.handler, eval_str=True).parameters.values()
    return [parameter for parameter in parameters if parameter.name != ORDER]


def _description(job: Job) -> str:
    """The docstring in one line, and the variables that the job leaves."""
    said = " ".join((inspect.getdoc(job.handler) or "").split())
    results = _results(job)
    return f"{said} Sets {', '.join(results)}." if results else said


def _results(job: Job) -> list[str]:
    returned = inspect.signature(job.handler, eval_str=True).return_annotation
    return [field.name for field in dataclasses.fields(returned)] if dataclasses.is_dataclass(returned) else []


def _kind(annotation: Any) -> str:
    options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    kinds = [
        _KINDS.get(option) or ("a list" if typing.get_origin(option) is list else "a context")
        for option in options
        if option is not types.NoneType
    ]
    return " or ".join(kinds).capitalize()


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
