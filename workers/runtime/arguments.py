"""From a job's variables to a handler's arguments: the signature is the schema, checked strictly."""

import functools
import inspect
from typing import Any, NotRequired

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from workers.runtime.errors import NeedsHuman, UserError
from workers.runtime.jobs import Job

ORDER = "shopify_order_id"
"""Asked for when a handler needs no variable at all: an empty list would fetch every variable there is."""

NAMED = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


class Arguments:
    """Built once per job type; raises UserError for a handler whose parameters do not say their types, and for a
    functools.partial: a variable of the process would overwrite what it has bound.

    A parameter with a default may be missing among the variables, any other must be there; null is only right
    where the annotation allows None.
    """

    def __init__(self, job: Job) -> None:
        if isinstance(job.handler, functools.partial):
            raise UserError(f"The handler of {job.type} must be a method or a function, not a functools.partial.")
        parameters = inspect.signature(job.handler, eval_str=True).parameters.values()
        for parameter in parameters:
            if parameter.kind not in NAMED or parameter.annotation is inspect.Parameter.empty:
                raise UserError(f"The handler of {job.type} needs a plain, annotated parameter: {parameter.name}.")
        self._type = job.type
        self._check = _adapter(job, list(parameters))
        self.names = tuple(parameter.name for parameter in parameters) or (ORDER,)

    def read(self, document: str) -> dict[str, Any]:
        """The arguments; raises NeedsHuman that names the variables, never their values."""
        try:
            arguments: dict[str, Any] = self._check.validate_json(document, strict=True)
        except ValidationError as error:
            raise NeedsHuman(f"{self._type} was not done: {_complaint(error)}") from None
        return arguments


def _adapter(job: Job, parameters: list[inspect.Parameter]) -> TypeAdapter[Any]:
    annotations = {
        each.name: each.annotation if each.default is inspect.Parameter.empty else NotRequired[each.annotation]
        for each in parameters
    }
    schema = TypedDict("Variables", annotations)  # type: ignore[misc]  # made from a signature, not written down
    schema.__pydantic_config__ = ConfigDict(extra="ignore", hide_input_in_errors=True)  # type: ignore[attr-defined]
    try:
        return TypeAdapter(schema)
    except PydanticSchemaGenerationError as error:
        raise UserError(
            f"The handler of {job.type} has a parameter that variables cannot become: {error}"
        ) from None


def _complaint(error: ValidationError) -> str:
    """Only the first part of each place: deeper ones may be keys that came from outside."""
    missing, wrong = set(), set()
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = str(item["loc"][0]) if item["loc"] else "all of them"
        if item["type"] == "missing" and len(item["loc"]) == 1:
            missing.add(place)
        else:
            wrong.add(f"{place} ({item['type']})")
    parts = [("variables are missing: ", missing), ("variables are wrong: ", wrong)]
    return "; ".join(text + ", ".join(sorted(names)) for text, names in parts if names) + "."
