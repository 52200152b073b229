"""Verifies that no audit entry is missing, and that the anchors are those that were made and told outside."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from workers.casefile import verifying_statements as statements
from workers.casefile.anchors import Told
from workers.casefile.audit_models import AuditAnchor
from workers.casefile.direct import Direct
from workers.casefile.findings import Finding, What
from workers.casefile.seal import BEGINNING, anchor_hash


class Anchors:
    """One run over all entries by their numbers. `findings` does it; `verified` grows meanwhile."""

    def __init__(self, reader: Direct, told: Iterable[Told]) -> None:
        """`told` are the anchors as the outside knows them, by number."""
        self.verified = 0
        self._reader = reader
        self._numbered = _Numbered(reader)
        self._outside = _Outside(told)
        self._last = AuditAnchor(number=0, entries=0, hash=BEGINNING)
        self._rewritten = 0

    async def findings(self, entries: int) -> AsyncIterator[Finding]:
        """Everything that is wrong; `entries` were sealed."""
        async for row in _anchors(self._reader):
            async for finding in self._of_one(AuditAnchor(**row._asdict())):
                yield finding
            self.verified += 1
        _, gaps = await self._numbered.digest(entries)
        _, beyond = await self._numbered.digest(None)
        _, of_file = self._outside.take(None)
        for finding in (*gaps, *beyond, *of_file):
            yield finding
        if self._rewritten > 1:
            says = f"{self._rewritten - 1} more after it are not those that were told to the outside either"
            yield Finding(What.ANCHOR, says)
        if self._outside.number > self._last.number:
            lost = _span("anchor", self._last.number + 1, self._outside.number)
            yield Finding(What.ANCHOR, f"{lost} told to the outside, but not there")

    async def _of_one(self, anchor: AuditAnchor) -> AsyncIterator[Finding]:
        last, self._last = self._last, anchor
        digest, gaps = await self._numbered.digest(anchor.entries)
        told, of_file = self._outside.take(anchor.number)
        for finding in (*gaps, *of_file):
            yield finding
        if anchor.number != last.number + 1:
            yield Finding(What.ANCHOR, f"{_span('anchor', last.number + 1, anchor.number - 1)} not there")
        elif anchor.hash != anchor_hash(last.hash, anchor):
            yield Finding(What.ANCHOR, f"anchor {anchor.number} or the one before it is not as it was made")
        elif digest != anchor.digest and not gaps:
            says = f"anchor {anchor.number} was made of other entries; {await self._covered(last, anchor)}"
            yield Finding(What.ANCHOR, says)
        if told is not None and told.hash != anchor.hash.hex():
            self._rewritten += 1
            if self._rewritten == 1:
                says = f"anchor {anchor.number} is not the one that was told to the outside"
                yield Finding(What.ANCHOR, f"{says}; {await self._covered(last, anchor)}")

    async def _covered(self, last: AuditAnchor, anchor: AuditAnchor) -> str:
        """Where to look, in words."""
        [row] = await self._reader.rows(statements.CASES_BETWEEN, {"after": last.entries, "until": anchor.entries})
        others = f" and {row.cases - 1} other cases" if row.cases > 1 else ""
        return f"it covers the entries of {anchor.made_at:%Y-%m-%d %H:%M:%S} UTC: case {row.one}{others}"


class _Outside:
    """The anchors as they were told to the outside, one after the other."""

    def __init__(self, told: Iterable[Told]) -> None:
        self.number = 0
        """The highest so far."""
        self._told = iter(told)
        self._next = next(self._told, None)
        self._before = BEGINNING.hex()

    def take(self, number: int | None) -> tuple[Told | None, list[Finding]]:
        """The anchor of this number, if the outside knows it, and what is wrong there up to it."""
        taken: Told | None = None
        found: list[Finding] = []
        while self._next is not None and (number is None or self._next.number <= number):
            taken, self._next = self._next, next(self._told, None)
            found += self._judge(taken)
        return (taken if taken and taken.number == number else None), found

    def _judge(self, told: Told) -> Iterator[Finding]:
        before, last = self._before, self.number
        self._before, self.number = told.hash, told.number
        if told.number > last + 1:
            yield Finding(What.ANCHOR, f"{_span('anchor', last + 1, told.number - 1)} not in the file")
        elif told.number <= last:
            yield Finding(What.ANCHOR, f"anchor {told.number} comes after anchor {last} in the file")
        elif told.previous != before or told.hash != anchor_hash(bytes.fromhex(before), told.anchor).hex():
            yield Finding(What.ANCHOR, f"anchor {told.number} of the file or the one before it was changed there")


class _Numbered:
    """The hashes of all audit entries by number, taken in portions."""

    def __init__(self, reader: Direct) -> None:
        self._reader = reader
        self._page: Sequence[Any] = ()
        self._at = 0
        self._after = -(2**63)
        self._next = 1

    async def digest(self, until: int | None) -> tuple[bytes, list[Finding]]:
        """SHA-256 of the hashes up to this number, and what is missing there."""
        digest, gaps = hashlib.sha256(), list[Finding]()
        while (row := await self._peek()) and (until is None or row.number <= until):
            if row.number > self._next:
                gaps.append(_gap(self._next, row.number - 1))
            digest.update(row.hash)
            self._next = row.number + 1
            self._at += 1
        if until is not None and self._next <= until:
            gaps.append(_gap(self._next, until))
            self._next = until + 1
        return digest.digest(), gaps

    async def _peek(self) -> Any:
        """The next entry; None after the last."""
        if self._at == len(self._page):
            self._page, self._at = await self._reader.rows(statements.HASHES, {"after": self._after}), 0
            self._after = self._page[-1].number if self._page else self._after
        return self._page[self._at] if self._page else None


def _gap(first: int, last: int) -> Finding:
    return Finding(What.DELETED, f"{_span('audit entry', first, last)} not there (numbers over all cases)")


def _span(what: str, first: int, last: int) -> str:
    plural = "audit entries" if what == "audit entry" else f"{what}s"
    return f"{what} {first} is" if first == last else f"{plural} {first} to {last} are"


async def _anchors(reader: Direct) -> AsyncIterator[Any]:
    after = -(2**63)
    while page := await reader.rows(statements.ANCHORS, {"after": after}):
        for row in page:
            yield row
        after = page[-1].number
