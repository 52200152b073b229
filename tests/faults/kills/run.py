"""One run: orders go in, workers are killed and replaced until every order is bought, and the books are read."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess

from grpc import StatusCode
from grpc.aio import AioRpcError
from pyzeebe.proto.gateway_pb2 import CancelProcessInstanceRequest
from sqlalchemy import any_, func, select

from tests.engine.orders import an_order
from tests.faults.kills import refunds, tickets, worker
from tests.faults.kills.plan import PURCHASES, REFUNDS, TICKETS, Hits, Plan, refund_of
from workers.adapters.mock_books import EventRow, SupplierOrderRow
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.record_models import Instance
from workers.runtime.answers import LONGEST_WAIT
from workers.runtime.demo import books
from workers.runtime.demo.plan import Plan as Orders
from workers.runtime.demo.plan import Planned, planned
from workers.runtime.deploy import resources
from workers.runtime.engine import Engine
from workers.runtime.resources import models_dir

KILLED = -9
WORKERS = 6
"""Doomed workers at once. A dead one is replaced at once."""
AHEAD = 60
"""Orders on their way at once: more would only wait in the engine."""
STALLED_SECONDS = 2 * LONGEST_WAIT
"""Without any progress for so long, what is not there counts as lost: a job that waits out its back-off when its
worker is killed stays held until that is over, and a time-out more."""
_context = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Start the server that the workers are forked from; it imports everything, which takes seconds."""
    _context.set_forkserver_preload([worker.__name__])
    forkserver.ensure_running()


@dataclass
class Progress:
    """What is known while it runs."""

    started: int = 0
    killed: int = 0
    """Workers whose wait status says SIGKILL."""
    bought: int = 0
    finished: int = 0
    other_ends: Counter[int | None] = field(default_factory=Counter)
    """Workers that ended in another way before they were told to, by exit code."""


@dataclass(frozen=True)
class Outcome:
    """What the books say; by order number where there is one for each order."""

    killed: int
    hits: bytes
    bought: Sequence[int]
    """How often the suppliers' books say that it was asked for: more than once is saved by the supplier alone."""
    finished: Sequence[bool]
    """Whether its supplier order was announced, the process's last step."""
    ledger_wrong: Sequence[str]
    """Orders not booked exactly as bought."""
    other_ends: Mapping[int | None, int]
    seconds: float
    approved: int = 0
    """Refunds that might be made."""


async def run(plan: Plan, on_progress: Callable[[Progress], None] = lambda _: None) -> Outcome:
    """Needs a deployed process. Ends when every order is finished, or nothing has moved for long."""
    began = time.monotonic()
    warm_up()
    url = str(plan.settings["database_url"])
    Hits.prepare(plan)
    progress = Progress()
    database = Database(url, 2)
    try:
        async with MockWorld(url, pool_size=10) as world:
            orders = Orders([_planned(one) for one in plan.orders])
            await _seed(world, orders)
            watched = nullcontext() if plan.deed == PURCHASES else refunds.records_taken_in(plan)
            async with watched, _workers(plan, progress):
                await _until_finished(plan, database, progress, on_progress)
            asked, finished, wrong, approved = await _read(plan, database, world, orders)
    finally:
        await database.close()
    return Outcome(
        killed=progress.killed,
        hits=Hits(plan).counts(),
        bought=asked,
        finished=finished,
        ledger_wrong=wrong,
        other_ends=progress.other_ends,
        seconds=time.monotonic() - began,
        approved=approved,
    )


async def _read(plan: Plan, database: Database, world: MockWorld, orders: Orders) -> refunds.Found:
    """What the books say, by the deed."""
    if plan.deed == REFUNDS:
        return await refunds.read(plan, database, world)
    if plan.deed == TICKETS:
        return await tickets.read(plan, world)
    found = await books.read(database, world, orders)
    bought = [sum(row.requests for row in found.bought.get(one, ())) for one in plan.orders]
    return bought, [one in found.supplied_at for one in plan.orders], list(found.ledger_differences()), 0


def _planned(order_id: str) -> Planned:
    order = an_order(id=int(order_id), email=tickets.email_of(order_id))
    return planned(order, (), repeated=False, fresh=False)


async def deploy(engine: Engine, plan: Plan) -> None:
    """All models; those of the deed as the plan has them, as copies besides the others where it says so."""
    models = {f"{plan.named(process)}.bpmn": _model(plan, process) for process in plan.deed.processes}
    if not plan.copy:
        await engine.deploy({**resources(), **models})
        return
    await engine.deploy(resources())
    await engine.deploy(models)


def _model(plan: Plan, process: str) -> bytes:
    """A copy has a name of its own: nobody else works on its jobs, hears its message or calls it. People are woken
    sooner."""
    text = (models_dir() / f"{process}.bpmn").read_text(encoding="utf-8").replace(*tickets.SOONER)
    if plan.copy:
        for each in plan.deed.processes:
            name = plan.named(each)
            for place in ('id="{}"', 'bpmnElement="{}"', 'type="{}.', 'processId="{}"'):
                text = text.replace(place.format(each), place.format(name))
        text = text.replace(f'name="{plan.deed.message}"', f'name="{plan.message}"')
        text = text.replace('bindingType="deployment"', 'bindingType="latest"')
    return text.encode()


async def end_copies(engine: Engine, plan: Plan) -> None:
    """What waits for somebody waits no more: other tests' time passes in this engine."""
    database = Database(str(plan.settings["database_url"]), 1)
    mine = select(Instance.key).where(Instance.process == plan.named(plan.deed.process), Instance.state == "open")
    try:
        async with database.sessions() as session:
            for key in await session.scalars(mine):
                request = CancelProcessInstanceRequest(processInstanceKey=key)
                try:
                    await engine.gateway.CancelProcessInstance(request, timeout=10)
                except AioRpcError as error:
                    if error.code() is not StatusCode.NOT_FOUND:  # it has ended; its record is on its way
                        raise
    finally:
        await database.close()


async def _seed(world: MockWorld, orders: Orders) -> None:
    shop, waiting = MockShop(world), iter(orders.orders)

    async def some() -> None:
        for one in waiting:
            await shop.seed_order(one.order)

    await asyncio.gather(*(some() for _ in range(10)))


@asynccontextmanager
async def _workers(plan: Plan, progress: Progress) -> AsyncIterator[None]:
    """Six who die, each replaced at once, and one who does all other jobs and lives."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            job_type = plan.deed.jobs[number % len(plan.deed.jobs)]
            group.create_task(_keep_one(plan, job_type, progress, over))
        group.create_task(_until_over(_context.Process(target=worker.unharmed, args=(plan,), daemon=True), over))
        try:
            yield
        finally:
            over.set()


async def _keep_one(plan: Plan, job_type: str, progress: Progress, over: asyncio.Event) -> None:
    while not over.is_set():
        doomed = _context.Process(target=worker.doomed, args=(plan, job_type), daemon=True)
        code = await _until_over(doomed, over)
        if code == KILLED:
            progress.killed += 1
        elif not over.is_set():
            progress.other_ends[code] += 1
            await asyncio.sleep(1)


async def _until_over(process: ForkServerProcess, over: asyncio.Event) -> int | None:
    """Run a worker until it ends; when the run is over, tell it to stop. Returns its exit code, -9 for SIGKILL."""
    process.start()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    telling = asyncio.create_task(over.wait())
    telling.add_done_callback(lambda task: None if task.cancelled() else process.terminate())
    try:
        await ended.wait()
    finally:
        telling.cancel()
        loop.remove_reader(process.sentinel)
    process.join()
    return process.exitcode


async def _until_finished(
    plan: Plan, database: Database, progress: Progress, on_progress: Callable[[Progress], None]
) -> None:
    """Start orders, so many ahead of those that are finished, until all are or nothing moves any more."""
    waiting, last, moved_at = iter(plan.orders), (0, 0), time.monotonic()
    async with Engine(plan.settings["zeebe_grpc"], plan.settings["zeebe_rest"]) as engine:
        while progress.finished < plan.total and time.monotonic() - moved_at < STALLED_SECONDS:
            for _ in range(AHEAD - (progress.started - progress.finished)):
                if (order_id := next(waiting, None)) is not None:
                    await _start(engine, database, plan, order_id)
                    progress.started += 1
            progress.bought, progress.finished = await _count(plan, database)
            on_progress(progress)
            if (now := (progress.killed, progress.finished)) != last:
                last, moved_at = now, time.monotonic()
            await asyncio.sleep(0.5)


async def _start(engine: Engine, database: Database, plan: Plan, order_id: str) -> None:
    name, variables, key = plan.message, {"shopify_order_id": order_id}, order_id
    if plan.deed == REFUNDS:
        variables, key = refunds.variables_of(order_id), refund_of(order_id)
    elif plan.deed == TICKETS:
        variables, key = await tickets.written(plan, database, order_id), tickets.ticket_of(order_id)
    await engine.publish_message(
        name, key, message_id=f"{name}:{order_id}", ttl=timedelta(hours=1), variables=variables
    )


async def _count(plan: Plan, database: Database) -> tuple[int, int]:
    """Orders bought, and orders announced; or refunds made, and refunds told of; or tickets, see there."""
    if plan.deed == REFUNDS:
        return await refunds.count(plan, database)
    if plan.deed == TICKETS:
        return await tickets.count(plan, database)
    references = books.array_of(f"orderops-{one}" for one in plan.orders)
    keys = books.array_of(f"supplier_order_placed:{one}" for one in plan.orders)
    bought = select(func.count()).where(SupplierOrderRow.reference == any_(references))
    announced = select(func.count()).where(EventRow.key == any_(keys))
    async with database.sessions() as session:
        return await session.scalar(bought) or 0, await session.scalar(announced) or 0
