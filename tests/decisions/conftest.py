"""Decisions are evaluated by the real engine, through gRPC, with all models deployed once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pyzeebe.proto.gateway_pb2 import DeployResourceRequest, EvaluateDecisionRequest, Resource
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.native.stack import Stack

MODELS = sorted((Path(__file__).parents[2] / "bpmn").glob("*.dmn"))


@dataclass(frozen=True)
class Evaluation:
    """What a decision said, and the ids of all rules that fired on the way."""

    output: Any
    fired: frozenset[str]


Evaluate = Callable[[str, dict[str, Any]], Evaluation]


@pytest.fixture(scope="session")
def evaluate(engine: Stack) -> Iterator[Evaluate]:
    """Call with a decision's id and its variables. A decision that cannot be evaluated fails the test."""
    with grpc.insecure_channel(engine.grpc_address) as channel:
        gateway = GatewayStub(channel)
        resources = [Resource(name=model.name, content=model.read_bytes()) for model in MODELS]
        gateway.DeployResource(DeployResourceRequest(resources=resources), timeout=120, wait_for_ready=True)

        def evaluate(decision: str, variables: dict[str, Any]) -> Evaluation:
            request = EvaluateDecisionRequest(decisionId=decision, variables=json.dumps(variables))
            answer = gateway.EvaluateDecision(request, timeout=60)
            assert not answer.failureMessage, answer.failureMessage
            fired = {rule.ruleId for one in answer.evaluatedDecisions for rule in one.matchedRules}
            return Evaluation(json.loads(answer.decisionOutput), frozenset(fired))

        yield evaluate
