"""Pins the jars that OpenSearch runs from, by version, size and checksum: run by `make lock`."""

import sys
import tomllib
from collections.abc import Iterator

from tests.maven import jars
from workers.runtime.native.search import COORDINATES, LOCK


def main() -> None:
    """Write the lock file anew, from jgo's own; raises UserError when a jar cannot be had.

    One by one, the first wins: together, versions that log4j's own build manages would replace OpenSearch's.
    """
    lines: dict[str, str] = {}
    for coordinates in COORDINATES:
        for name, line in _locked(coordinates):
            lines.setdefault(name, line)
    LOCK.write_text("\n".join(sorted(lines.values())) + "\n")
    sys.stdout.write(f"{LOCK.name}: {len(lines)} jars\n")


def _locked(coordinates: str) -> Iterator[tuple[str, str]]:
    """Name, and coordinates with size and checksum, of a jar and all it needs."""
    files = {jar.name: jar for jar in jars(coordinates, "OpenSearch")}
    environment = next(iter(files.values())).parents[1]
    for one in tomllib.loads((environment / "jgo.lock.toml").read_text())["dependencies"]:
        name, version = f"{one['groupId']}:{one['artifactId']}", one["version"]
        size = files[f"{one['artifactId']}-{version}.jar"].stat().st_size
        yield name, f"{name}:{version} {size} {one['sha256']}"


if __name__ == "__main__":
    main()
