"""Anchors outside the database: a file to which lines are only ever added, one JSON object each.

Who rewrites history in the database would have to rewrite this file too, and every copy of it.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from workers.casefile.audit_models import AuditAnchor

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_TAIL = 64 * 1024
"""Bytes at the end of a file in which its last line surely begins."""


class Told(BaseModel):
    """An anchor as it was told to the outside. `previous` is the hash of the anchor before it."""

    model_config = ConfigDict(frozen=True)

    number: int
    made_at: AwareDatetime
    entries: int
    cases: int
    digest: Hash
    previous: Hash
    hash: Hash

    @property
    def anchor(self) -> AuditAnchor:
        """As the database has it."""
        return AuditAnchor(
            number=self.number,
            made_at=self.made_at,
            entries=self.entries,
            cases=self.cases,
            digest=bytes.fromhex(self.digest),
            hash=bytes.fromhex(self.hash),
        )


def told(anchor: AuditAnchor, previous: bytes) -> Told:
    """What is told of an anchor."""
    return Told(
        number=anchor.number,
        made_at=anchor.made_at,
        entries=anchor.entries,
        cases=anchor.cases,
        digest=anchor.digest.hex(),
        previous=previous.hex(),
        hash=anchor.hash.hex(),
    )


def read(path: Path) -> Iterator[Told]:
    """Every anchor in the file. A line that is none is passed over: its number is missing then."""
    with path.open("rb") as lines:
        for line in lines:
            if anchor := _parsed(line):
                yield anchor


def last(path: Path) -> Told | None:
    """The last anchor in the file; None when there is no such file, or nothing in it. Raises OSError."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        return _last(file.fileno())


def append(path: Path, anchors: Sequence[Told]) -> None:
    """Add those that the file has not, and return when they are on the disk. Raises OSError.

    Idempotent, also while another process does the same.
    """
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = _last(file.fileno())
        lines = [anchor.model_dump_json() for anchor in anchors if known is None or anchor.number > known.number]
        broken = _tail(file.fileno())[-1:] not in {b"", b"\n"}
        file.write("".join(f"{line}\n" for line in ([""] if broken else []) + lines).encode())
        file.flush()
        os.fsync(file.fileno())


def _tail(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _TAIL, max(size - _TAIL, 0))


def _last(descriptor: int) -> Told | None:
    parsed = map(_parsed, reversed(_tail(descriptor).splitlines()))
    return next((anchor for anchor in parsed if anchor), None)


def _parsed(line: bytes) -> Told | None:
    try:
        return Told.model_validate_json(line)
    except ValidationError:
        return None
