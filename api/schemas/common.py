"""Models that every route shares."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.errors import MEDIA_TYPE, PROBLEMS

MAX_KEY = 2**63 - 1

KeyInPath = Path(ge=1, le=MAX_KEY, description="A number as the engine or the inbox gave it.")

Key = Annotated[str, BeforeValidator(str)]
"""A number of 64 bits as a text, because it is beyond what a double holds exactly."""


class Answer(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Asked(BaseModel):
    """Base of what we are sent at our own endpoints: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TimelineInfo(Answer):
    """What happened."""

    kind: str
    sentence: str
    facts: dict[str, Any]
    happened_at: datetime


class Finding(Answer):
    """One thing that is wrong with a request."""

    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer.", examples=["#/choice"])
    parameter: str | None = Field(None, description="Which parameter of the address or header.")
    message: str = Field(description="What is wrong; never the value that was sent.")


class ProblemBody(Answer):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["/problems#invalid"])
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str = Field(description="Find this request in the logs by it; also in the header X-Trace-Id.")
    errors: list[Finding] | None = None


def problems(*names: str) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for its documentation. Every route may answer 400, 500 and 503 besides."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for name in dict.fromkeys(("bad-request", *names, "internal", "unavailable")):
        kind = PROBLEMS[name]
        titles = by_status.get(kind.status, {}).get("description")
        by_status[kind.status] = {
            "description": f"{titles}; {kind.title.lower()}" if titles else kind.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
    return by_status


BODY_PROBLEMS = ("bad-json", "too-slow", "too-large", "wrong-type", "invalid")
"""What any route with a JSON body may answer."""
