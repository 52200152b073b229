"""What the api answers when it cannot do as asked: RFC 9457 problems with a trace id and nothing internal."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from workers.casefile.db import DATABASE_AWAY
from workers.runtime.errors import EngineRefused, EngineUnavailable

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """A sort of problem: its status, and its title for people."""

    status: int
    title: str


PROBLEMS: dict[str, Kind] = {
    "bad-request": Kind(400, "The request cannot be understood"),
    "bad-json": Kind(400, "The body is not acceptable JSON"),
    "idempotency-key": Kind(400, "An Idempotency-Key is needed"),
    "unauthorized": Kind(401, "Not authenticated"),
    "bad-signature": Kind(401, "The signature is missing or wrong"),
    "forbidden": Kind(403, "Not allowed"),
    "not-found": Kind(404, "There is no such thing"),
    "method-not-allowed": Kind(405, "This method does not work here"),
    "too-slow": Kind(408, "The body took too long to arrive"),
    "in-flight": Kind(409, "The same request is being answered right now"),
    "conflict": Kind(409, "Not possible in the present state"),
    "too-large": Kind(413, "The body is too large"),
    "wrong-type": Kind(415, "This content type or encoding is not accepted"),
    "invalid": Kind(422, "The content is not valid"),
    "key-reused": Kind(422, "This Idempotency-Key was used for another request"),
    "too-many": Kind(429, "Too many attempts"),
    "internal": Kind(500, "Something went wrong on our side"),
    "unavailable": Kind(503, "Not available at the moment"),
}
"""Every problem by the name that ends its type."""

_BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
}


class Problem(Exception):
    """Raised anywhere below a route; answered as a problem of this name."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.kind = PROBLEMS[name]
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)
        self.members = dict(members or {})
        """What this problem tells besides what all of them do."""


def unavailable(detail: str, **members: Any) -> Problem:
    """503, with the time after which another try makes sense."""
    return Problem("unavailable", detail, headers={"Retry-After": "2"}, members=members)


def invalid(error: ValidationError, detail: str = "The body does not have the form it should have.") -> Problem:
    """422 for a body: where and what, never the values that were sent."""
    return Problem("invalid", detail, errors=[describe(item) for item in error.errors(include_url=False)])


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer, as a URI fragment would have it."""
    parts = (str(part).replace("~", "~0").replace("/", "~1")[:100] for part in path)
    return "#" + "".join(f"/{part}" for part in parts)


def describe(item: ErrorDetails) -> dict[str, str]:
    """One finding of pydantic without the value that caused it."""
    return {"pointer": pointer(item["loc"]), "message": item["msg"].removeprefix("Value error, ")}


def respond(trace_id: str, path: str, problem: Problem) -> JSONResponse:
    """The answer itself."""
    content: dict[str, Any] = {
        "type": f"/problems#{problem.name}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": path,
        "trace_id": trace_id,
        **problem.members,
    }
    if problem.errors:
        content["errors"] = problem.errors
    return JSONResponse(content, problem.kind.status, headers=problem.headers, media_type=MEDIA_TYPE)


def as_problem(error: Exception) -> Problem:
    """The problem that says what went wrong to whoever asked; 500 for what nobody foresaw."""
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = Problem("invalid", "The request's parameters are not valid.", errors=_parameters(error))
        case HTTPException():
            problem = _from_http(error)
        case EngineRefused():
            problem = Problem("conflict", "The engine refused this: it is finished, or in another state by now.")
        case EngineUnavailable():
            problem = unavailable("The engine does not answer at the moment; try again.")
        case _ if isinstance(error, DATABASE_AWAY):
            problem = unavailable("The database does not answer at the moment; try again.")
        case _:
            detail = "This was logged under the trace id; tell it to whoever runs this service."
            problem = Problem("internal", detail)
    return problem


def _parameters(error: RequestValidationError) -> list[dict[str, str]]:
    return [
        {"parameter": ".".join(str(part) for part in item["loc"][1:])[:100], "message": str(item["msg"])}
        for item in error.errors()
    ]


def _from_http(error: HTTPException) -> Problem:
    """What the framework itself refuses: unknown paths, methods."""
    name = _BY_STATUS.get(error.status_code, "bad-request")
    details = {
        "not-found": "Nothing is found at this address.",
        "method-not-allowed": "The Allow header says which methods work at this address.",
    }
    return Problem(name, details.get(name, "The request was refused."), headers=error.headers)
