"""The engine from the client's side: messages, deployments, instances, incidents, decisions over gRPC; user tasks
over REST.

Every call is idempotent by its key or harmless to repeat, so it is retried with back-off until it is answered or
its time is over. Errors are EngineUnavailable (ask again later) or EngineRefused (never).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import grpc
import orjson
from google.protobuf.message import Message as GrpcRequest
from pyzeebe import create_insecure_channel
from pyzeebe.proto.gateway_pb2 import (
    CancelProcessInstanceRequest,
    Deployment,
    DeployResourceRequest,
    EvaluateDecisionRequest,
    MigrateProcessInstanceRequest,
    PublishMessageRequest,
    ResolveIncidentRequest,
    Resource,
    TopologyRequest,
    UpdateJobRetriesRequest,
)
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.calls import ATTEMPT_SECONDS, as_ours, as_ours_of_message, insist
from workers.runtime.encoding import UnencodableError, encode
from workers.runtime.errors import EngineNotFound, EngineRefused
from workers.runtime.usertasks import UserTasks

PATIENCE = timedelta(seconds=30)
"""How long a call is repeated unless the caller says otherwise."""

DEPLOYMENT = timedelta(seconds=60)
"""How long one attempt to deploy may take: a cold broker reads every model first."""

RETRIES = 3
"""Attempts of a job whose incident an operator resolves."""

CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 45_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),  # gRPC's own two minutes would leave workers idle after an outage
    # what a stream buffers while all slots are taken no other worker gets: about 200 jobs, without these > 700
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 8_192),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel to the gateway; connects when first used, and again by itself. Needs a running event loop."""
    return create_insecure_channel(grpc_address=address, channel_options=CHANNEL_OPTIONS)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One thing the engine now has. `new` is False when it had exactly this already."""

    kind: str
    """process, decision or form."""
    id: str
    version: int
    key: int
    new: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """What the gateway knows of its brokers."""

    gateway_version: str
    brokers: int
    brokers_expected: int
    partitions: int
    partitions_led: int

    @property
    def ready(self) -> bool:
        """Whether every partition has a healthy leader."""
        return self.partitions > 0 and self.partitions_led == self.partitions


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A decision's output, and the rules of its own table that fired, by index from 1."""

    output: Any
    rules: tuple[int, ...]


class Engine:
    """One channel and one HTTP client. Opened where the event loop runs, closed with `close()` or `async with`."""

    def __init__(self, grpc_address: str, rest_url: str) -> None:
        self.channel = open_channel(grpc_address)
        self.gateway = GatewayStub(self.channel)
        self._tasks = UserTasks(rest_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connections; calls under way fail."""
        await self._tasks.close()
        await self.channel.close()

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        *,
        message_id: str,
        ttl: timedelta,
        variables: Mapping[str, Any],
        within: timedelta = PATIENCE,
        insisting: bool = True,
    ) -> None:
        """Publish a message; one with this id still in the engine's buffer counts as published.

        Repeated for so long, or asked once when not `insisting`. EngineRefused only when the message itself will
        not do, EngineBusy when the engine pushes it back; everything else is EngineUnavailable.
        """
        try:
            encoded = encode(variables)
        except UnencodableError as error:
            raise EngineRefused(f"Message {name} was not sent: {error}.") from None
        request = PublishMessageRequest(
            name=name,
            correlationKey=correlation_key,
            messageId=message_id,
            timeToLive=int(ttl.total_seconds() * 1000),
            variables=encoded.decode(),
        )
        try:
            if insisting:
                await insist(
                    lambda limit: self.gateway.PublishMessage(request, timeout=limit), within.total_seconds()
                )
            else:
                await self.gateway.PublishMessage(request, timeout=within.total_seconds())
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise as_ours_of_message(error, f"publish message {name}") from error

    async def deploy(self, resources: Mapping[str, bytes], within: timedelta = DEPLOYMENT) -> list[Deployed]:
        """Deploy files (name to content) in one call, all or none. The same again changes nothing."""
        request = DeployResourceRequest(
            resources=[Resource(name=name, content=content) for name, content in resources.items()]
        )
        answer = await self._ask(self.gateway.DeployResource, request, "deploy", within, attempt=DEPLOYMENT)
        deployed = (_deployed(item, answer.key) for item in answer.deployments)
        return [item for item in deployed if item is not None]

    async def cancel_instance(self, key: int, within: timedelta = PATIENCE) -> None:
        """End a process instance; one that has ended already is fine."""
        request = CancelProcessInstanceRequest(processInstanceKey=key)
        with suppress(EngineNotFound):
            await self._ask(self.gateway.CancelProcessInstance, request, f"cancel instance {key}", within)

    async def migrate_instance(
        self, key: int, target: int, elements: Mapping[str, str], within: timedelta = PATIENCE
    ) -> None:
        """Let a running instance go on by another definition (its key), elements mapped old to new.

        EngineRefused with the engine's reason when it cannot; then the instance stays as it is.
        """
        plan = MigrateProcessInstanceRequest.MigrationPlan(
            targetProcessDefinitionKey=target,
            mappingInstructions=[
                MigrateProcessInstanceRequest.MappingInstruction(sourceElementId=old, targetElementId=new)
                for old, new in elements.items()
            ],
        )
        request = MigrateProcessInstanceRequest(processInstanceKey=key, migrationPlan=plan)
        await self._ask(self.gateway.MigrateProcessInstance, request, f"migrate instance {key}", within)

    async def resolve_incident(self, key: int, job_key: int | None, within: timedelta = PATIENCE) -> None:
        """Let the engine try again where it stopped, a job (if there is one) with new retries.

        What is gone by now is fine: the incident was resolved, or its instance has ended.
        """
        if job_key is not None:
            retries = UpdateJobRetriesRequest(jobKey=job_key, retries=RETRIES)
            with suppress(EngineNotFound):
                await self._ask(self.gateway.UpdateJobRetries, retries, f"retries of job {job_key}", within)
        request = ResolveIncidentRequest(incidentKey=key)
        with suppress(EngineNotFound):
            await self._ask(self.gateway.ResolveIncident, request, f"resolve incident {key}", within)

    async def evaluate_decision(
        self, decision_id: str, variables: Mapping[str, Any], within: timedelta = PATIENCE
    ) -> Evaluated:
        """Evaluate the newest version of a decision; EngineRefused when it cannot be."""
        request = EvaluateDecisionRequest(decisionId=decision_id, variables=orjson.dumps(variables).decode())
        answer = await self._ask(self.gateway.EvaluateDecision, request, f"evaluate {decision_id}", within)
        if answer.failureMessage:
            raise EngineRefused(f"Decision {answer.failedDecisionId} failed: {answer.failureMessage}")
        own = [decision for decision in answer.evaluatedDecisions if decision.decisionId == decision_id]
        fired = (rule.ruleIndex for decision in own for rule in decision.matchedRules)
        return Evaluated(orjson.loads(answer.decisionOutput), tuple(fired))

    async def topology(self, within: timedelta = PATIENCE) -> Topology:
        """The brokers and partitions as the gateway sees them now."""
        answer = await self._ask(self.gateway.Topology, TopologyRequest(), "topology", within)
        led = {
            partition.partitionId
            for broker in answer.brokers
            for partition in broker.partitions
            if partition.role == partition.LEADER and partition.health == partition.HEALTHY
        }
        return Topology(
            gateway_version=answer.gatewayVersion,
            brokers=len(answer.brokers),
            brokers_expected=answer.clusterSize,
            partitions=answer.partitionsCount,
            partitions_led=len(led),
        )

    async def complete_user_task(self, key: int, variables: Mapping[str, Any]) -> None:
        """Complete a user task. EngineNotFound when there is none, or no longer; EngineConflict when it was
        completed while this was repeated."""
        await self._tasks.complete(key, variables, PATIENCE)

    async def assign_user_task(self, key: int, assignee: str, *, allow_override: bool = False) -> None:
        """Give a user task to somebody; EngineConflict when it has another assignee and may not be taken away."""
        await self._tasks.assign(key, assignee, PATIENCE, allow_override=allow_override)

    async def unassign_user_task(self, key: int) -> None:
        """Put a user task back for everybody; one without assignee is fine."""
        await self._tasks.unassign(key, PATIENCE)

    async def _ask(
        self,
        method: Any,
        request: GrpcRequest,
        doing: str,
        within: timedelta,
        attempt: timedelta = timedelta(seconds=ATTEMPT_SECONDS),
    ) -> Any:
        try:
            return await insist(
                lambda limit: method(request, timeout=limit), within.total_seconds(), attempt.total_seconds()
            )
        except grpc.aio.AioRpcError as error:
            raise as_ours(error, doing) from error


def _deployed(item: Deployment, deployment_key: int) -> Deployed | None:
    """Keys rise: what was made by this deployment has a key above the deployment's own."""
    kind = item.WhichOneof("Metadata")
    match kind:
        case "process":
            made: Any = item.process
            name, key = made.bpmnProcessId, made.processDefinitionKey
        case "decision":
            made = item.decision
            name, key = made.dmnDecisionId, made.decisionKey
        case "form":
            made = item.form
            name, key = made.formId, made.formKey
        case _:
            return None
    return Deployed(kind, name, made.version, key, new=key > deployment_key)
