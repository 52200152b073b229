"""Traces: OpenTelemetry spans from the webhook over the process instance to the provider's call.

Without an endpoint nothing is traced, nothing travels with the instances, and all of this costs next to nothing.

A message that starts an instance carries the trace in a variable, which each of the instance's jobs fetches
besides what its handler wants. Other messages carry theirs in a second one, so that the instance keeps its own
trace, and later jobs are linked to it. Spans hold ids, names and outcomes; never an error's text, which may be
somebody's data.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import orjson
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pyzeebe.proto.gateway_pb2 import ActivatedJob

INSTANCE = "traceparent"
MESSAGE = "message_traceparent"
VARIABLES = (INSTANCE, MESSAGE)
"""What travels with an instance: its own trace, and that of the last message it got."""

NOTHING: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)
"""A step that is not traced."""
_propagator = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


@contextmanager
def tracing_for(service: str, endpoint: str | None) -> Iterator[None]:
    """Trace to the collector at this address for as long as the block lasts; without one, do not."""
    if endpoint is None:
        yield
        return
    from workers.runtime.otlp import Batches, tracing_to  # noqa: PLC0415  # loads a tenth of a second

    with tracing_to(Batches(endpoint), service):
        yield


def use(tracer: Tracer | None) -> None:
    """Trace with this from now on, or no more."""
    global _tracer  # noqa: PLW0603  # one for the process, like its log
    _tracer = tracer


def on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def call(name: str, key: str) -> AbstractContextManager[Span]:
    """A call to a provider, about the effect with this key, below the present step."""
    if _tracer is None:
        return NOTHING
    return _span(_tracer, name, SpanKind.CLIENT, {"orderops.effect": key})


def request(traceparent: str | None) -> AbstractContextManager[Span]:
    """A request from outside, below its caller's span when it names one."""
    if _tracer is None:
        return NOTHING
    return _span(_tracer, "http", SpanKind.SERVER, below=_context(traceparent))


def job(raw: ActivatedJob) -> AbstractContextManager[Span]:
    """A job, below what started its instance and linked to the last message that the instance got."""
    if _tracer is None:
        return NOTHING
    own, message = _travelled(raw.variables)
    attributes: dict[str, str | int] = {
        "orderops.process": raw.bpmnProcessId,
        "orderops.element": raw.elementId,
        "orderops.instance_key": raw.processInstanceKey,
        "orderops.job_key": raw.key,
    }
    links = [Link(get_current_span(_context(message)).get_span_context())] if own and message else []
    return _span(_tracer, raw.type, SpanKind.CONSUMER, attributes, _context(own or message), links)


@contextmanager
def publishing(message: str, variables: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A message on its way to the engine, below what brought it. Yields the variables that go with it."""
    carrier = next((name for name in VARIABLES if name in variables), None)
    if _tracer is None or carrier is None:
        yield variables
        return
    with _span(_tracer, f"publish {message}", SpanKind.PRODUCER, below=_context(variables[carrier])):
        yield {**variables, carrier: carried()}


def for_message(*, starts: bool) -> dict[str, str]:
    """The variable by which a message carries the present trace; none when there is nothing to carry."""
    traceparent = carried()
    return {INSTANCE if starts else MESSAGE: traceparent} if traceparent else {}


def carried() -> str | None:
    """The present span as a W3C traceparent, or None outside of one."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def trace_id(of: Span) -> str | None:
    """Its trace's id as in logs and answers, or None when nothing is traced."""
    context = of.get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def outcome(name: str, *, well: bool) -> None:
    """Say how the present step ended; `name` is a word of ours, never an error's text."""
    if _tracer is not None:
        this = get_current_span()
        this.set_attribute("orderops.outcome", name)
        if not well:
            this.set_status(Status(StatusCode.ERROR, name))


def _travelled(document: str) -> tuple[object, object]:
    """What came with the instance, and with the last message; None for what did not."""
    try:
        variables = orjson.loads(document)
    except orjson.JSONDecodeError:  # the handler's own complaint is to be heard, not this one
        return None, None
    return variables.get(INSTANCE), variables.get(MESSAGE)


def _context(traceparent: object) -> Context:
    """What this names, or a new trace for what is no traceparent."""
    carrier = {"traceparent": traceparent} if isinstance(traceparent, str) else {}
    return _propagator.extract(carrier, Context())


@contextmanager
def _span(  # what OpenTelemetry wants to know of a span
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, str | int] | None = None,
    below: Context | None = None,
    links: list[Link] | None = None,
) -> Iterator[Span]:
    with tracer.start_as_current_span(
        name, below, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as this:
        try:
            yield this
        except Exception as error:
            this.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
