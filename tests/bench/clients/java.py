"""The Java client, built from Maven Central by the bench itself; it needs a JDK's compiler."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.clients.programs import Program
from tests.bench.clients.two_tasks import job_types
from tests.maven import jars
from workers.runtime.native.config import default_cache

COORDINATES = "io.camunda:zeebe-client-java:8.6.0"
SOURCE = Path(__file__).with_name("BenchClient.java")


def why_not() -> str | None:
    """Why the Java client cannot take part; None when it can."""
    if shutil.which("javac") and shutil.which("java"):
        return None
    return "no JDK: javac and java (17 or newer) are not on the PATH"


def build() -> Sequence[Path]:
    """The class path, with our one class compiled; from the cache when it is there. Raises UserError."""
    classes = default_cache() / f"bench-client-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    needed = jars(COORDINATES, "the Java client")
    if not classes.exists():
        with tempfile.TemporaryDirectory(dir=default_cache()) as folder:
            subprocess.run(
                ["javac", "--release", "17", "-proc:none", "-cp", _joined(needed), "-d", folder, str(SOURCE)],
                check=True,
            )
            shutil.copytree(folder, classes)
    return [classes, *needed]


def java_client(address: str, client: str, log: Path) -> Program:
    """The client, running."""
    return Program(["java", "-cp", _joined(build()), "BenchClient", address, *job_types(client)], log)


def _joined(paths: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, paths))
