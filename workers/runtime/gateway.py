"""The engine's job calls, as they are on the wire. All raise grpc.aio.AioRpcError and retry nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import grpc
from pyzeebe.proto.gateway_pb2 import (
    ActivatedJob,
    ActivateJobsRequest,
    CompleteJobRequest,
    FailJobRequest,
    StreamActivatedJobsRequest,
    ThrowErrorRequest,
    UpdateJobTimeoutRequest,
)
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

STREAM_SECONDS = 600.0
"""A stream is opened anew after this time, so that none outlives what it was registered at."""

GRACE_SECONDS = 5.0
"""What an answer may take longer than the time that the engine was given."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which jobs are wanted, with which variables, and for how long each is ours once handed out."""

    job_type: str
    worker: str
    timeout_ms: int
    variables: tuple[str, ...]


class JobGateway(Protocol):
    """What the host needs of the engine."""

    def stream(self, wanted: Subscription) -> AsyncIterator[ActivatedJob]:
        """Jobs as they come into being; ends by DEADLINE_EXCEEDED when its time is over."""
        ...

    async def poll(self, wanted: Subscription, most: int, wait_ms: int) -> Sequence[ActivatedJob]:
        """Jobs that lie there; waits for one at most so long (negative: not at all)."""
        ...

    async def complete(self, key: int, variables: bytes, limit: float) -> None:
        """The job is done."""
        ...

    async def fail(self, key: int, retries: int, message: str, limit: float) -> None:
        """The job is not done: handed out again at once, or an incident without retries."""
        ...

    async def throw(self, key: int, code: str, message: str, variables: bytes, limit: float) -> None:
        """The job ends in a BPMN error."""
        ...

    async def extend(self, key: int, timeout_ms: int, limit: float) -> None:
        """The job is ours for so long from now."""
        ...


class GrpcJobGateway:
    """The real one, on pyzeebe's stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = GatewayStub(channel)

    def stream(self, wanted: Subscription) -> AsyncIterator[ActivatedJob]:
        """See JobGateway."""
        request = StreamActivatedJobsRequest(
            type=wanted.job_type,
            worker=wanted.worker,
            timeout=wanted.timeout_ms,
            fetchVariable=wanted.variables,
        )
        call: AsyncIterator[ActivatedJob] = self._stub.StreamActivatedJobs(request, timeout=STREAM_SECONDS)
        return call

    async def poll(self, wanted: Subscription, most: int, wait_ms: int) -> Sequence[ActivatedJob]:
        """See JobGateway."""
        request = ActivateJobsRequest(
            type=wanted.job_type,
            worker=wanted.worker,
            timeout=wanted.timeout_ms,
            maxJobsToActivate=most,
            fetchVariable=wanted.variables,
            requestTimeout=wait_ms,
        )
        limit = max(wait_ms, 0) / 1000 + GRACE_SECONDS
        return [job async for answer in self._stub.ActivateJobs(request, timeout=limit) for job in answer.jobs]

    async def complete(self, key: int, variables: bytes, limit: float) -> None:
        """See JobGateway."""
        await self._stub.CompleteJob(CompleteJobRequest(jobKey=key, variables=variables.decode()), timeout=limit)

    async def fail(self, key: int, retries: int, message: str, limit: float) -> None:
        """See JobGateway."""
        request = FailJobRequest(jobKey=key, retries=retries, errorMessage=message)
        await self._stub.FailJob(request, timeout=limit)

    async def throw(self, key: int, code: str, message: str, variables: bytes, limit: float) -> None:
        """See JobGateway."""
        request = ThrowErrorRequest(jobKey=key, errorCode=code, errorMessage=message, variables=variables.decode())
        await self._stub.ThrowError(request, timeout=limit)

    async def extend(self, key: int, timeout_ms: int, limit: float) -> None:
        """See JobGateway."""
        await self._stub.UpdateJobTimeout(UpdateJobTimeoutRequest(jobKey=key, timeout=timeout_ms), timeout=limit)
