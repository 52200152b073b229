"""A worker whose handlers fail with a person's data in every error: `python -m tests.runtime.failing_worker
FORMAT NUMBER`. Logs go to standard error; what the engine and the collector were told to standard output."""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from tests.fakes.job_gateway import Failed, FakeJobGateway, make_job
from workers.runtime import logs
from workers.runtime.dispatch import Dispatcher
from workers.runtime.jobs import Handler, Job
from workers.runtime.otlp import tracing_to

CANARY = "Kanarie{:04}"
Failing = Callable[[str], Awaitable[Any]]


class Total(BaseModel):
    total: int


@dataclass(frozen=True)
class Unencodable:
    name: str
    of: object


async def with_its_text(canary: str) -> None:
    raise ValueError(f"cannot ship to {canary}")


async def with_a_key(canary: str) -> int:
    return dict[str, int]()[canary]


async def with_a_cause(canary: str) -> None:
    try:
        int(canary)
    except ValueError as error:
        raise RuntimeError(canary) from error


async def with_several(canary: str) -> None:
    raise ExceptionGroup(canary, [ValueError(canary), KeyError(canary)])


async def with_what_was_sent(canary: str) -> None:
    Total.model_validate({"total": canary})


async def with_its_parameters(canary: str) -> None:
    raise IntegrityError("INSERT INTO cases", {"name": canary}, ValueError(f"Key (name)=({canary}) exists"))


async def with_an_encoding(canary: str) -> None:
    f"{canary}\ud800".encode()


async def with_a_result(canary: str) -> Unencodable:
    return Unencodable(canary, {canary})


async def while_nobody_looks(canary: str) -> None:
    async def lost() -> None:
        raise ValueError(canary)

    task = asyncio.create_task(lost())
    await asyncio.sleep(0)
    del task


async def logged_by_a_library(canary: str) -> None:
    try:
        raise ValueError(canary)  # noqa: TRY301  # to be caught here
    except ValueError:
        logging.getLogger("library").exception("It went wrong.")
        structlog.get_logger().exception("it.went_wrong")


async def logged_as_fields(canary: str) -> None:
    structlog.get_logger().info("order.read", order={"customer": {"first_name": canary}, "email": canary})
    structlog.get_logger().info("mail.sent", note=f"to {canary}@example.com")


FAILING: tuple[Failing, ...] = (
    with_its_text, with_a_key, with_a_cause, with_several, with_what_was_sent, with_its_parameters,
    with_an_encoding, with_a_result, while_nobody_looks, logged_by_a_library, logged_as_fields,
)  # fmt: skip


def bound(failing: Failing) -> Handler:
    async def handler(name: str) -> Any:
        return await failing(name)

    return handler


async def work(canaries: int) -> None:
    """Fail in every way by turns; the variables themselves are wrong in each tenth."""
    asyncio.get_running_loop().set_exception_handler(logs.of_the_loop)
    gateway, exporter = FakeJobGateway(), InMemorySpanExporter()
    with tracing_to(SimpleSpanProcessor(exporter), "test"):
        dispatchers = [Dispatcher(Job(f"test.{each.__name__}", bound(each)), gateway) for each in FAILING]
        for number in range(canaries):
            canary = CANARY.format(number)
            wrong: dict[str, Any] = {"name": {canary: canary}} if number % 10 == 9 else {"name": canary}
            await dispatchers[number % len(FAILING)].do(make_job(retries=1, **wrong), 60)
        gc.collect()
        await asyncio.sleep(0)
    told = [answer.message for answer in gateway.told if isinstance(answer, Failed)]
    traced = [span.to_json() for span in exporter.get_finished_spans()]
    sys.stdout.write(orjson.dumps({"incidents": told, "traces": traced}).decode())


if __name__ == "__main__":
    logs.configure(sys.argv[1])
    asyncio.run(work(int(sys.argv[2])))
