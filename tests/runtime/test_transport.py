"""gRPC's threads: told before it is imported, and left alone when somebody else has told it."""

import os
import subprocess
import sys

import pytest

from workers.runtime.transport import EXPERIMENTS

SAID = """
import os, sys
from workers.runtime import cli
sys.argv = ["orderops", "deploy", "--help"]
try:
    cli.main()
except SystemExit:
    pass
assert "grpc" in sys.modules
print("said", os.environ.get("GRPC_EXPERIMENTS"))
"""


@pytest.mark.parametrize(("before", "after"), [(None, EXPERIMENTS), ("mine", "mine")])
def test_a_command_sets_grpc_up_before_importing_it(before: str | None, after: str) -> None:
    """Later it would have no effect: importing the command line must not import grpc."""
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    environment |= {"GRPC_EXPERIMENTS": before} if before else {}
    run = subprocess.run(
        [sys.executable, "-c", SAID], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"said {after}" in run.stdout
