"""The forms of user tasks: which form a task has, and whether an answer is one the form would have let through."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import Problem, pointer
from workers.casefile import versions
from workers.runtime.form_text import as_words

Form = dict[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMPARED = re.compile(r'(?P<name>\w+) (?P<how>!?=) "(?P<word>[^"]*)"')
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


async def form_of(session: AsyncSession, task: int) -> Form | None:
    """A task's form as it was deployed when the task was made, like in Tasklist; None for a task without one."""
    deployed = await versions.form_of(session, task)
    form: Form | None = orjson.loads(deployed) if deployed else None
    return form


def check(form: Form | None, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables a task is completed with, or 422 naming every field that will not do.

    An optional field that is left out, or null, stays as it was prefilled; an unticked checkbox is False, as in
    the form. What the form hides for these answers is not asked for.
    """
    fields = {field["key"]: field for field in _fields(form or {})}
    found = [(key, "the form has no such field to fill in") for key in variables if key not in fields]
    for key, field in fields.items():
        value = variables.get(key)
        asked = (value is not None and value != "") or not _hidden(field, variables)
        message = _complaint(field, value) if asked else None
        if message:
            found.append((key, message))
    if found:
        errors = [{"pointer": pointer(("variables", key)), "message": message} for key, message in found]
        raise Problem("invalid", "The answers do not fit the form.", errors=errors)
    unticked = {key: False for key, field in fields.items() if field["type"] == "checkbox"}
    return {**unticked, **{key: value for key, value in variables.items() if value is not None}}


def prefilled(
    form: Form | None, asked: Mapping[str, Any], happened: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a form begins with: its fields as the customer was asked about them; what its texts name, as the
    timeline's facts say it last. Those texts are Markdown, and facts are words in them."""
    data = {key: value for facts in happened for key, value in facts.items()}
    named = _named_in_texts(form or {})
    data = {key: _as_words(value) for key, value in data.items() if key in named}
    fields = {field["key"] for field in _fields(form or {})}
    data |= {key: value for key, value in asked.items() if key in fields}
    return data | {"address_problems": asked["problems"]} if asked.get("problems") else data


def _as_words(value: Any) -> Any:
    match value:
        case str():
            return as_words(value)
        case list():
            return [_as_words(each) for each in value]
    return value


def _named_in_texts(component: Mapping[str, Any]) -> set[str]:
    found = set(_NAME.findall(" ".join(_TEMPLATE.findall(component.get("text", "")))))
    return found.union(*(_named_in_texts(child) for child in component.get("components", ())))


def _fields(component: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What can be filled in, groups included; shown or locked fields are no answers."""
    for child in component.get("components", ()):
        if "components" in child:
            yield from _fields(child)
        elif "key" in child and not child.get("disabled") and not child.get("readonly"):
            yield child


def _hidden(field: Mapping[str, Any], variables: Mapping[str, Any]) -> bool:
    """Whether the form hides a field: its condition compares answers with words, one or the other of them.

    A field with a condition that is not of this kind counts as shown.
    """
    condition = field.get("conditional", {}).get("hide", "").removeprefix("=")
    compared = [_COMPARED.fullmatch(part.strip()) for part in condition.split(" or ")]
    return any(
        (variables.get(found["name"]) == found["word"]) == (found["how"] == "=") for found in compared if found
    )


def _complaint(field: Mapping[str, Any], value: Any) -> str | None:  # noqa: PLR0911  # one per type of field
    """What is wrong with one value, or None."""
    rules = field.get("validate", {})
    if value is None or value == "" or (value is False and field["type"] == "checkbox"):
        return "is required" if rules.get("required") else None
    match field["type"]:
        case "textfield":
            return _complaint_of_text(rules, value, _CONTROL)
        case "textarea":
            return _complaint_of_text(rules, value, _CONTROL_BUT_LINES)
        case "number":
            return _complaint_of_number(rules, value)
        case "checkbox":
            return None if isinstance(value, bool) else "must be true or false"
        case "radio" | "select":
            offered = [option["value"] for option in field.get("values", ())]
            fits = any(type(option) is type(value) and option == value for option in offered)
            return None if fits else "is none of the choices"
    return f"a field of type {field['type']} cannot be answered here"


def _complaint_of_text(rules: Mapping[str, Any], value: Any, refused: re.Pattern[str]) -> str | None:
    if not isinstance(value, str):
        return "must be a text"
    if refused.search(value):
        return "contains line breaks or control characters"
    if len(value) > rules.get("maxLength", 10_000):
        return f"is longer than {rules.get('maxLength', 10_000)} characters"
    if len(value) < rules.get("minLength", 0):
        return f"is shorter than {rules['minLength']} characters"
    if rules.get("pattern") and not re.search(rules["pattern"], value):
        return "does not have the form it should have"
    return None


def _complaint_of_number(rules: Mapping[str, Any], value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    if not rules.get("min", value) <= value <= rules.get("max", value):
        return "is out of range"
    return None
