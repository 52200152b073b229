"""A gateway that misbehaves: everything is passed on to the engine's own gateway, except as a test says.

The engine behind it is real, so what it does with a call whose answer got lost is what it does in production.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import grpc
from pyzeebe.proto import gateway_pb2

FETCHING = ("StreamActivatedJobs", "ActivateJobs")
ANSWERING = ("CompleteJob", "FailJob", "ThrowError")
STREAMED = frozenset(FETCHING)
"""Methods that answer more than once."""
UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
"""Only the engine's own limit counts."""
PATIENCE = 20.0
"""Seconds that the engine has for an answer; callers have their own limits."""


@dataclass
class Call:
    """What somebody asked of the gateway, and when, on the event loop's clock."""

    method: str
    request: Any
    at: float
    passed: bool = False
    """The engine has accepted it; whether the caller heard of that is another matter."""


@dataclass
class Trouble:
    """How calls go wrong."""

    methods: tuple[str, ...]
    code: grpc.StatusCode | None
    """None: no answer ever comes."""
    times: float
    job_type: str | None = None
    lost: bool = False
    """The engine acts and its answer gets lost; else the engine hears of nothing."""

    def befalls(self, call: Call, *, answered: bool) -> bool:
        """Whether it is this call's turn, before it is passed on or once the engine has answered."""
        return (
            self.times > 0
            and answered is self.lost
            and (not self.methods or call.method in self.methods)
            and self.job_type in {None, getattr(call.request, "type", None)}
        )


class MisbehavingGateway(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Listens at `address`; `calls` are all it was asked."""

    def __init__(self, engine: grpc.aio.Channel) -> None:
        self.address = ""
        self.calls: list[Call] = []
        self._engine = engine
        self._troubles: list[Trouble] = []
        self._passing: set[asyncio.Task[bytes]] = set()

    def refuse(self, *methods: str, code: grpc.StatusCode, times: float = 1, job_type: str | None = None) -> None:
        """The next calls are answered with this status, and the engine hears of nothing. No method: all."""
        self._troubles.append(Trouble(methods, code, times, job_type))

    def lose(
        self,
        *methods: str,
        code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        times: float = 1,
        job_type: str | None = None,
    ) -> None:
        """The engine acts on the next calls, and its answers get lost."""
        self._troubles.append(Trouble(methods, code, times, job_type, lost=True))

    @contextmanager
    def refusing(self, *methods: str, code: grpc.StatusCode) -> Iterator[None]:
        """Every such call is refused meanwhile. No method: all."""
        trouble = Trouble(methods, code, inf)
        self._troubles.append(trouble)
        try:
            yield
        finally:
            self._troubles.remove(trouble)

    def asked(self, *methods: str) -> list[Call]:
        """The calls of these methods."""
        return [call for call in self.calls if call.method in methods]

    def incidents(self) -> list[str]:
        """The messages of the incidents that were made: the engine accepted a failure without retries."""
        failed = (call.request for call in self.asked("FailJob") if call.passed)
        return [request.errorMessage for request in failed if request.retries == 0]

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        """What gRPC asks for each call: how it is handled, in bytes."""
        path: str = handler_call_details.method
        if path.rsplit("/", 1)[-1] in STREAMED:
            return grpc.unary_stream_rpc_method_handler(partial(self._stream, path))
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, path))

    async def _answer(self, path: str, raw: bytes, context: Any) -> bytes:
        call = await self._noted(path, raw, context)
        passing = asyncio.create_task(self._pass_on(path, raw, call))
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)
        try:
            answer = await asyncio.shield(passing)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())
        await self._go_wrong(call, context, answered=True)
        return answer

    async def _pass_on(self, path: str, raw: bytes, call: Call) -> bytes:
        """What the engine answers, even if the caller has gone by then."""
        answer: bytes = await self._engine.unary_unary(path)(raw, timeout=PATIENCE)
        call.passed = True
        return answer

    async def _stream(self, path: str, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        call = await self._noted(path, raw, context)
        passed_on = self._engine.unary_stream(path)(raw, timeout=context.time_remaining())
        try:
            async for answer in passed_on:
                call.passed = True
                await self._go_wrong(call, context, answered=True)
                yield answer
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details())
        finally:
            passed_on.cancel()

    async def _noted(self, path: str, raw: bytes, context: Any) -> Call:
        method = path.rsplit("/", 1)[-1]
        request = getattr(gateway_pb2, f"{method}Request").FromString(raw)
        call = Call(method, request, asyncio.get_running_loop().time())
        self.calls.append(call)
        await self._go_wrong(call, context, answered=False)
        return call

    async def _go_wrong(self, call: Call, context: Any, *, answered: bool) -> None:
        for trouble in self._troubles:
            if trouble.befalls(call, answered=answered):
                trouble.times -= 1
                if trouble.code is None:
                    await asyncio.Event().wait()
                await context.abort(trouble.code, "misbehaving")


@asynccontextmanager
async def misbehaving_gateway(engine_address: str) -> AsyncIterator[MisbehavingGateway]:
    """One in front of the engine, well-behaved until told otherwise."""
    async with grpc.aio.insecure_channel(engine_address, options=UNLIMITED) as channel:
        gateway = MisbehavingGateway(channel)
        server = grpc.aio.server(options=UNLIMITED)
        server.add_generic_rpc_handlers((gateway,))
        gateway.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield gateway
        finally:
            await server.stop(None)
