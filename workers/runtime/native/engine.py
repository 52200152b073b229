"""The engine's program files: downloaded and unpacked once, then shared read-only by all instances."""

import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.errors import UserError
from workers.runtime.native import loopback
from workers.runtime.native.downloads import CAMUNDA, FEEL, Progress, fetch, require_space
from workers.runtime.native.locks import exclusive

UNPACKED_BYTES = 325_000_000
FAST_START_BYTES = 300_000_000
"""What recording a fast start takes at its highest."""


@dataclass(frozen=True)
class Engine:
    """An unpacked Camunda."""

    folder: Path

    @property
    def class_path(self) -> list[str]:
        """All jars in a fixed order: a recorded fast start holds for exactly this.

        Our one changed class comes first, and the mended expression engine takes the place of the archive's own.
        """
        jars = sorted(
            path for path in (self.folder / "lib").glob("*.jar") if not path.name.startswith(f"{FEEL.name}-")
        )
        return [str(jar) for jar in (self.folder / "loopback.jar", self.folder.parent / FEEL.file_name, *jars)]


def engine_folder(cache: Path) -> Path:
    """Where the unpacked engine lies."""
    return cache / f"camunda-{CAMUNDA.version}"


def prepare_engine(cache: Path, progress: Progress, on_wait: Callable[[], None] | None = None) -> Engine:
    """The unpacked engine, downloaded and unpacked unless it is there. Touches no network when it is.

    Raises UserError: no network, too little disk, a wrong checksum, a broken archive.
    """
    folder = engine_folder(cache)
    if not folder.exists():
        if not (cache / CAMUNDA.file_name).exists():
            needed = CAMUNDA.size + UNPACKED_BYTES + FAST_START_BYTES
            require_space(cache, needed, "Camunda, downloaded and unpacked,")
        archive = fetch(CAMUNDA, cache, progress, on_wait)
        unpack(archive, folder, on_wait)
    fetch(FEEL, cache, progress, on_wait)
    return Engine(folder)


def unpack(archive: Path, folder: Path, on_wait: Callable[[], None] | None = None) -> None:
    """Unpacks into `folder`, which appears complete or not at all; what an interrupted attempt left is removed."""
    with exclusive(folder.parent / f"{folder.name}.lock", on_wait):
        if folder.exists():
            return
        require_space(folder.parent, UNPACKED_BYTES, "Unpacking Camunda")
        unfinished = folder.with_name(f"{folder.name}.unpacking")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(unfinished, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise UserError(
                f"{archive} could not be unpacked: {error}.", hint=f"Delete {archive} and run the command again."
            ) from error
        top = next(path for path in unfinished.iterdir() if path.is_dir())
        loopback.write_patch(top / "lib", top / "loopback.jar")
        top.rename(folder)
        unfinished.rmdir()
