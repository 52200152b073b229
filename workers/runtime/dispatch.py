"""One job from its variables to the engine's receipt. Whatever happens in between, the engine gets an answer."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any

import grpc
import structlog
from opentelemetry.trace import Span
from pyzeebe.proto.gateway_pb2 import ActivatedJob

from workers.runtime import tracing
from workers.runtime.answers import (
    FORESEEN,
    Answer,
    Complete,
    Delivery,
    Fail,
    Failures,
    Throw,
    answer_to,
    completed,
    deliver,
)
from workers.runtime.arguments import ORDER, Arguments
from workers.runtime.context import JobContext, enter_job
from workers.runtime.gateway import JobGateway
from workers.runtime.jobs import Job
from workers.runtime.lease import Lease
from workers.runtime.logs import places
from workers.runtime.metrics import JobMeter, Outcome

log = structlog.get_logger()

LONGEST_RUN = 10
"""A handler that works for so many of its time-outs is stuck: it is stopped, and the job fails."""

MOST_WAITING = 8
"""So many times the handlers that may run at once may wait out a back-off; more wait in the slots of handlers."""

NOT_ACCEPTED = {
    Delivery.GONE: Outcome.GONE,
    Delivery.REFUSED: Outcome.REFUSED,
    Delivery.LOST: Outcome.LOST,
}

WELL = frozenset({Outcome.COMPLETED, Outcome.ERROR_THROWN, Outcome.GIVEN_BACK})
"""Nothing to look at."""

SHUTTING_DOWN = "Given back: the worker is shutting down."


class Dispatcher:
    """Does the jobs of one type."""

    def __init__(
        self, job: Job, gateway: JobGateway, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`pause` waits out back-offs, given in seconds."""
        self.job = job
        self.timeout = job.timeout.total_seconds()
        self.arguments = Arguments(job)
        self.waiting: set[asyncio.Task[None]] = set()
        """Failed jobs, each until its back-off is over and the engine knows."""
        self._gateway = gateway
        self._pause = pause
        self._failures = Failures()
        self._meter = JobMeter(job.type)
        self._working: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def do(self, raw: ActivatedJob, left: float) -> None:
        """Do the job that is ours for `left` seconds, and tell the engine how it went."""
        with tracing.job(raw) as span:
            await self._do(raw, left, span)

    async def _do(self, raw: ActivatedJob, left: float, span: Span) -> None:
        began = perf_counter()
        self._meter.began(self.timeout - left)
        context = JobContext(
            process=raw.bpmnProcessId,
            process_instance_key=raw.processInstanceKey,
            element_instance_key=raw.elementInstanceKey,
            job_key=raw.key,
            job_type=raw.type,
            element_id=raw.elementId,
            trace=tracing.trace_id(span) or os.urandom(8).hex(),
        )
        enter_job(context)
        structlog.contextvars.bind_contextvars(
            process=context.process,
            instance_key=context.process_instance_key,
            job_key=context.job_key,
            job_type=context.job_type,
            trace=context.trace,
        )
        lease = Lease(self._gateway, raw.key, self.timeout, left)
        try:
            answer = await self._answer(raw, context)
        except BaseException:
            lease.stop()
            raise
        if isinstance(answer, Fail) and answer.retries and answer.back_off:
            self._report(answer, Delivery.ACCEPTED, raw.retries, perf_counter() - began)
            await self._hold_back(raw.key, answer, lease)
            return
        lease.stop()
        delivery = await self._deliver(raw.key, answer, lease.left)
        self._report(answer, delivery, raw.retries, perf_counter() - began)

    async def give_back(self, raw: ActivatedJob) -> None:
        """Let another worker have a job that was not begun; its retries stay as they are."""
        await deliver(self._gateway, raw.key, Fail(SHUTTING_DOWN, raw.retries), within=1.0)
        self._meter.not_begun(Outcome.GIVEN_BACK)
        log.info("job.given_back", job_key=raw.key, job_type=raw.type)

    def drop(self, raw: ActivatedJob) -> None:
        """Leave a job alone that was not begun and is no longer ours."""
        self._meter.not_begun(Outcome.DROPPED)
        log.info("job.dropped", job_key=raw.key, job_type=raw.type)

    async def stop_waiting(self) -> None:
        """Wait for no back-off any more: the engine hands those jobs out when theirs is over."""
        self._closing = True
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)

    def stop_handlers(self) -> None:
        """Cancel every handler at work; jobs whose answer is under way are left alone."""
        for task in self._working:
            task.cancel()

    async def _answer(self, raw: ActivatedJob, context: JobContext) -> Answer:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # each job runs in a task of its own
        self._working.add(task)
        try:
            return await self._work(raw.variables)
        except asyncio.CancelledError:
            if task.cancelling():
                return Fail(SHUTTING_DOWN, raw.retries)
            return self._failed(RuntimeError("something the handler waited for was cancelled"), raw, context)
        except Exception as error:
            return self._failed(error, raw, context)
        finally:
            self._working.discard(task)

    async def _hold_back(self, key: int, answer: Fail, lease: Lease) -> None:
        """Keep the failed job until its back-off is over, without taking up a handler's slot.

        The engine's own back-off is not used: Camunda 8.6.0 now and then never hands such a job out again
        (camunda/camunda issue 16884). Should we be killed, the job's time-out ends soon after the back-off.
        """
        if self._closing:
            lease.stop()
            await self._let_go(key, answer.back_off.total_seconds())
            return
        waiting = asyncio.create_task(self._wait_out(key, answer, lease))
        self.waiting.add(waiting)
        waiting.add_done_callback(self.waiting.discard)
        if len(self.waiting) > self.job.max_running * MOST_WAITING:
            await asyncio.wait({waiting})

    async def _wait_out(self, key: int, answer: Fail, lease: Lease) -> None:
        loop = asyncio.get_running_loop()
        over = loop.time() + answer.back_off.total_seconds()
        lease.hold(answer.back_off.total_seconds())
        try:
            await self._pause(answer.back_off.total_seconds())
        except asyncio.CancelledError:
            await self._let_go(key, over - loop.time())
            return
        finally:
            lease.stop()
        delivery = await self._deliver(key, answer, lease.left)
        if delivery is not Delivery.ACCEPTED:
            log.warning(f"job.{delivery}", meant="job.failed")

    async def _let_go(self, key: int, seconds: float) -> None:
        """Let the job's time-out end with its back-off."""
        with suppress(grpc.aio.AioRpcError):
            await self._gateway.extend(key, max(int(seconds * 1000), 1), limit=1.0)

    async def _work(self, variables: str) -> Answer:
        arguments = self.arguments.read(variables)
        if ORDER in arguments:
            structlog.contextvars.bind_contextvars(shopify_order_id=arguments[ORDER])
        async with asyncio.timeout(self.timeout * LONGEST_RUN):
            result = await self.job.handler(**arguments)
        return completed(result)

    def _failed(self, error: Exception, raw: ActivatedJob, context: JobContext) -> Answer:
        if not isinstance(error, FORESEEN):
            log.error("job.crashed", error=type(error).__name__, places=places(error))
        return answer_to(error, raw.retries, self._failures.count(raw.key), context.trace)

    async def _deliver(self, key: int, answer: Answer, within: float) -> Delivery:
        delivery = await deliver(self._gateway, key, answer, within)
        if delivery is Delivery.REFUSED:
            message = (
                f"The work was done, but the engine refuses its result ({type(answer).__name__.lower()}), perhaps "
                "as too large with all that follows from it. Mend the diagram or the handler, then retry."
            )
            await deliver(self._gateway, key, Fail(message, retries=0), within)
        if not isinstance(answer, Fail) or answer.retries == 0:
            self._failures.forget(key)
        return delivery

    def _report(self, answer: Answer, delivery: Delivery, retries: int, seconds: float) -> None:
        """The one summary line of a job, and its place in the metrics."""
        meant, fields = _summary(answer, retries)
        outcome = NOT_ACCEPTED.get(delivery, meant)
        well = outcome in WELL
        self._meter.ended(outcome, seconds, burnt=isinstance(answer, Fail) and answer.retries < retries)
        tracing.outcome(outcome, well=well)
        more = {} if outcome is meant else {"meant": f"job.{meant}"}
        write = log.info if well else log.warning
        write(f"job.{outcome}", duration_ms=round(seconds * 1000, 1), **more, **fields)


def _summary(answer: Answer, retries: int) -> tuple[Outcome, Mapping[str, Any]]:
    match answer:
        case Complete():
            return Outcome.COMPLETED, {}
        case Throw():
            return Outcome.ERROR_THROWN, {"code": answer.code}
        case Fail(message=message) if message == SHUTTING_DOWN:
            return Outcome.GIVEN_BACK, {}
        case Fail(retries=0):
            return Outcome.INCIDENT, {"message": answer.message}
        case Fail():
            back_off = round(answer.back_off.total_seconds(), 1)
            return Outcome.FAILED, {
                "message": answer.message,
                "retries_left": answer.retries,
                "retries_burnt": retries - answer.retries,
                "back_off_s": back_off,
            }
