"""The workers of a run. They come from a warmed fork server, which has imported all of this and opened nothing:
each makes its event loop, its connections and its gRPC channel for itself, after the fork."""

import asyncio
import functools
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import uvloop
from pyzeebe.proto.gateway_pb2 import ActivatedJob, UpdateJobTimeoutRequest
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from tests.faults.kills.plan import Plan, Point, Scythe, order_of
from workers.adapters.mock_alerts import MockAlerts
from workers.adapters.mock_helpdesk import MockHelpdesk
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.ports.alerts import Alert, Told
from workers.ports.helpdesk import SentReply
from workers.ports.payments import Refund
from workers.ports.supplier import Offer, Shipment, SupplierOrder, Suppliers
from workers.ports.values import Address, Money, OrderLine
from workers.runtime import logs
from workers.runtime.arguments import ORDER
from workers.runtime.bootstrap import assemble
from workers.runtime.gateway import GrpcJobGateway, Subscription
from workers.runtime.host import Host
from workers.runtime.jobs import Handler, Job
from workers.runtime.outside import mocked_outside
from workers.runtime.settings import Settings
from workers.runtime.signals import told_to_stop

HANDED_TO_GRPC = 2
"""Turns of the event loop after which a call is in gRPC's hands, which sends it by threads of its own.

No turn more: in that the answer could be read."""
TAKEN_SECONDS = 10.0
POOL = 3
"""Connections of a worker that has one job at a time."""

# imports what it needs when the first is made: better once here than in each worker
Database("postgresql+psycopg://")


class DeadlySuppliers:
    """Implements ports.supplier.Suppliers: before or after it buys, the worker may be killed."""

    def __init__(self, inner: Suppliers, scythe: Scythe) -> None:
        self._inner = inner
        self._scythe = scythe

    async def get_offers(self, order_id: str, lines: Sequence[OrderLine], country: str) -> tuple[Offer, ...]:
        return await self._inner.get_offers(order_id, lines, country)

    async def place_order(
        self, supplier: str, reference: str, lines: Sequence[OrderLine], address: Address, cost: Money
    ) -> SupplierOrder:
        order_id = reference.removeprefix("orderops-")
        self._scythe.strike(Point.BEFORE_CALL, order_id)
        bought = await self._inner.place_order(supplier, reference, lines, address, cost)
        self._scythe.strike(Point.AFTER_CALL, order_id)
        return bought

    async def find_order(self, supplier: str, reference: str) -> SupplierOrder | None:
        return await self._inner.find_order(supplier, reference)

    async def get_shipment(self, supplier: str, reference: str) -> Shipment:
        return await self._inner.get_shipment(supplier, reference)

    async def cancel_order(self, supplier: str, reference: str) -> bool:
        return await self._inner.cancel_order(supplier, reference)


class DeadlyPayments(MockPayments):
    """Before or after it gives money back, the worker may be killed."""

    def __init__(self, world: MockWorld, scythe: Scythe) -> None:
        super().__init__(world)
        self._scythe = scythe

    async def refund(self, charge_id: str, reference: str, amount: Money, reason: str) -> Refund:
        order_id = order_of(reference)
        self._scythe.strike(Point.BEFORE_CALL, order_id)
        made = await super().refund(charge_id, reference, amount, reason)
        self._scythe.strike(Point.AFTER_CALL, order_id)
        return made


class DeadlyHelpdesk(MockHelpdesk):
    """Before or after it answers the customer, the worker may be killed."""

    def __init__(self, world: MockWorld, scythe: Scythe) -> None:
        super().__init__(world)
        self._scythe = scythe

    async def send_reply(self, ticket_id: str, key: str, body: str, language: str) -> SentReply:
        order_id = order_of(ticket_id)
        self._scythe.strike(Point.BEFORE_CALL, order_id)
        sent = await super().send_reply(ticket_id, key, body, language)
        self._scythe.strike(Point.AFTER_CALL, order_id)
        return sent


class DeadlyAlerts(MockAlerts):
    """Before or after it calls somebody's phone, the worker may be killed; the chat is told after that."""

    def __init__(self, world: MockWorld, scythe: Scythe) -> None:
        super().__init__(world)
        self._scythe = scythe

    async def push(self, alert: Alert) -> Told:
        order_id = order_of(alert.key)
        self._scythe.strike(Point.BEFORE_CALL, order_id)
        told = await super().push(alert)
        self._scythe.strike(Point.AFTER_CALL, order_id)
        return told


class DeadlyGateway(GrpcJobGateway):
    """Brings one job at a time: none is pushed, so that a kill hits one job only.

    Between the sending of a completion and its answer the worker may be killed.
    """

    def __init__(self, channel: grpc.aio.Channel, scythe: Scythe, address: str) -> None:
        super().__init__(channel)
        self._scythe = scythe
        self._address = address
        self.in_hand = ""
        """The order whose job is completed next."""

    async def stream(self, wanted: Subscription) -> AsyncIterator[ActivatedJob]:
        await asyncio.Event().wait()
        yield ActivatedJob()

    async def complete(self, key: int, variables: bytes, limit: float) -> None:
        answer = asyncio.create_task(super().complete(key, variables, limit))
        if self._scythe.due(Point.AFTER_COMPLETION_SENT, self.in_hand):
            for _ in range(HANDED_TO_GRPC):
                await asyncio.sleep(0)
            self._wait_until_taken(key)
            assert not answer.done(), "the answer came before the kill"
            self._scythe.strike(Point.AFTER_COMPLETION_SENT, self.in_hand)
        await answer

    def _wait_until_taken(self, key: int) -> None:
        """Until the engine no longer has the job. Blocks the event loop, so that the answer cannot be read."""
        with grpc.insecure_channel(self._address) as channel:
            gateway, deadline = GatewayStub(channel), time.monotonic() + TAKEN_SECONDS
            while time.monotonic() < deadline:
                try:
                    gateway.UpdateJobTimeout(UpdateJobTimeoutRequest(jobKey=key, timeout=5_000), timeout=1)
                except grpc.RpcError as error:
                    if error.code() is grpc.StatusCode.NOT_FOUND:
                        return
                time.sleep(0.002)
        raise TimeoutError("the engine has not taken the completion")


def watched(inner: Handler, scythe: Scythe, gateway: DeadlyGateway) -> Handler:
    """The job's handler: before it begins or after all is recorded, the worker may be killed."""

    @functools.wraps(inner)
    async def handler(**arguments: Any) -> Any:
        order_id = _order_in(arguments)
        scythe.strike(Point.BEFORE_INTENT, order_id)
        result = await inner(**arguments)
        scythe.strike(Point.AFTER_RECORD, order_id)
        gateway.in_hand = order_id
        return result

    return handler


def _order_in(arguments: Mapping[str, Any]) -> str:
    """Dangerous tickets name no order: theirs is in their own names."""
    return order_of(next(arguments[name] for name in ("ticket_id", "refund_id", ORDER) if name in arguments))


def doomed(plan: Plan, job_type: str) -> None:
    """A worker that does such jobs, one after the other, until it is killed or told to stop."""
    _begin(plan)
    uvloop.run(_doomed(plan, job_type))


def unharmed(plan: Plan) -> None:
    """A worker for all other jobs of these processes, until it is told to stop."""
    _begin(plan)
    uvloop.run(_unharmed(plan))


async def _doomed(plan: Plan, job_type: str) -> None:
    settings, scythe = _settings(plan, POOL), Scythe(plan)
    async with MockWorld(str(settings.database_url), pool_size=POOL) as world:
        outside = mocked_outside(world)
        deadly = replace(
            outside,
            suppliers=DeadlySuppliers(outside.suppliers, scythe),
            payments=DeadlyPayments(world, scythe),
            helpdesk=DeadlyHelpdesk(world, scythe),
            alerts=DeadlyAlerts(world, scythe),
        )
        async with assemble(settings, deadly) as app:
            gateway = DeadlyGateway(app.engine.channel, scythe, settings.zeebe_grpc)
            job = next(job for process in app.processes for job in process.jobs if job.type == job_type)
            handler, timeout = watched(job.handler, scythe, gateway), timedelta(seconds=plan.job_seconds)
            await _serve([replace(job, handler=handler, timeout=timeout, max_running=1)], gateway, plan)


async def _unharmed(plan: Plan) -> None:
    async with assemble(_settings(plan, pool=20)) as app:
        ours = [process for process in app.processes if process.id in plan.deed.processes]
        jobs = [job for process in ours for job in process.jobs if job.type not in plan.deed.jobs]
        await _serve(jobs, GrpcJobGateway(app.engine.channel), plan)


async def _serve(jobs: Sequence[Job], gateway: GrpcJobGateway, plan: Plan) -> None:
    stop, parent = told_to_stop(), multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, stop.set)  # never outlive the run
    theirs = [replace(job, type=plan.as_deployed(job.type)) for job in jobs]
    await Host(theirs, gateway, drain_seconds=5).run(stop)


def _settings(plan: Plan, pool: int) -> Settings:
    return Settings.model_validate(
        {**plan.settings, "database_pool": pool, "settling_seconds": plan.settling_seconds}
    )


def _begin(plan: Plan) -> None:
    """What it logs goes into one file of all workers."""
    with (plan.folder / "workers.log").open("ab") as log:
        os.dup2(log.fileno(), 2)
    logs.configure()
