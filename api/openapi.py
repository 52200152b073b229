"""What the documentation says of bodies: routes read them raw, so FastAPI cannot know their form by itself."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.rights import ROUTES, Right

_REF = "#/components/schemas/"
_STRICTER = {
    "idempotency-key": {
        "required": True,
        "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    }
}
"""Headers that are checked by us, since a missing one has a problem of its own."""


def body_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """`openapi_extra` of a route whose JSON body is one of these models, with an example of each."""
    references = [{"$ref": f"{_REF}{model.__name__}"} for model in models]
    content = {
        "schema": references[0] if len(references) == 1 else {"oneOf": references},
        "examples": {model.__name__: {"value": example(model.model_json_schema())} for model in models},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


_BY_NAME = {
    "name": "Ada Example",
    "street": "Hauptstr. 5",
    "postcode": "10827",
    "city": "Berlin",
    "country": "DE",
    "address_request": "450789469-address-1",
    "choice_request": "450789469-choice",
}
"""For fields whose models bring no example of their own."""


def example(schema: dict[str, Any], definitions: dict[str, Any] | None = None, name: str = "") -> Any:
    """A value of the schema's form, from the examples its fields have."""
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return example(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "properties" in schema:
        return {field: example(of_field, definitions, field) for field, of_field in schema["properties"].items()}
    return _BY_NAME.get(name, schema.get("default", "text"))


def add_schemas(app: FastAPI, models: Sequence[type[BaseModel]]) -> None:
    """Put the models' schemas where the routes' references point, and say which routes are not for everybody."""
    original: Callable[[], dict[str, Any]] = app.openapi
    bearer = {"type": "http", "scheme": "bearer", "description": "A token of `orderops token create`."}

    def openapi() -> dict[str, Any]:
        schema = original()
        unique = dict.fromkeys(models)
        _, found = models_json_schema([(model, "validation") for model in unique], ref_template=_REF + "{model}")
        known = schema.setdefault("components", {}).setdefault("schemas", {})
        for name, definition in found.get("$defs", {}).items():
            known.setdefault(name, definition)
        schema["components"]["securitySchemes"] = {"bearer": bearer}
        for path, item in schema["paths"].items():
            for method, operation in item.items():
                if ROUTES.get(f"{method.upper()} {path}") is not Right.OPEN:
                    operation["security"] = [{"bearer": []}]
                for parameter in operation.get("parameters", ()):
                    parameter.update(_STRICTER.get(parameter["name"], {}))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way of extending it
