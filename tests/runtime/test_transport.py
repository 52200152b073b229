"""gRPC's threads: told before it is imported, unless somebody else has told it, and no child dies of them."""

import asyncio
import os
import subprocess
import sys

import grpc.aio
import pytest

from workers.runtime.transport import SETTINGS

SAID = """
import os, sys
from workers.runtime import cli
sys.argv = ["orderops", "deploy", "--help"]
try:
    cli.main()
except SystemExit:
    pass
assert "grpc" in sys.modules
print("said", *(os.environ.get(name) for name in NAMES))
"""


@pytest.mark.parametrize("theirs", [{}, dict.fromkeys(SETTINGS, "mine")])
def test_a_command_sets_grpc_up_before_importing_it(theirs: dict[str, str]) -> None:
    """Later it would have no effect: importing the command line must not import grpc."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS} | theirs
    script = SAID.replace("NAMES", repr(list(SETTINGS)))
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert " ".join(["said", *(SETTINGS | theirs).values()]) in run.stdout


async def test_a_child_that_is_forked_beside_calls_lives() -> None:
    """With gRPC's own support for forks a third of them died. What runs before the exec makes Python fork."""
    server = grpc.aio.server()
    echo = grpc.unary_unary_rpc_method_handler(_echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", {"Say": echo}),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    calls = [asyncio.create_task(_call(address)) for _ in range(4)]
    await asyncio.sleep(0.2)
    try:
        codes = [await asyncio.to_thread(_forked) for _ in range(60)]
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await server.stop(None)
    assert codes == [0] * 60


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def _call(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        say = channel.unary_unary("/echo/Say")
        while True:
            await say(b"x" * 1000)


def _forked() -> int:
    return subprocess.run(["true"], preexec_fn=int, check=False).returncode  # the fork is the point
