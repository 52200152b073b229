"""One job from its variables to the engine's receipt. Whatever happens in between, the engine gets an answer."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import Any

import structlog
from pyzeebe.proto.gateway_pb2 import ActivatedJob

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

log = structlog.get_logger()

LONGEST_RUN = 10
"""A handler that works for so many of its time-outs is stuck: it is stopped, and the job fails."""

SHUTTING_DOWN = "Given back: the worker is shutting down."


class Dispatcher:
    """Does the jobs of one type."""

    def __init__(self, job: Job, gateway: JobGateway, held_back: timedelta = timedelta()) -> None:
        """`held_back` is the longest back-off that is waited out here instead of at the engine."""
        self.job = job
        self.timeout = job.timeout.total_seconds()
        self.arguments = Arguments(job)
        self._gateway = gateway
        self._held_back = held_back
        self._failures = Failures()
        self._working: set[asyncio.Task[Any]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()

    async def do(self, raw: ActivatedJob, left: float) -> None:
        """Do the job that is ours for `left` seconds, and tell the engine how it went."""
        began = perf_counter()
        context = JobContext(
            process=raw.bpmnProcessId,
            process_instance_key=raw.processInstanceKey,
            job_key=raw.key,
            job_type=raw.type,
            element_id=raw.elementId,
            trace=os.urandom(8).hex(),
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
            told = await self._wait_out(answer)
        finally:
            lease.stop()
        delivery = await self._deliver(raw.key, told, lease.left)
        self._report(answer, delivery, raw.retries, round((perf_counter() - began) * 1000, 1))

    async def give_back(self, raw: ActivatedJob) -> None:
        """Let another worker have a job that was not begun; its retries stay as they are."""
        await deliver(self._gateway, raw.key, Fail(SHUTTING_DOWN, raw.retries), within=1.0)
        log.info("job.given_back", job_key=raw.key, job_type=raw.type)

    def stop_waiting(self) -> None:
        """Leave every back-off that is waited out here to the engine."""
        for task in self._waiting:
            task.cancel()

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

    async def _wait_out(self, answer: Answer) -> Answer:
        """Wait a short back-off here, the job still ours, and let the engine hand it out again at once afterwards.

        Camunda 8.6.0 now and then forgets a job that it is to hold back (camunda/camunda issue 16884, seen here in
        2 of 1,000 orders). Long back-offs, and those cut short by a shutdown, are left to the engine.
        """
        task = asyncio.current_task()
        if task is None or not isinstance(answer, Fail) or not answer.retries or answer.back_off > self._held_back:
            return answer
        self._waiting.add(task)
        try:
            await asyncio.sleep(answer.back_off.total_seconds())
        except asyncio.CancelledError:
            return answer
        finally:
            self._waiting.discard(task)
        return replace(answer, back_off=timedelta())

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

    def _report(self, answer: Answer, delivery: Delivery, retries: int, duration_ms: float) -> None:
        """The one summary line of a job."""
        event, fields = _summary(answer, retries)
        if delivery is Delivery.ACCEPTED:
            write = log.warning if event in {"job.failed", "job.incident"} else log.info
            write(event, duration_ms=duration_ms, **fields)
        else:
            log.warning(f"job.{delivery}", meant=event, duration_ms=duration_ms, **fields)


def _summary(answer: Answer, retries: int) -> tuple[str, Mapping[str, Any]]:
    match answer:
        case Complete():
            return "job.completed", {}
        case Throw():
            return "job.error_thrown", {"code": answer.code}
        case Fail(message=message) if message == SHUTTING_DOWN:
            return "job.given_back", {}
        case Fail(retries=0):
            return "job.incident", {"message": answer.message}
        case Fail():
            back_off = round(answer.back_off.total_seconds(), 1)
            return "job.failed", {
                "message": answer.message,
                "retries_left": answer.retries,
                "retries_burnt": retries - answer.retries,
                "back_off_s": back_off,
            }
