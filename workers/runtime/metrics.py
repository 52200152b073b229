"""Prometheus metrics of this process. No label holds anything that came from outside or belongs to a person."""

from enum import StrEnum

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each, which nobody looks at

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200)
"""Bounds in seconds: of what takes milliseconds when all is well, and of what waits out an outage."""


class Outcome(StrEnum):
    """How a job ended here."""

    COMPLETED = "completed"
    ERROR_THROWN = "error_thrown"
    FAILED = "failed"
    """Is tried again."""
    INCIDENT = "incident"
    GIVEN_BACK = "given_back"
    """Because this worker was told to stop."""
    DROPPED = "dropped"
    """Not ours any more before it could begin."""
    GONE = "gone"
    """Somebody else has finished it, or its element was left."""
    REFUSED = "refused"
    """The engine will never take the answer."""
    LOST = "lost"
    """The engine did not take the answer while the job was ours."""


JOBS = Counter("orderops_jobs", "Jobs by how they ended here", ["type", "outcome"], registry=REGISTRY)
JOB_DURATION = Histogram(
    "orderops_job_duration_seconds",
    "From the job's beginning here to the engine's receipt, or to the failure",
    ["type"],
    buckets=FAST,
    registry=REGISTRY,
)
JOB_WAIT = Histogram(
    "orderops_job_wait_seconds",
    "From the engine handing the job out to its beginning here",
    ["type"],
    buckets=FAST,
    registry=REGISTRY,
)
RETRIES_BURNT = Counter("orderops_job_retries_burnt", "Retries used up by failures", ["type"], registry=REGISTRY)
EFFECTS = Counter(
    "orderops_effects", "Changes of the outside world by what became of them", ["kind", "state"],
    registry=REGISTRY,
)  # fmt: skip
SPANS = Counter(
    "orderops_spans", "Spans for the collector of traces, by whether it took them", ["outcome"], registry=REGISTRY
)
MESSAGES = Counter(
    "orderops_messages", "Inbox rows that the relay offered the engine, by the answer", ["outcome"],
    registry=REGISTRY,
)  # fmt: skip
RELAY_LAG = Histogram(
    "orderops_relay_lag_seconds", "From a row's arrival in the inbox to its publication", buckets=SLOW,
    registry=REGISTRY,
)  # fmt: skip
RECORDS = Counter(
    "orderops_records", "Records of the engine that were new and told us something", registry=REGISTRY
)
RECORDS_LAG = Histogram(
    "orderops_records_lag_seconds", "Age of the oldest record of each batch that the engine sent", buckets=SLOW,
    registry=REGISTRY,
)  # fmt: skip
HTTP_DURATION = Histogram(
    "orderops_http_request_duration_seconds", "Requests by route pattern", ["method", "route", "status"],
    buckets=FAST, registry=REGISTRY,
)  # fmt: skip
ANALYSES = Counter(
    "orderops_analyses", "Tickets where a language model is set, by who answered and why", ["by", "reason"],
    registry=REGISTRY,
)  # fmt: skip
ANALYSIS_SECONDS = Histogram(
    "orderops_analysis_duration_seconds", "Waiting for the language model's answer, or its failure",
    buckets=FAST, registry=REGISTRY,
)  # fmt: skip
ANALYSIS_TOKENS = Counter(
    "orderops_analysis_tokens", "Tokens that the language model counted", ["direction"], registry=REGISTRY
)
ANALYSIS_COST = Counter(
    "orderops_analysis_cost",
    "What these tokens cost, in the currency of the prices that are set",
    registry=REGISTRY,
)


class JobMeter:
    """Measures one job type. What is counted for every job is looked up once."""

    def __init__(self, job_type: str) -> None:
        self._ended = {outcome: JOBS.labels(job_type, outcome) for outcome in Outcome}
        self._duration = JOB_DURATION.labels(job_type)
        self._wait = JOB_WAIT.labels(job_type)
        self._burnt = RETRIES_BURNT.labels(job_type)

    def began(self, waited: float) -> None:
        """A handler begins, so many seconds after the engine handed the job out."""
        self._wait.observe(max(waited, 0.0))

    def ended(self, outcome: Outcome, seconds: float, *, burnt: bool) -> None:
        """The handler has ended, and the engine knows or will know; one of the job's retries may be used up."""
        self._ended[outcome].inc()
        self._duration.observe(seconds)
        if burnt:
            self._burnt.inc()

    def not_begun(self, outcome: Outcome) -> None:
        """A job that was ours for a moment and not begun."""
        self._ended[outcome].inc()


def page(*found_on_scrape: Collector) -> bytes:
    """All metrics of this process as Prometheus reads them, with those that are found out now."""
    registry = CollectorRegistry()
    for each in (REGISTRY, *found_on_scrape):
        registry.register(each)
    return generate_latest(registry)
