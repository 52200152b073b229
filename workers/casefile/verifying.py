"""Verifies the timeline: whether it still says what was sealed, and whether the seals are those that were made.

Reads everything, page by page in one snapshot, and hashes it here. What is held in memory is a page, and where the
chain of one case stands.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from workers.casefile import verifying_statements as statements
from workers.casefile.anchors import Told
from workers.casefile.db import Database
from workers.casefile.direct import Direct, Statement
from workers.casefile.findings import Finding, What
from workers.casefile.seal import BEGINNING, BLANK, digest_of, hash_of
from workers.casefile.verifying_anchors import Anchors

_LEAST = -(2**63)


@dataclass
class _Chain:
    """Where we are in the chain of a case."""

    case_id: str
    seq: int = 0
    hash: bytes = BEGINNING
    number: int = 0
    head_seq: int | None = None
    head_hash: bytes | None = None
    erased: dict[int, int] = field(default_factory=dict)
    """Erased entries that no entry has accounted for yet: timeline id → seq."""

    def follow(self, row: Any) -> Iterator[Finding]:
        """What is wrong with the audit entry; what it seals is judged elsewhere."""
        if row.seq != self.seq + 1:
            first, last = self.seq + 1, row.seq - 1
            gone = f"audit entry {first}" if first == last else f"audit entries {first} to {last}"
            yield self._found(What.DELETED, f"{gone} before it is not there", row.seq)
        elif row.number <= self.number:
            yield self._found(What.REORDERED, "its audit entry is older than the one before it", row.seq)
        elif row.hash != hash_of(self.hash, row.case_id, row.seq, row.timeline_id, row.digest):
            yield self._found(What.CHANGED, "its audit entry or the one before it is not as it was made", row.seq)
        self.seq, self.hash, self.number = row.seq, row.hash, row.number
        self.head_seq, self.head_hash = row.head_seq, row.head_hash

    def account(self, row: Any) -> None:
        """Keep in mind what was erased, and that an entry says so."""
        if row.erased_digest is not None:
            self.erased[row.timeline_id] = row.seq
        if row.erased_up_to is not None and row.erased_up_to.isdecimal():
            up_to = int(row.erased_up_to)
            self.erased = {entry: seq for entry, seq in self.erased.items() if entry > up_to}

    def end(self) -> Iterator[Finding]:
        """What is wrong with the whole."""
        if self.head_seq is None:
            yield self._found(What.DELETED, "where its chain ends is not noted any more")
        elif self.head_seq > self.seq:
            yield self._found(What.TRUNCATED, f"{self.head_seq} entries were sealed, {self.seq} are there")
        elif self.head_seq < self.seq:
            yield self._found(What.INSERTED, f"{self.head_seq} entries were sealed, {self.seq} are there")
        elif self.head_hash != self.hash:
            yield self._found(What.CHANGED, "the chain does not end with the hash that was noted", self.seq)
        for seq in self.erased.values():
            yield self._found(What.CHANGED, "it was erased, and no entry says on whose request", seq)

    def _found(self, what: What, says: str, seq: int | None = None) -> Finding:
        return Finding(what, says, self.case_id, seq)


_ONE_SNAPSHOT = Statement(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Direct]:
    """A connection that sees the database as it is now, for as long as it takes."""
    async with database.patient() as connection, connection.transaction():
        await connection.rows(_ONE_SNAPSHOT, {})
        yield connection


class Verification:
    """One run over everything, or over one case. `findings` does it; the numbers grow meanwhile."""

    def __init__(
        self,
        reader: Direct,
        *,
        case_id: str | None = None,
        told: Iterable[Told] = (),
        on_progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        """`reader` is in a `snapshot`. `told` are the anchors as the outside knows them, by number."""
        self.entries = 0
        self.cases = 0
        self.anchors = 0
        self._reader = reader
        self._case_id = case_id
        self._told = told
        self._on_progress = on_progress

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is wrong, in the order in which it is found."""
        progress = await self._reader.rows(statements.PROGRESS, {})
        entries = progress[0].entries if progress else 0
        if not progress:
            yield Finding(What.DELETED, "how many entries were sealed is not noted any more")
        async for finding in self._chains(entries):
            yield finding
        async for finding in self._lost():
            yield finding
        if self._case_id is None:
            anchors = Anchors(self._reader, self._told)
            async for finding in anchors.findings(entries):
                yield finding
            self.anchors = anchors.verified

    async def _chains(self, entries: int) -> AsyncIterator[Finding]:
        chain: _Chain | None = None
        async for row in self._rows():
            if chain is None or chain.case_id != row.case_id:
                for finding in chain.end() if chain else ():
                    yield finding
                chain = _Chain(row.case_id)
                self.cases += 1
            for finding in chain.follow(row):
                yield finding
            if changed := await _of_content(self._reader, row):
                yield changed
            else:
                chain.account(row)
            self.entries += 1
            if self.entries % statements.PAGE == 0:
                self._on_progress(self.entries, entries)
        for finding in chain.end() if chain else ():
            yield finding
        self._on_progress(self.entries, entries)

    async def _rows(self) -> AsyncIterator[Any]:
        one = self._case_id is not None
        statement = statements.ENTRIES_OF_CASE if one else statements.ENTRIES
        values = {"of_case": self._case_id or "", "after": _LEAST}
        while page := await self._reader.rows(statement, values):
            for row in page:
                yield row
            values = {"of_case": page[-1].case_id, "after": page[-1].seq}

    async def _lost(self) -> AsyncIterator[Finding]:
        """Chains of which nothing is left, and timeline entries that have no seal."""
        for row in await self._of_case(statements.LOST_CHAINS, statements.LOST_CHAIN_OF_CASE):
            yield Finding(What.TRUNCATED, f"{row.seq} entries were sealed, none is there", row.case_id)
        for row in await self._of_case(statements.STRAYS, statements.STRAYS_OF_CASE):
            says = f"timeline entry {row.id} came past the sealer, or its audit entry is not there"
            yield Finding(What.INSERTED, says, row.case_id)

    async def _of_case(self, of_all: Statement, of_one: Statement) -> Sequence[Any]:
        if self._case_id is None:
            return await self._reader.rows(of_all, {})
        return await self._reader.rows(of_one, {"of_case": self._case_id})


async def _of_content(reader: Direct, row: Any) -> Finding | None:
    """Whether a timeline entry still says what was sealed."""
    if not row.there:
        return Finding(What.DELETED, "its timeline entry is not there", row.case_id, row.seq)
    digest = digest_of(row.opened, row.personal, row.erased_digest)
    if digest == row.digest and row.erased_digest is not None and row.personal != BLANK:
        return Finding(What.CHANGED, "something was written where it was erased", row.case_id, row.seq)
    if digest == row.digest:
        return None
    if other := await reader.rows(statements.OF_DIGEST, {"of_case": row.case_id, "with_digest": digest}):
        says = f"its timeline entry says what was sealed as entry {other[0].seq}"
        return Finding(What.REORDERED, says, row.case_id, row.seq)
    return Finding(What.CHANGED, "its timeline entry does not say what was sealed", row.case_id, row.seq)
