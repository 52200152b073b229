"""Downloads by Maven coordinates: resumed when broken, verified by checksum, kept in the cache.

jgo says where the artifact lies (its configuration is also where a user names a mirror), httpx fetches it:
jgo itself neither resumes nor refuses a file with the wrong checksum.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from workers.runtime.errors import UserError
from workers.runtime.native.locks import exclusive

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be."""

ATTEMPTS = 5
AT_ONCE = 8


@dataclass(frozen=True)
class Artifact:
    """A file in a Maven repository, pinned by size and checksum."""

    group: str
    name: str
    version: str
    packaging: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the cache."""
        return f"{self.name}-{self.version}.{self.packaging}"


CAMUNDA = Artifact(
    "io.camunda",
    "camunda-zeebe",
    "8.6.0",
    "tar.gz",
    299_201_896,
    "5c699e86a6c9d290dd7b1f0b2ea648fb57fd1dacf1cab22c874219e58827ea45",
)

FEEL = Artifact(
    "org.camunda.feel",
    "feel-engine",
    "1.18.5",
    "jar",
    1_011_693,
    "b8163c3f4cac10f6499422f8a8fb80834d7b5946b08055cdae3257a42a233f46",
)
"""The bug-fix release of what 8.6.0 brings as 1.18.0, which built all its functions anew for every expression
(camunda/feel-scala pull request 1108): a fifth of the broker's processor time in fulfillment."""


class _TryAgainError(Exception):
    """This attempt broke; another may continue where it ended."""


def addresses(artifact: Artifact) -> list[str]:
    """Where to look for it, in order: repositories of the user's jgo configuration, then Maven Central."""
    # Importing jgo costs 0.6 s, which every start would pay although only the first one downloads.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext()
    repositories = {**GlobalSettings.load().repositories, **context.remote_repos}
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    path = component.path_prefix.as_posix()
    return [f"{address.rstrip('/')}/{path}/{artifact.file_name}" for address in repositories.values()]


def fetch(
    artifact: Artifact,
    cache: Path,
    progress: Progress,
    on_wait: Callable[[], None] | None = None,
    sources: Sequence[str] | None = None,
) -> Path:
    """The artifact's file in the cache, downloaded unless it is there.

    Nothing under its final name is ever incomplete: the download grows as `.part`, is verified and then renamed.
    Raises UserError when it cannot be had.
    """
    target = cache / artifact.file_name
    if target.exists():
        return target
    with exclusive(cache / f"{artifact.file_name}.lock", on_wait):
        _fetch(artifact, cache, progress, sources)
    return target


def fetch_all(
    artifacts: Sequence[Artifact],
    folder: Path,
    progress: Progress,
    on_wait: Callable[[], None] | None = None,
) -> list[Path]:
    """All files in `folder`, several at a time, each as `fetch` does; under one lock for the folder.

    Touches no network when they are there. Raises UserError when one cannot be had.
    """
    targets = [folder / artifact.file_name for artifact in artifacts]
    if all(target.exists() for target in targets):
        return targets
    total, done = sum(artifact.size for artifact in artifacts), dict.fromkeys(artifacts, 0)

    def get(artifact: Artifact) -> None:
        def tell(here: int, _all: int) -> None:
            done[artifact] = here
            progress(sum(done.values()), total)

        _fetch(artifact, folder, tell)
        tell(artifact.size, artifact.size)

    with exclusive(folder.with_name(f"{folder.name}.lock"), on_wait), ThreadPoolExecutor(AT_ONCE) as pool:
        folder.mkdir(exist_ok=True)
        list(pool.map(get, artifacts))
    return targets


def _fetch(artifact: Artifact, folder: Path, progress: Progress, sources: Sequence[str] | None = None) -> None:
    """Downloads unless it is there; the caller holds the lock."""
    target = folder / artifact.file_name
    if not target.exists():
        part = folder / f"{artifact.file_name}.part"
        _download(artifact, part, sources or addresses(artifact), progress)
        part.rename(target)


def _download(artifact: Artifact, part: Path, sources: Sequence[str], progress: Progress) -> None:
    began_before = part.exists()
    _from_any(artifact, part, sources, progress)
    if sha256_of(part) == artifact.sha256:
        return
    part.unlink()
    if began_before:  # what lay there may have been the broken half: once more from the beginning
        _from_any(artifact, part, sources, progress)
        if sha256_of(part) == artifact.sha256:
            return
        part.unlink()
    raise UserError(
        f"The download of {artifact.file_name} is not the file it should be: its checksum differs.",
        hint="Run the command again; if it stays so, the Maven repository or mirror serves a changed file.",
    )


def _from_any(artifact: Artifact, part: Path, sources: Sequence[str], progress: Progress) -> None:
    reason = "no repository is configured"
    for source in sources:
        for attempt in range(ATTEMPTS):
            try:
                _attempt(source, artifact, part, progress)
            except _TryAgainError as broken:
                reason = str(broken)
                time.sleep(min(0.5 * 2**attempt, 5))
            except (httpx.HTTPStatusError, httpx.InvalidURL, httpx.UnsupportedProtocol) as refused:
                reason = str(refused).splitlines()[0]
                break
            else:
                return
    raise UserError(
        f"{artifact.file_name} could not be downloaded: {reason.rstrip('.')}.",
        hint="Check the network connection (or the [repositories] in jgo's configuration) and run the command "
        "again: it continues where it stopped.",
    )


def _attempt(source: str, artifact: Artifact, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > artifact.size:
        part.unlink()
        have = 0
    if have == artifact.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with httpx.stream("GET", source, headers=headers, follow_redirects=True, timeout=30) as response:
            _save(response, artifact, part, have, progress)
    except httpx.TransportError as error:
        raise _TryAgainError(f"the connection broke ({error or type(error).__name__})") from error
    if part.stat().st_size < artifact.size:
        raise _TryAgainError("the connection ended early")


def _save(response: httpx.Response, artifact: Artifact, part: Path, have: int, progress: Progress) -> None:
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink()
        raise _TryAgainError("the server cannot continue the download")
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise _TryAgainError(f"the server answered {response.status_code}")
    response.raise_for_status()
    continued = response.headers.get("content-range", "").startswith(f"bytes {have}-")
    done = have if have and continued else 0
    with part.open("ab" if done else "wb") as file:
        for chunk in response.iter_raw(1 << 18):
            file.write(chunk)
            done += len(chunk)
            progress(min(done, artifact.size), artifact.size)
            if done > artifact.size:
                return


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raises UserError unless `needed` bytes are free where `folder` is (or will be)."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise UserError(
            f"{what} needs {needed / 1e9:.1f} GB in {folder}, but only {free / 1e9:.1f} GB are free there.",
            hint="Make room, or name another place with ORDEROPS_CACHE (downloads) or ORDEROPS_HOME (data).",
        )
