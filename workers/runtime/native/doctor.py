"""What is missing or broken on this machine, and how to mend each."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig
from workers.runtime.native.downloads import CAMUNDA, require_space, sha256_of
from workers.runtime.native.engine import FAST_START_BYTES, UNPACKED_BYTES, Engine, engine_folder
from workers.runtime.native.java import find_java
from workers.runtime.native.ports import StackPorts, require_free
from workers.runtime.native.postgres import postgres_version
from workers.runtime.native.search import locked, search_folder
from workers.runtime.native.stack import DATA_BYTES
from workers.runtime.native.state import State, choose_ports, instances, is_full

LEAST_PYTHON = (3, 11)
LIGHT_BYTES = 1_000_000_000
FULL_BYTES = 2_500_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str
    mend: str = ""


def examine(config: StackConfig) -> Iterator[Finding]:
    """Looks at everything an instance needs; changes nothing and touches no network."""
    yield _look("Python", _python)
    yield _look("Java", lambda: _java(config))
    yield _look("PostgreSQL", postgres_version)
    yield _look("Camunda, downloaded", lambda: _archive(config))
    yield _look("Camunda, unpacked", lambda: _unpacked(config))
    yield _look("OpenSearch, for --full", lambda: _search(config))
    yield _look("Memory", lambda: _memory(config))
    yield _look("Disk, downloads", lambda: _space_for_downloads(config))
    yield _look("Disk, data", lambda: _space_for_data(config))
    yield _look("Ports", lambda: _ports(config))
    yield _look("Earlier runs", lambda: _leftovers(config))


def _look(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except UserError as error:
        return Finding(what, False, str(error), error.hint or "")


def _python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < LEAST_PYTHON:
        raise UserError(f"Python {version} is too old.", hint="Install Python 3.11 or newer and run `make setup`.")
    return version


def _java(config: StackConfig) -> str:
    java = find_java(config.java)
    return f"{java.path}, version {java.version}"


def _archive(config: StackConfig) -> str:
    archive = config.cache / CAMUNDA.file_name
    if not archive.exists():
        return f"not yet; the first start downloads it to {config.cache}"
    if sha256_of(archive) != CAMUNDA.sha256:
        raise UserError(f"{archive} is not what it should be: its checksum differs.", hint=f"Delete {archive}.")
    return f"{archive}, checksum right"


def _unpacked(config: StackConfig) -> str:
    folder = engine_folder(config.cache)
    if not folder.exists():
        return "not yet; the first start unpacks it"
    if missing := [path for path in (folder / "lib", folder / "loopback.jar") if not path.exists()]:
        raise UserError(f"{folder} is incomplete: {missing[0].name} is missing.", hint=f"Delete {folder}.")
    return f"{folder}, {len(Engine(folder).class_path)} jars"


def _search(config: StackConfig) -> str:
    folder = search_folder(config.cache)
    jars = {folder / artifact.file_name: artifact for artifact in locked()}
    there = [jar for jar in jars if jar.exists()]
    if len(there) < len(jars):
        return f"{len(there)} of {len(jars)} jars; the first full start downloads them to {folder}"
    if wrong := [jar for jar, artifact in jars.items() if sha256_of(jar) != artifact.sha256]:
        raise UserError(f"{wrong[0]} is not what it should be: its checksum differs.", hint=f"Delete {folder}.")
    return f"{folder}, {len(jars)} jars, checksums right"


def _memory(config: StackConfig) -> str:
    free = psutil.virtual_memory().available
    running = State.load(config.state_dir)
    if is_full(config) and not (running and running.owner.alive()) and free < FULL_BYTES:
        raise UserError(
            f"{free / 1e9:.1f} GB are free; with Operate and Tasklist it takes {FULL_BYTES / 1e9:.1f} GB.",
            hint="End other programs, or start without them: `orderops up --no-full`.",
        )
    return f"{free / 1e9:.1f} GB free; light takes {LIGHT_BYTES / 1e9:.1f} GB, full {FULL_BYTES / 1e9:.1f} GB"


def _space_for_downloads(config: StackConfig) -> str:
    if not engine_folder(config.cache).exists():
        needed = CAMUNDA.size + UNPACKED_BYTES + FAST_START_BYTES
        require_space(config.cache, needed, "Camunda, downloaded and unpacked,")
    return f"enough in {config.cache}"


def _space_for_data(config: StackConfig) -> str:
    require_space(config.state_dir, DATA_BYTES, f"Instance {config.instance}")
    return f"enough in {config.state_dir}"


def _ports(config: StackConfig) -> str:
    ports: StackPorts = choose_ports(config)
    state = State.load(config.state_dir)
    if state and state.owner.alive():
        return f"{ports.base} and following, in use by the running instance"
    require_free(ports.named(full=is_full(config)))
    return f"{ports.base} and following are free"


def _leftovers(config: StackConfig) -> str:
    for folder in instances(config.home):
        state = State.load(folder)
        if state and not state.owner.alive() and (left := state.leftovers()):
            pids = ", ".join(str(one.pid) for one in left)
            raise UserError(
                f"Instance {folder.name} died and left processes {pids}.",
                hint=f"Run `orderops down --instance {folder.name}`.",
            )
    return "nothing left over"
