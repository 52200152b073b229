"""What the engine is told about a job, for everything that can happen to it."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import grpc
import pytest
from pyzeebe.proto.gateway_pb2 import ActivatedJob
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from tests.fakes.job_gateway import Completed, Failed, FakeJobGateway, Thrown, make_job
from workers.runtime.answers import OUTAGE_WAITS
from workers.runtime.calls import TOO_LARGE
from workers.runtime.context import JobContext, current_job
from workers.runtime.dispatch import MOST_WAITING, Dispatcher
from workers.runtime.encoding import MAX_BYTES
from workers.runtime.errors import (
    BusinessOutcome,
    EffectInProgress,
    NeedsHuman,
    OutcomeUnknown,
    RateLimited,
    Retryable,
    Unavailable,
)
from workers.runtime.jobs import Handler, Job

SECRET = "Anna Canary"
Code = grpc.StatusCode


class Errors(StrEnum):
    OUT_OF_STOCK = "OUT_OF_STOCK"


@dataclass(frozen=True)
class Money:
    cost: int
    currency: str


@dataclass(frozen=True)
class Anything:
    value: Any


class Pauses(list[float]):
    """Waits out nothing, and keeps for how long it was to."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0.01)


async def run(
    handler: Handler,
    gateway: FakeJobGateway | None = None,
    *,
    seconds: float = 60,
    pauses: Pauses | None = None,
    **variables: Any,
) -> Any:
    """Do one job and return the last thing that the engine was told."""
    gateway = gateway or FakeJobGateway()
    job = Job("test.do", handler, timeout=timedelta(seconds=seconds))
    raw = make_job(timeout=seconds, **variables)
    dispatcher = Dispatcher(job, gateway, Pauses() if pauses is None else pauses)
    await done(dispatcher, raw, seconds)
    return gateway.told[-1] if gateway.told else None


async def done(dispatcher: Dispatcher, raw: ActivatedJob, seconds: float = 60) -> None:
    """Do one job, back-off included."""
    await asyncio.create_task(dispatcher.do(raw, seconds))
    await asyncio.gather(*dispatcher.waiting)


def raising(error: BaseException) -> Handler:
    async def handler(shopify_order_id: str) -> None:
        raise error

    return handler


def returning(value: object) -> Handler:
    async def handler(shopify_order_id: str) -> Any:
        return value

    return handler


class TestResult:
    async def test_a_dataclass_becomes_the_jobs_variables(self) -> None:
        told = await run(returning(Money(1200, "EUR")), shopify_order_id="1")
        assert told.variables == {"cost": 1200, "currency": "EUR"}

    async def test_nothing_returned_means_no_variables(self) -> None:
        told = await run(returning(None), shopify_order_id="1")
        assert told.variables == {}

    @pytest.mark.parametrize(
        "value",
        [
            Decimal("1.5"),
            datetime(2026, 1, 1, tzinfo=UTC),
            float("nan"),
            float("inf"),
            b"bytes",
            {1: "a number as key"},
            2**63,
            {"a", "set"},
            "\ud800",
            object(),
        ],
    )
    async def test_what_variables_cannot_hold_is_an_incident_at_once(self, value: object) -> None:
        """The effect has happened: running the handler again would give the same."""
        told = await run(returning(Anything(value)), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0
        assert "cannot be stored" in told.message

    async def test_a_result_that_contains_itself_is_an_incident(self) -> None:
        endless: list[object] = []
        endless.append(endless)
        told = await run(returning(Anything(endless)), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0

    async def test_a_result_above_the_engines_limit_is_an_incident_that_says_the_size(self) -> None:
        told = await run(returning(Anything("x" * MAX_BYTES)), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0
        assert f"{MAX_BYTES:,}" in told.message

    async def test_a_handler_that_returns_no_dataclass_is_an_incident(self) -> None:
        told = await run(returning("done"), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert "str" in told.message


class TestVariables:
    async def test_arguments_come_by_name_and_type(self) -> None:
        seen: dict[str, Any] = {}

        async def handler(shopify_order_id: str, cost: int, tried: list[str] | None = None) -> None:
            seen.update(order=shopify_order_id, cost=cost, tried=tried)

        await run(handler, shopify_order_id="1", cost=5, unasked="ignored")
        assert seen == {"order": "1", "cost": 5, "tried": None}

    async def test_a_missing_variable_is_an_incident_that_names_it(self) -> None:
        async def handler(shopify_order_id: str, cost: int) -> None: ...

        told = await run(handler, shopify_order_id="1")
        assert (told.retries, told.message) == (0, "test.do was not done: variables are missing: cost.")

    @pytest.mark.parametrize("value", [SECRET, 1.5, True, None, [1]])
    async def test_a_variable_of_another_type_is_an_incident_without_its_value(self, value: object) -> None:
        async def handler(cost: int) -> None: ...

        told = await run(handler, cost=value)
        assert told.retries == 0
        assert "variables are wrong: cost" in told.message
        assert SECRET not in told.message


class TestOutcomes:
    async def test_a_business_outcome_is_thrown_with_code_and_variables(self) -> None:
        error = BusinessOutcome(Errors.OUT_OF_STOCK, "none left", {"supplier": "acme"})
        told = await run(raising(error), shopify_order_id="1")
        assert isinstance(told, Thrown)
        assert (told.code, told.message, told.variables) == ("OUT_OF_STOCK", "none left", {"supplier": "acme"})

    async def test_a_business_outcome_with_unencodable_variables_is_an_incident(self) -> None:
        error = BusinessOutcome(Errors.OUT_OF_STOCK, "none left", {"price": Decimal(1)})
        told = await run(raising(error), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0

    async def test_a_retryable_error_burns_one_retry_and_waits_about_a_second(self) -> None:
        pauses = Pauses()
        told = await run(raising(OutcomeUnknown("no answer")), pauses=pauses, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert (told.retries, told.message) == (2, "no answer")
        assert 0.5 <= pauses[0] <= 1.0

    async def test_an_outage_burns_no_retry_for_some_four_minutes_and_then_one_each_time(self) -> None:
        waits = Pauses()
        gateway = FakeJobGateway()
        dispatcher = Dispatcher(Job("test.do", raising(Unavailable("answered 503"))), gateway, waits)
        raw = make_job(shopify_order_id="1")
        for _ in range(OUTAGE_WAITS + 1):
            await done(dispatcher, raw)
        failed = [told for told in gateway.told if isinstance(told, Failed)]
        assert [told.retries for told in failed] == [3] * OUTAGE_WAITS + [2]
        assert 120 <= sum(waits[:OUTAGE_WAITS]) <= 300

    async def test_the_wait_grows_threefold_up_to_a_minute(self) -> None:
        waits = Pauses()
        job = Job("test.do", raising(Retryable("no", burns_retry=False)))
        dispatcher = Dispatcher(job, FakeJobGateway(), waits)
        raw = make_job(shopify_order_id="1")
        for _ in range(8):
            await done(dispatcher, raw)
        limits = [1, 3, 9, 27, 60, 60, 60, 60]
        assert all(limit / 2 <= wait <= limit for wait, limit in zip(waits, limits, strict=True))

    async def test_retry_after_is_the_earliest_time_and_burns_no_retry(self) -> None:
        error, pauses = RateLimited("slow down", timedelta(seconds=20)), Pauses()
        told = await run(raising(error), pauses=pauses, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 3
        assert 20 < pauses[0] < 23

    async def test_an_effect_in_progress_elsewhere_burns_no_retry(self) -> None:
        told = await run(raising(EffectInProgress("k")), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 3

    @pytest.mark.parametrize(
        "error",
        [
            OperationalError(f"SELECT '{SECRET}'", None, ConnectionRefusedError()),
            InterfaceError(f"SELECT '{SECRET}'", None, ConnectionResetError()),
            PoolTimeoutError(SECRET),
        ],
    )
    async def test_while_the_database_is_away_jobs_wait_and_burn_no_retry(self, error: Exception) -> None:
        pauses = Pauses()
        with capture_logs() as lines:
            told = await run(raising(error), pauses=pauses, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert (told.retries, told.message) == (3, "The database is away.")
        assert 0.5 <= pauses[0] <= 1.0
        assert [line["event"] for line in lines] == ["job.failed"]
        assert SECRET not in str(lines)

    async def test_a_human_is_asked_at_once(self) -> None:
        told = await run(raising(NeedsHuman("Order 1 does not exist in the shop.")), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert (told.retries, told.message) == (0, "Order 1 does not exist in the shop.")

    async def test_the_last_retry_makes_an_incident(self) -> None:
        gateway = FakeJobGateway()
        dispatcher = Dispatcher(Job("test.do", raising(ValueError("x"))), gateway)
        await asyncio.create_task(dispatcher.do(make_job(retries=1, shopify_order_id="1"), 60))
        assert isinstance(gateway.told[0], Failed)
        assert gateway.told[0].retries == 0

    async def test_an_unknown_exceptions_text_reaches_neither_incident_nor_log(self) -> None:
        with capture_logs() as lines:
            told = await run(raising(ValueError(SECRET)), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.message.startswith("ValueError (trace ")
        assert told.retries == 2
        assert SECRET not in told.message
        assert SECRET not in str(lines)
        assert any(line["event"] == "job.crashed" and line["places"] for line in lines)

    async def test_a_cancellation_nobody_asked_for_is_a_failure_like_any_other(self) -> None:
        told = await run(raising(asyncio.CancelledError()), shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 2


class TestTelling:
    async def test_back_pressure_on_the_answer_is_retried(self) -> None:
        gateway = FakeJobGateway(trouble=deque([Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE]))
        told = await run(returning(None), gateway, shopify_order_id="1")
        assert isinstance(told, Completed)
        assert len(gateway.told) == 1

    async def test_a_completion_whose_answer_got_lost_counts_as_done(self) -> None:
        gateway = FakeJobGateway(trouble=deque([Code.UNAVAILABLE, Code.NOT_FOUND]), arrives=True)
        with capture_logs() as lines:
            await run(returning(None), gateway, shopify_order_id="1")
        assert [line["event"] for line in lines] == ["job.completed"]

    async def test_an_incident_whose_answer_got_lost_counts_as_made(self) -> None:
        """Asked again, the engine says that the job has failed already."""
        gateway = FakeJobGateway(trouble=deque([Code.UNAVAILABLE, Code.FAILED_PRECONDITION]), arrives=True)
        with capture_logs() as lines:
            await run(raising(NeedsHuman("look")), gateway, shopify_order_id="1")
        assert [line["event"] for line in lines] == ["job.incident"]

    async def test_a_job_somebody_else_finished_is_logged_and_makes_no_incident(self) -> None:
        gateway = FakeJobGateway(trouble=deque([Code.NOT_FOUND]))
        with capture_logs() as lines:
            await run(returning(None), gateway, shopify_order_id="1")
        assert [(line["event"], line["meant"]) for line in lines] == [("job.gone", "job.completed")]
        assert gateway.told == []

    async def test_an_answer_the_engine_refuses_becomes_an_incident(self) -> None:
        gateway = FakeJobGateway(trouble=deque([Code.INVALID_ARGUMENT]))
        told = await run(returning(None), gateway, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0

    async def test_a_result_too_large_for_what_follows_becomes_an_incident_at_once(self) -> None:
        """The engine says so by UNKNOWN, which is otherwise worth another try."""
        gateway = FakeJobGateway(trouble=deque([Code.UNKNOWN]), details=TOO_LARGE)
        told = await run(returning(None), gateway, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.retries == 0

    async def test_telling_ends_when_the_job_is_no_longer_ours(self) -> None:
        gateway = FakeJobGateway(trouble=deque([Code.UNAVAILABLE] * 50))
        with capture_logs() as lines:
            await run(returning(None), gateway, seconds=1, shopify_order_id="1")
        assert lines[-1]["event"] == "job.lost"

    async def test_one_line_sums_up_each_job(self) -> None:
        with capture_logs() as lines:
            await run(returning(None), shopify_order_id="1")
        assert [line["event"] for line in lines] == ["job.completed"]
        assert lines[0]["duration_ms"] >= 0


class TestLease:
    async def test_the_time_out_is_extended_while_the_handler_works(self) -> None:
        async def handler(shopify_order_id: str) -> None:
            await asyncio.sleep(0.5)

        gateway = FakeJobGateway()
        told = await run(handler, gateway, seconds=0.2, shopify_order_id="1")
        assert isinstance(told, Completed)
        assert len(gateway.extended) >= 3

    async def test_an_extension_the_engine_does_not_take_is_tried_again(self) -> None:
        async def handler(shopify_order_id: str) -> None:
            await asyncio.sleep(0.2)

        gateway = FakeJobGateway(extension_trouble=deque([Code.UNAVAILABLE]))
        await run(handler, gateway, seconds=0.2, shopify_order_id="1")
        assert len(gateway.extended) >= 2

    async def test_a_handler_that_never_ends_is_stopped_and_its_job_fails(self) -> None:
        async def handler(shopify_order_id: str) -> None:
            await asyncio.Event().wait()

        told = await run(handler, seconds=0.05, shopify_order_id="1")
        assert isinstance(told, Failed)
        assert told.message.startswith("TimeoutError (trace ")


async def test_collaborators_can_read_which_job_is_being_done() -> None:
    seen: list[JobContext | None] = []

    async def handler(shopify_order_id: str) -> None:
        seen.append(current_job())

    before = current_job()
    await run(handler, shopify_order_id="1")
    assert seen[0] is not None
    assert (seen[0].process, seen[0].job_type, seen[0].element_id) == ("test", "test.do", "Task_Do")
    assert current_job() is before


class TestBackOff:
    """Waited out here: Camunda 8.6.0 now and then forgets a job that it is to hold back itself."""

    async def test_the_engine_hears_of_a_failure_when_its_back_off_is_over(self) -> None:
        gateway, loop = FakeJobGateway(), asyncio.get_running_loop()
        job = Job("test.do", raising(Retryable("no", retry_after=timedelta(seconds=1))))
        dispatcher = Dispatcher(job, gateway)
        began = loop.time()
        await dispatcher.do(make_job(shopify_order_id="1"), 60)
        assert loop.time() - began < 0.5, "the handler's slot was not free at once"
        assert gateway.told == []
        await asyncio.gather(*dispatcher.waiting)
        assert loop.time() - began >= 1
        [failed] = gateway.told
        assert isinstance(failed, Failed)
        assert failed.retries == 2

    async def test_nobody_gets_the_job_earlier_even_if_we_are_killed(self) -> None:
        """One extension at the beginning lasts for the whole back-off and a time-out more."""
        gateway = FakeJobGateway()
        await run(raising(RateLimited("slow", timedelta(seconds=200))), gateway, shopify_order_id="1")
        assert gateway.held_ms[0] >= 260_000

    async def test_a_shutdown_leaves_the_job_to_its_time_out(self) -> None:
        gateway = FakeJobGateway()
        job = Job("test.do", raising(Retryable("no", retry_after=timedelta(seconds=20))))
        dispatcher = Dispatcher(job, gateway)
        await dispatcher.do(make_job(shopify_order_id="1"), 60)
        await asyncio.sleep(0.1)
        await dispatcher.stop_waiting()
        assert gateway.told == []
        assert 18_000 <= gateway.held_ms[-1] <= 23_000

    async def test_what_fails_during_a_shutdown_waits_for_its_time_out_too(self) -> None:
        gateway = FakeJobGateway()
        dispatcher = Dispatcher(Job("test.do", raising(Retryable("no"))), gateway)
        await dispatcher.stop_waiting()
        await dispatcher.do(make_job(shopify_order_id="1"), 60)
        assert not dispatcher.waiting
        assert gateway.told == []
        assert gateway.held_ms[-1] <= 1_000

    async def test_when_too_many_wait_the_next_keeps_its_slot(self) -> None:
        """So a worker holds no more of the engine's jobs than it can count on doing."""
        job = Job("test.do", raising(Retryable("no", retry_after=timedelta(seconds=1))), max_running=1)
        dispatcher = Dispatcher(job, FakeJobGateway())
        for _ in range(MOST_WAITING):
            await dispatcher.do(make_job(shopify_order_id="1"), 60)
        began = asyncio.get_running_loop().time()
        await dispatcher.do(make_job(shopify_order_id="1"), 60)
        assert asyncio.get_running_loop().time() - began >= 1
