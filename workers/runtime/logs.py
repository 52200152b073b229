"""Structured logs: dotted event names and fields, one format for ours and for the libraries', no personal data."""

import asyncio
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import stamina.instrumentation
import structlog

PERSONAL = frozenset(
    {
        "address",
        "address1",
        "address2",
        "billing_address",
        "city",
        "company",
        "corrected_address",
        "customer",
        "email",
        "first_name",
        "last_name",
        "name",
        "phone",
        "postcode",
        "region",
        "shipping_address",
        "street",
        "street2",
        "to",
        "zip",
    }
)
"""Names of fields that hold a person's data wherever they appear, nested ones included."""

HIDDEN = "[personal]"
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
QUIET = {"sqlalchemy": logging.WARNING, "httpx": logging.WARNING, "httpcore": logging.WARNING}
ROUTED = ("uvicorn", "uvicorn.access", "uvicorn.error", "grpc", "sqlalchemy")
DEEPEST = 6


def configure(log_format: str = "console", level: int = logging.INFO) -> None:
    """Send every log of this process, the libraries' too, to standard error in one format. Harmless to repeat."""
    stamina.instrumentation.set_on_retry_hooks([])  # changes of state are logged, not every attempt
    render = _renderer(log_format)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_text,
        redact,
    ]
    structlog.configure(
        processors=[*shared, render],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(render, [structlog.stdlib.add_logger_name, *shared], level)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide known personal fields, and anything that looks like a mail address in any text."""
    return {key: HIDDEN if key in PERSONAL else _clean(value, 0) for key, value in event.items()}


def without_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Instead of an exception with its traceback, what it is and where it came from: the text may be personal."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exception()
    if error is not None:
        event.setdefault("error", type(error).__name__)
        event["places"] = places(error)
    return event


def of_the_loop(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """An event loop's exception handler: asyncio's own writes exceptions out, text and all."""
    error = context.get("exception")
    structlog.get_logger().error("loop.error", what=context["message"], exc_info=error)


def places(error: BaseException) -> list[str]:
    """Where an error came from and what kinds it is made of, without its text: that may be somebody's data."""
    frames = [
        f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    origin = error.__cause__ or error.__context__
    cause = [] if origin is None else [f"from {type(origin).__name__}", *places(origin)[-2:]]
    return [*frames[-6:], *cause]


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return EMAIL.sub(HIDDEN, value) if "@" in value else value
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in PERSONAL else _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item, depth + 1) for item in value]
    return value


def _renderer(log_format: str) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(serializer=_json)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, options["default"], orjson.OPT_NON_STR_KEYS).decode()


def _route_standard_logging(
    render: structlog.typing.Processor, before: list[structlog.typing.Processor], level: int
) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ROUTED:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)
