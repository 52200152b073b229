"""An engine's job side that keeps what it was told and fails when asked to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import time
from typing import Any

import grpc
import orjson
from grpc.aio import AioRpcError, Metadata
from pyzeebe.proto.gateway_pb2 import ActivatedJob

from workers.runtime.gateway import Subscription

KEYS = count(1)


def rpc_error(code: grpc.StatusCode, details: str = "fake") -> AioRpcError:
    """What gRPC raises for a status."""
    return AioRpcError(code, Metadata(), Metadata(), details=details)


def make_job(job_type: str = "test.do", retries: int = 3, timeout: float = 60, **variables: Any) -> ActivatedJob:
    """A job as the engine hands it out."""
    return ActivatedJob(
        key=next(KEYS),
        type=job_type,
        processInstanceKey=77,
        bpmnProcessId="test",
        elementId="Task_Do",
        retries=retries,
        deadline=int((time() + timeout) * 1000),
        variables=orjson.dumps(variables).decode(),
    )


@dataclass(frozen=True)
class Completed:
    key: int
    variables: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    key: int
    retries: int
    message: str


@dataclass(frozen=True)
class Thrown:
    key: int
    code: str
    message: str
    variables: dict[str, Any]


@dataclass
class FakeJobGateway:
    """`told` are the answers that arrived; `trouble` and `details` what the next answers end in.

    With `arrives` an answer reaches the engine although the caller hears of trouble.
    """

    told: list[Completed | Failed | Thrown] = field(default_factory=list)
    trouble: deque[grpc.StatusCode] = field(default_factory=deque)
    details: str = "fake"
    arrives: bool = False
    extended: list[int] = field(default_factory=list)
    held_ms: list[int] = field(default_factory=list)
    """What the extensions asked for."""
    extension_trouble: deque[grpc.StatusCode] = field(default_factory=deque)
    lying: deque[ActivatedJob] = field(default_factory=deque)
    pushed: asyncio.Queue[ActivatedJob] = field(default_factory=asyncio.Queue)
    stream_trouble: deque[grpc.StatusCode] = field(default_factory=deque)
    poll_trouble: deque[grpc.StatusCode] = field(default_factory=deque)
    subscriptions: list[Subscription] = field(default_factory=list)
    polled_for: list[int] = field(default_factory=list)

    async def stream(self, wanted: Subscription) -> AsyncIterator[ActivatedJob]:
        self.subscriptions.append(wanted)
        if self.stream_trouble:
            raise rpc_error(self.stream_trouble.popleft())
        while True:
            yield await self.pushed.get()

    async def poll(self, wanted: Subscription, most: int, wait_ms: int) -> Sequence[ActivatedJob]:
        self.polled_for.append(most)
        if self.poll_trouble:
            raise rpc_error(self.poll_trouble.popleft())
        if not self.lying and wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000)
        return [self.lying.popleft() for _ in range(min(most, len(self.lying)))]

    async def complete(self, key: int, variables: bytes, limit: float) -> None:
        self._answer(Completed(key, orjson.loads(variables)))

    async def fail(self, key: int, retries: int, message: str, limit: float) -> None:
        self._answer(Failed(key, retries, message))

    async def throw(self, key: int, code: str, message: str, variables: bytes, limit: float) -> None:
        self._answer(Thrown(key, code, message, orjson.loads(variables)))

    async def extend(self, key: int, timeout_ms: int, limit: float) -> None:
        self.extended.append(key)
        self.held_ms.append(timeout_ms)
        if self.extension_trouble:
            raise rpc_error(self.extension_trouble.popleft())

    def _answer(self, answer: Completed | Failed | Thrown) -> None:
        code = self.trouble.popleft() if self.trouble else None
        if code is None or self.arrives:
            self.told.append(answer)
        if code is not None:
            raise rpc_error(code, self.details)
