"""Which of the gateway's failures end the attempts to publish a message, and which end any call."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.calls import TOO_LARGE, worth_retrying
from workers.runtime.engine import Engine
from workers.runtime.errors import EngineError, EngineRefused, EngineUnavailable


class Gateway:
    """Answers every message with one status."""

    def __init__(self, code: StatusCode, details: str) -> None:
        self._error = AioRpcError(code, Metadata(), Metadata(), details)

    async def PublishMessage(self, _request: object, timeout: float) -> None:  # noqa: N802, ASYNC109  # gRPC's names
        raise self._error


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine("127.0.0.1:1", "http://127.0.0.1:1") as engine:
        yield engine


async def publish(engine: Engine, code: StatusCode, details: str = "", **variables: object) -> EngineError | None:
    """What publishing ends with when the gateway answers so."""
    engine.gateway = cast(GatewayStub, Gateway(code, details))
    try:
        await engine.publish_message(
            "order_paid", "1", message_id="1", ttl=timedelta(hours=1), variables=variables,
            within=timedelta(seconds=0.01),
        )  # fmt: skip
    except EngineError as error:
        return error
    return None


@pytest.mark.parametrize(
    "code",
    [
        code
        for code in StatusCode
        if code not in {StatusCode.OK, StatusCode.INVALID_ARGUMENT, StatusCode.ALREADY_EXISTS}
    ],
)
async def test_a_message_is_tried_again_whatever_a_gateway_or_proxy_answers(
    engine: Engine, code: StatusCode
) -> None:
    """UNIMPLEMENTED is what gRPC makes of a proxy's 404."""
    error = await publish(engine, code)
    assert isinstance(error, EngineUnavailable)
    assert code.name in str(error)


async def test_a_message_is_refused_for_what_is_in_it(engine: Engine) -> None:
    assert isinstance(await publish(engine, StatusCode.INVALID_ARGUMENT, "no JSON"), EngineRefused)
    assert isinstance(await publish(engine, StatusCode.UNKNOWN, f"... {TOO_LARGE} ..."), EngineRefused)
    assert isinstance(await publish(engine, StatusCode.OK, unencodable=object()), EngineRefused)


async def test_a_message_that_the_engine_has_is_published(engine: Engine) -> None:
    assert await publish(engine, StatusCode.ALREADY_EXISTS) is None


def test_a_proxy_in_the_way_ends_no_call() -> None:
    for code in (StatusCode.UNIMPLEMENTED, StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED):
        assert worth_retrying(AioRpcError(code, Metadata(), Metadata()))
